// S07: kill -9 in the middle of publishing. Whatever was acknowledged is there
// after the restart, with its bytes; whatever was not is wholly there or not at
// all. CI runs a few cycles, `deno task soak:kill` 500.

import assert from "node:assert/strict";
import { ConflictError, PlnError } from "../../src/kernel/mod.ts";
import type { ControlClient } from "../../src/control/mod.ts";
import { example, Lab } from "./lab.ts";

const cycles = Number(Deno.env.get("PLN_KILL_CYCLES") ?? 8);
const publishers = 4;
const namesPerPublisher = 12;
/** A cycle's kill comes after 0 to 15 answers, and up to 20 ms. */
const answersPerCycle = 16;

/** Acknowledged digest by name; undefined after an acknowledged unseed. */
type Promises = Map<string, string | undefined>;

Deno.test(`S07 ${cycles} kills during publishes lose nothing`, async () => {
  await using lab = await Lab.open();
  const module = await Deno.readFile(example("hello"));
  const promised: Promises = new Map();
  const unsure = new Map<string, Set<string | undefined>>();
  let acknowledged = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    const daemon = await lab.startDaemon();
    await verify(lab.client, { promised, unsure });
    const abort = new AbortController();
    const enough = Promise.withResolvers<void>();
    const wanted = cycle % answersPerCycle;
    if (wanted === 0) enough.resolve();
    let answers = 0;
    const running = Array.from(
      { length: publishers },
      (_, index) =>
        publish(lab.client, {
          index,
          module,
          promised,
          unsure,
          signal: abort.signal,
          onAnswer: () => ++answers === wanted && enough.resolve(),
        }),
    );
    await enough.promise;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    await lab.kill(daemon);
    abort.abort();
    for (const count of await Promise.all(running)) acknowledged += count;
  }
  await lab.startDaemon();
  await verify(lab.client, { promised, unsure });
  assert.ok(acknowledged >= cycles, `only ${acknowledged} were acknowledged`);
  const input = new TextEncoder().encode('{"name":"x"}');
  for (const [name, digest] of promised) {
    if (digest === undefined) continue;
    await lab.client.call({ seed: name, function: "greet" }, input);
  }
});

type Publisher = {
  readonly index: number;
  readonly module: Uint8Array<ArrayBuffer>;
  readonly promised: Promises;
  readonly unsure: Map<string, Set<string | undefined>>;
  readonly signal: AbortSignal;
  readonly onAnswer: () => void;
};

/** Publishes and unpublishes until the daemon is gone; counts answers. */
async function publish(
  client: ControlClient,
  { index, module, promised, unsure, signal, onAnswer }: Publisher,
): Promise<number> {
  for (let round = 0; !signal.aborted; round++) {
    const name = `s${index}-${round % namesPerPublisher}`;
    const isRemoval = promised.get(name) !== undefined && round % 3 === 2;
    const bytes = withCustomSection(module, crypto.randomUUID());
    const digest = isRemoval ? undefined : await sha256(bytes);
    unsure.set(name, new Set([promised.get(name), digest]));
    try {
      if (isRemoval) await client.unpublishSeed(name);
      else await client.publishSeed(name, bytes, { config: {} });
    } catch (cause) {
      assert.ok(isGone(cause), String(cause));
      return round;
    }
    unsure.delete(name);
    promised.set(name, digest);
    onAnswer();
  }
  return namesPerPublisher;
}

async function verify(
  client: ControlClient,
  { promised, unsure }: Pick<Publisher, "promised" | "unsure">,
): Promise<void> {
  const { seeds, alarms } = await client.status();
  assert.deepEqual(alarms, []);
  const found = new Map(seeds.map(({ name, digest }) => [name, digest]));
  for (const [name, allowed] of unsure) {
    assert.ok(allowed.has(found.get(name)), `${name} is half published`);
    promised.set(name, found.get(name));
  }
  unsure.clear();
  for (const [name, digest] of promised) {
    assert.equal(found.get(name), digest, `${name} was acknowledged`);
  }
}

function isGone(cause: unknown): boolean {
  return cause instanceof PlnError && !(cause instanceof ConflictError) &&
    cause.outcome === "unreachable";
}

/** The module with one more custom section: other bytes, same behaviour. */
function withCustomSection(
  module: Uint8Array,
  text: string,
): Uint8Array<ArrayBuffer> {
  const payload = new TextEncoder().encode(text);
  const body = [1, 0x78, ...payload];
  return new Uint8Array([...module, 0, body.length, ...body]);
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}
