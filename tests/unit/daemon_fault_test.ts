// A daemon whose certificate ages, whose disk fills up, fails or rots, and
// whose files were damaged: it starts or says why not, serves what it has, and
// shows in its status what is wrong. Over simulated ports, in virtual time.

import assert from "node:assert/strict";
import { type Digest, type PlnError, utf8 } from "../../src/kernel/mod.ts";
import type { StatusReport } from "../../src/control/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import {
  type DaemonLab,
  daemonTest,
  eventsOf,
  type RunningDaemon,
  startDaemon,
  stopDaemon,
} from "./daemon_lab.ts";

const never = new AbortController().signal;
const dayMs = 86_400_000;
const journal = "journal/00000001.log";

function alarmsOf(status: StatusReport): readonly string[] {
  return status.alarms.map(({ message }) => message);
}

async function publish(
  { client }: RunningDaemon,
  name: string,
  number = 0,
): Promise<string> {
  const { digest } = await client.publishSeed(name, sampleModule(number), {
    config: {},
  });
  return digest;
}

function assertCode(code: string): (error: PlnError) => boolean {
  return (error) => {
    assert.equal(error.code, code, error.message);
    return true;
  };
}

daemonTest(
  "S16: runDaemon() renews its certificate as it ages",
  async (lab) => {
    const daemon = await startDaemon(lab);
    const first = (await daemon.status()).node.certificateNotAfterMs;
    const { clock } = daemon.process;
    await clock.sleep(4.5 * dayMs, never);
    assert.equal((await daemon.status()).node.certificateNotAfterMs, first);
    await clock.sleep(0.5 * dayMs, never);
    const second = (await daemon.status()).node.certificateNotAfterMs;
    assert.ok(second > first + 4 * dayMs, `${second - first}`);
    await clock.sleep(10 * dayMs, never);
    const third = (await daemon.status()).node.certificateNotAfterMs;
    assert.ok(third > clock.wallMs() + 2 * dayMs);
    assert.ok(eventsOf(lab).includes("renewal.done"));
    await stopDaemon(daemon);
    const next = await startDaemon(lab);
    assert.equal((await next.status()).node.certificateNotAfterMs, third);
    await stopDaemon(next);
  },
);

daemonTest("S16: runDaemon() tries a failed renewal again", async (lab) => {
  const daemon = await startDaemon(lab);
  const first = (await daemon.status()).node.certificateNotAfterMs;
  const { clock } = daemon.process;
  const full = lab.machine.disk.fail("full", { path: "certs" });
  await clock.sleep(6 * dayMs, never);
  const failed = await daemon.status();
  assert.equal(failed.node.certificateNotAfterMs, first);
  assert.match(
    alarmsOf(failed).join(),
    /certificate ends in 1d and could not be renewed: Cannot write "certs/,
  );
  assert.match(failed.alarms[0]?.hint ?? "", /Free some space/);
  full[Symbol.dispose]();
  await clock.sleep(dayMs / 12, never);
  const mended = await daemon.status();
  assert.ok(mended.node.certificateNotAfterMs > first);
  assert.deepEqual(mended.alarms, []);
  await stopDaemon(daemon);
});

daemonTest("S16: runDaemon() renews at the start what expired", async (lab) => {
  const first = await startDaemon(lab);
  await stopDaemon(first);
  const { promise, resolve } = Promise.withResolvers<void>();
  lab.world.after(20 * dayMs, resolve);
  await promise;
  const daemon = await startDaemon(lab);
  const { node, alarms } = await daemon.status();
  assert.ok(node.certificateNotAfterMs > daemon.process.clock.wallMs());
  assert.deepEqual(alarms, []);
  await stopDaemon(daemon);
});

