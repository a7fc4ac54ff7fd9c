// Reaching a bootstrap peer over several addresses at once: the first to answer
// is used, and nothing stays open of the others.

import assert from "node:assert/strict";
import { reach } from "../../src/admission/bootstrap.ts";
import type { JoinDialing } from "../../src/admission/mod.ts";
import { limits, peerIdOf, UnreachableError } from "../../src/kernel/mod.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { Lab, never } from "./admission_lab.ts";
import { MemoryStream, pause } from "./admission_stream.ts";

const peer = peerIdOf(new Uint8Array(32));

function addresses(count: number): readonly NetworkAddress[] {
  return Array.from(
    { length: count },
    (_, index) => ({ ip: `192.0.2.${index}`, port: 1 }),
  );
}

/** Answers after some time for each address; undefined: never. */
function openDialer(lab: Lab, delaysMs: readonly (number | undefined)[]) {
  const open = new Set<string>();
  const dialled: string[] = [];
  const dialer: JoinDialing = {
    dial: async (_peer, { ip }, { signal }) => {
      dialled.push(ip);
      const delayMs = delaysMs[Number(ip.split(".")[3])];
      if (delayMs === undefined) {
        await new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason))
        );
      }
      await pause(lab.world, delayMs ?? 0); // deaf to its signal meanwhile
      open.add(ip);
      const [stream] = MemoryStream.pair(lab.world);
      return {
        stream,
        [Symbol.asyncDispose]: async () => {
          await pause(lab.world, 1);
          open.delete(ip);
        },
      };
    },
  };
  return { dialer, open, dialled };
}

Deno.test("reach() uses the first address that answers and closes the late ones", async () => {
  const lab = new Lab();
  const { dialer, open } = openDialer(lab, [undefined, 30, 10, 50]);
  await lab.run((async () => {
    const candidate = { peer, addresses: addresses(4) };
    const reached = await reach(lab.making.clock, candidate, {
      dialer,
      signal: never,
    });
    assert.equal(reached.address.ip, "192.0.2.2");
    assert.deepEqual([...open], ["192.0.2.2"]);
    assert.equal(lab.world.timerCount, 0);
  })());
});

Deno.test("reach() keeps one of two that answer at once", async () => {
  const lab = new Lab();
  const { dialer, open } = openDialer(lab, [10, 10]);
  await lab.run((async () => {
    const candidate = { peer, addresses: addresses(2) };
    const options = { dialer, signal: never };
    const reached = await reach(lab.making.clock, candidate, options);
    assert.deepEqual([...open], [reached.address.ip]);
  })());
});

Deno.test("reach() dials no more addresses than an invite may have, and gives up in time", async () => {
  const lab = new Lab();
  const { dialer, dialled } = openDialer(lab, []);
  await lab.run((async () => {
    const candidate = { peer, addresses: addresses(20) };
    await assert.rejects(
      reach(lab.making.clock, candidate, { dialer, signal: never }),
      UnreachableError,
    );
    assert.equal(dialled.length, limits.inviteAddressesMax);
    assert.equal(lab.world.nowMs, limits.dialMsMax);
  })());
});

Deno.test("reach() of a peer without addresses fails at once", async () => {
  const lab = new Lab();
  const { dialer } = openDialer(lab, []);
  await lab.run((async () => {
    await assert.rejects(
      reach(lab.making.clock, { peer, addresses: [] }, {
        dialer,
        signal: never,
      }),
      UnreachableError,
    );
    assert.equal(lab.world.nowMs, 0);
  })());
});
