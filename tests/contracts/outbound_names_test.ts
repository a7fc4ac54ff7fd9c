// Look-ups that block a thread each: how many at once, of whom, and which are
// given up. The name servers and the system are scripts here; nothing leaves
// the process, and whatever waits, waits for an event.

import assert from "node:assert/strict";
import {
  type NamesOptions,
  OutboundNames,
} from "../../src/adapters/outbound_names.ts";

const never = new AbortController().signal;

/** Answers of name servers by record; a test that is over puts them back. */
function nameServers(answers: Readonly<Record<string, Error>>): Disposable {
  const before = Deno.resolveDns;
  const fake = (_name: string, record: string) =>
    Promise.reject(answers[record] ?? new Deno.errors.NotFound("no record"));
  Reflect.set(Deno, "resolveDns", fake);
  return { [Symbol.dispose]: () => Reflect.set(Deno, "resolveDns", before) };
}

const denied = () => new Deno.errors.NotCapable("no right");

/** A system that answers when it is told to. */
class SlowSystem {
  readonly asked: string[] = [];
  readonly #answers: (() => void)[] = [];
  readonly names: OutboundNames;

  constructor() {
    const askSystem: NamesOptions["askSystem"] = (host) => {
      this.asked.push(host);
      const { promise, resolve } = Promise.withResolvers<readonly string[]>();
      this.#answers.push(() => resolve(["192.0.2.7"]));
      return promise;
    };
    this.names = new OutboundNames({ askSystem });
  }

  answerAll(): void {
    for (const answer of this.#answers.splice(0)) answer();
  }
}

/** All that was started has come as far as it can. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

Deno.test("OutboundNames asks the system if any record may not be asked for", async () => {
  for (const record of ["A", "AAAA"]) {
    using _servers = nameServers({ [record]: denied() });
    const askSystem = () => Promise.resolve(["192.0.2.7"]);
    const names = new OutboundNames({ askSystem });
    const options = { partition: "a", signal: never };
    assert.deepEqual(await names.resolve("a.example", options), ["192.0.2.7"]);
  }
});

Deno.test("OutboundNames blocks 4 threads, 2 for one partition", async () => {
  using _servers = nameServers({ A: denied(), AAAA: denied() });
  const system = new SlowSystem();
  const lookups: Promise<unknown>[] = [];
  const ask = async (partition: string, count: number) => {
    for (let at = 0; at < count; at++) {
      const options = { partition, signal: never };
      lookups.push(system.names.resolve(`${partition}${at}`, options));
    }
    await settled();
  };
  await ask("a", 5);
  assert.deepEqual(system.asked, ["a0", "a1"]);
  await ask("b", 1);
  assert.deepEqual(system.asked, ["a0", "a1", "b0"]);
  await ask("c", 2);
  assert.deepEqual(system.asked, ["a0", "a1", "b0", "c0"]);
  system.answerAll();
  await settled();
  assert.deepEqual(system.asked.slice(4), ["a2", "a3", "c1"]);
  system.answerAll();
  await settled();
  assert.deepEqual(system.asked.slice(7), ["a4"]);
  system.answerAll();
  await Promise.all(lookups);
});

Deno.test("OutboundNames forgets who gave up waiting, not who is asked", async () => {
  using _servers = nameServers({ A: denied(), AAAA: denied() });
  const system = new SlowSystem();
  const abort = new AbortController();
  const reason = new Error("enough");
  const ended = ["a0", "a1", "a2", "a3"].map((host) => {
    const options = { partition: "a", signal: abort.signal };
    return assert.rejects(system.names.resolve(host, options), reason);
  });
  await settled();
  abort.abort(reason);
  await Promise.all(ended);
  const last = system.names.resolve("a4", { partition: "a", signal: never });
  await settled();
  assert.deepEqual(system.asked, ["a0", "a1"]);
  system.answerAll();
  await settled();
  assert.deepEqual(system.asked, ["a0", "a1", "a4"]);
  system.answerAll();
  await last;
});