daemonTest(
  "S15: runDaemon() starts although its clock is years ahead",
  async (lab) => {
    const process = lab.machine.boot();
    process.clock.setWallOffset(3 * 365 * dayMs);
    const daemon = await startDaemon(lab, { process });
    const status = await daemon.status();
    assert.match(
      alarmsOf(status).join("\n"),
      /authority expired at 2027-.*; its clock says 2028-.*\n.* certificate exp/,
    );
    await publish(daemon, "a", 1);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    process.clock.setWallOffset(0);
    await process.clock.sleep(dayMs / 12, never);
    assert.deepEqual((await daemon.status()).alarms, []);
    await stopDaemon(daemon);
  },
);

/** A node with a seed, stopped. */
async function withSeed(lab: DaemonLab): Promise<string> {
  const daemon = await startDaemon(lab);
  const digest = await publish(daemon, "a", 1);
  await stopDaemon(daemon);
  return digest;
}

for (const [id, fault] of [["S11", "full"], ["S12", "io"]] as const) {
  daemonTest(
    `${id}: runDaemon() serves what it has from a disk that is ${fault}`,
    async (lab) => {
      await withSeed(lab);
      const { promise, resolve } = Promise.withResolvers<void>();
      lab.world.after(20 * dayMs, resolve); // its certificate has expired too
      await promise;
      const operations = ["write", "append", "sync"] as const;
      const faults = fault === "full"
        ? [lab.machine.disk.fail("full")]
        : operations.map((operation) =>
          lab.machine.disk.fail(fault, { operation })
        );
      const daemon = await startDaemon(lab);
      assert.equal(await daemon.call("a", "tag"), sampleTag(1));
      await assert.rejects(publish(daemon, "b", 2), assertCode("PLN_DISK"));
      const unseed = daemon.client.unpublishSeed("a");
      await assert.rejects(unseed, assertCode("PLN_DISK"));
      assert.equal(await daemon.call("a", "tag"), sampleTag(1));
      const alarms = alarmsOf(await daemon.status()).join("\n");
      assert.match(alarms, /certificate expired at .*"certs\/member\.pem"/);
      assert.match(alarms, /Cannot [a-z-]+ "journal/);
      assert.match(alarms, /"store\//);
      for (const one of faults) one[Symbol.dispose]();
      await publish(daemon, "b", 2);
      await daemon.process.clock.sleep(dayMs / 12, never);
      assert.deepEqual((await daemon.status()).alarms, []);
      assert.equal(await daemon.call("b", "tag"), sampleTag(2));
      await stopDaemon(daemon);
    },
  );
}

daemonTest(
  "S12: runDaemon() says why it cannot start read-only",
  async (lab) => {
    using _fault = lab.machine.disk.fail("read-only");
    await assert.rejects(startDaemon(lab), assertCode("PLN_DISK"));
  },
);

daemonTest("S10: runDaemon() cuts a torn journal and says so", async (lab) => {
  await withSeed(lab);
  const file = await lab.machine.disk.mount().openAppend(journal);
  await file.append(utf8("half a record"));
  await file.sync();
  const daemon = await startDaemon(lab);
  assert.equal(await daemon.call("a", "tag"), sampleTag(1));
  assert.deepEqual((await daemon.status()).alarms, []);
  const torn = lab.machine.log.records.find(({ event }) =>
    event === "state.torn_tail"
  );
  assert.deepEqual(torn?.fields, { bytes: 13 });
  await stopDaemon(daemon);
});

daemonTest(
  "S10: runDaemon() starts with a damaged journal, and asks",
  async (lab) => {
    const first = await startDaemon(lab);
    for (const number of [1, 2, 3]) await publish(first, `s${number}`, number);
    await stopDaemon(first);
    const disk = lab.machine.disk.mount();
    const { sizeBytes = 0 } = await disk.stat(journal) ?? {};
    // The seeds come after what the node says of itself.
    lab.machine.disk.corrupt(journal, Math.floor(sizeBytes * 0.8));
    const daemon = await startDaemon(lab);
    const before = await daemon.status();
    assert.match(alarmsOf(before).join(), /damaged and missing/);
    const left = before.seeds.map(({ name }) => name);
    assert.ok(left.length >= 1 && left.length < 3, `${left}`);
    await assert.rejects(publish(daemon, "b"), (error: PlnError) => {
      assert.equal(error.code, "PLN_CORRUPT");
      assert.match(error.hint ?? "", /run "pln recover --accept-loss"/);
      return true;
    });
    // Nothing is collected while it is open what was lost.
    const stored = await disk.list("store");
    assert.equal(stored.length >= 3, true);
    await daemon.client.acceptLoss();
    await publish(daemon, "b", 4);
    assert.deepEqual((await daemon.status()).alarms, []);
    for (const name of left) {
      const number = Number(name.slice(1));
      assert.equal(await daemon.call(name, "tag"), sampleTag(number));
    }
    await stopDaemon(daemon);
  },
);

const identityDamage: readonly (readonly [string, string])[] = [
  ["keys/node.pem", "PLN_CORRUPT"],
  ["keys/authority.pem", "PLN_CORRUPT"],
  ["certs/root.pem", "PLN_CORRUPT"],
  ["certs/authority.pem", "PLN_CORRUPT"],
  ["certs/member.pem", "PLN_CORRUPT"],
];

for (const [path, code] of identityDamage) {
  daemonTest(`S10: runDaemon() refuses a damaged ${path}`, async (lab) => {
    const disk = lab.machine.disk.mount();
    const whole = await disk.read(path, { bytesMax: 100_000 });
    const middle = Math.floor(whole.length / 2);
    for (const damaged of [whole.slice(0, middle), utf8(""), utf8("hello")]) {
      await disk.writeAtomic(path, damaged);
      const process = lab.machine.boot();
      await assert.rejects(
        startDaemon(lab, { process }),
        (error: PlnError) => {
          assert.equal(error.code, code);
          assert.match(error.message, new RegExp(path));
          assert.ok(error.hint !== undefined);
          return true;
        },
      );
      process.end();
    }
    await disk.writeAtomic(path, whole);
    await stopDaemon(await startDaemon(lab));
  });
}

daemonTest("runDaemon() refuses a key that others can read", async (lab) => {
  const disk = lab.machine.disk.mount();
  const path = "keys/node.pem";
  const key = await disk.read(path, { bytesMax: 100_000 });
  await disk.writeAtomic(path, key, { mode: 0o640 });
  await assert.rejects(startDaemon(lab), assertCode("PLN_DENIED"));
});

daemonTest("runDaemon() says when there is no node", async (lab) => {
  await lab.machine.disk.mount().remove("certs");
  await assert.rejects(startDaemon(lab), assertCode("PLN_NOT_FOUND"));
});

daemonTest(
  "R14: runDaemon() runs no damaged module, and says which",
  async (lab) => {
    const digest = await withSeed(lab);
    const path = `store/${digest.slice(0, 2)}/${digest as Digest}`;
    lab.machine.disk.corrupt(path, 100);
    await lab.machine.disk.mount().remove("cache");
    const daemon = await startDaemon(lab);
    await assert.rejects(daemon.call("a", "tag"), (error: PlnError) => {
      assert.match(error.message, /in the store is damaged/);
      assert.equal(error.hint, "Seed it again from its file");
      return true;
    });
    const [seed] = (await daemon.status()).seeds;
    assert.equal(seed?.state, "refused");
    assert.match(seed?.reason ?? "", /damaged/);
    const details = await daemon.client.inspectSeed("a");
    assert.deepEqual([details.state, details.functions], [
      "refused",
      undefined,
    ]);
    assert.match(details.reason ?? "", /in the store is damaged/);
    assert.equal(details.isolation.inEffect, undefined);
    await publish(daemon, "a", 1);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    const [healed] = (await daemon.status()).seeds;
    assert.equal(healed?.state, "ready");
    await stopDaemon(daemon);
    const next = await startDaemon(lab);
    assert.equal(await next.call("a", "tag"), sampleTag(1));
    await stopDaemon(next);
  },
);

daemonTest(
  "S10: runDaemon() takes a missing journal for a loss",
  async (lab) => {
    await withSeed(lab);
    await lab.machine.disk.mount().remove("journal");
    let daemon = await startDaemon(lab);
    const { alarms, seeds } = await daemon.client.status();
    assert.match(alarms[0]?.message ?? "", /missing/);
    assert.match(alarms[0]?.hint ?? "", /pln recover --accept-loss/);
    assert.deepEqual(seeds, []);
    await assert.rejects(
      publish(daemon, "b", 2),
      /recover --accept-loss|missing/,
    );
    await daemon.process.clock.sleep(1_000, never);
    const store = await lab.machine.disk.mount().list("store");
    assert.equal(store.length, 1, "what may still be named is kept");
    await daemon.client.acceptLoss();
    await publish(daemon, "a", 1);
    await stopDaemon(daemon);
    daemon = await startDaemon(lab);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    assert.deepEqual((await daemon.status()).alarms, []);
    await stopDaemon(daemon);
  },
);

daemonTest("R14: runDaemon() tells of a module that is gone", async (lab) => {
  await withSeed(lab);
  await lab.machine.disk.mount().remove("store");
  await lab.machine.disk.mount().remove("cache");
  const daemon = await startDaemon(lab);
  await assert.rejects(daemon.call("a", "tag"), /is not in the store/);
  const [seed] = (await daemon.status()).seeds;
  assert.equal(seed?.state, "refused");
  await stopDaemon(daemon);
});

daemonTest(
  "R14: runDaemon() tells of a module that is gone while its copy runs",
  async (lab) => {
    await withSeed(lab);
    await lab.machine.disk.mount().remove("store");
    const daemon = await startDaemon(lab);
    await daemon.process.clock.sleep(1_000, never);
    const alarms = alarmsOf(await daemon.status());
    assert.match(alarms.join(), /^Seed "a": .* is missing or damaged$/);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    await stopDaemon(daemon);
  },
);

daemonTest("S07: runDaemon() tells of threads that were lost", async (lab) => {
  await withSeed(lab);
  const daemon = await startDaemon(lab);
  assert.equal(await daemon.call("a", "tag"), sampleTag(1));
  const { sandbox } = daemon.process;
  for (const round of [1, 2]) {
    const [thread] = sandbox.threads();
    assert.ok(thread !== undefined);
    sandbox.crash(thread);
    await daemon.process.clock.sleep(10, never);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    const status = await daemon.status();
    assert.equal(status.threads.lost, round);
    const [alarm] = status.alarms;
    assert.match(alarm?.message ?? "", /^[12] seed threads? (was|were) lost/);
    assert.match(alarm?.hint ?? "", /pln logs/);
  }
  await stopDaemon(daemon);
});

daemonTest(
  "S08: runDaemon() has every seed after a power loss",
  async (lab) => {
    for (let round = 1; round <= 5; round++) {
      const daemon = await startDaemon(lab);
      for (let number = 1; number < round; number++) {
        const answer = await daemon.call(`s${number}`, "tag");
        assert.equal(answer, sampleTag(number));
      }
      await publish(daemon, `s${round}`, round);
      if (round % 2 === 0) lab.machine.kill();
      else lab.machine.losePower();
    }
  },
);

daemonTest(
  "runDaemon() collects what a crash left in the store",
  async (lab) => {
    await withSeed(lab);
    const disk = lab.machine.disk.mount();
    const other = "ab".repeat(32);
    await disk.writeAtomic(`store/ab/${other}`, utf8("garbage"));
    const daemon = await startDaemon(lab);
    await daemon.process.clock.sleep(1_000, never);
    assert.equal(await disk.stat(`store/ab/${other}`), undefined);
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    await stopDaemon(daemon);
  },
);
