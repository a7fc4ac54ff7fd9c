// What simulator scenarios share: scenarios replayed over many seed numbers and
// a ledger of what was acknowledged. A failing run names its seed, which brings
// it back alone.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  asPlnError,
  type Digest,
  emptyBytes,
  PlnError,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import type { Node } from "../../src/node/mod.ts";
import {
  openSimNode,
  play,
  replay,
  type SimMachine,
  type SimProcess,
  type World,
} from "../../src/sim/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import { isLongForm, seedNumbers } from "./seeds.ts";

const worldsPerScenario = 20;
/** Of them, unless more are asked for: one shows what is not repeatable. */
const repeatedWorlds = 4;

export const signer = openSigner();
const turn = openTurn();
const never = new AbortController().signal;

/**
 * Runs a scenario in each of several worlds, in the first ones twice, without
 * any permission.
 *
 * @param options.seeds Instead of 1 to 20: those that failed once, for example.
 */
export function scenario(
  name: string,
  run: (world: World) => Promise<void>,
  options: { readonly seeds?: readonly number[] } = {},
): void {
  const seeds = options.seeds ?? seedNumbers(worldsPerScenario);
  const whole = (world: World) => world.complete(run(world));
  const fn = async () => {
    for (const [index, seed] of seeds.entries()) {
      const isRepeated = isLongForm || index < repeatedWorlds;
      await (isRepeated ? replay : play)(whole, { seed, turn });
    }
  };
  Deno.test({ name, permissions: "none", fn });
}

/** Boots the machine, opens its node and settles its state. */
export async function start(
  machine: SimMachine,
): Promise<{ readonly process: SimProcess; readonly node: Node }> {
  const process = machine.boot();
  const node = await openSimNode(process);
  await node.announce();
  return { process, node };
}

/** Resolves `delayMs` from now, whatever becomes of machines. */
export async function pause(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  await promise;
}

/** What a call answered: its text, or the error's code. */
export async function callText(
  node: Node,
  target: string,
  options: { readonly input?: string; readonly timeoutMs?: number } = {},
): Promise<string> {
  const [seed = "", fn = ""] = target.split("/");
  const { input = "", timeoutMs } = options;
  const bytes = input === "" ? emptyBytes : new TextEncoder().encode(input);
  try {
    const output = await node.call({ seed, function: fn }, bytes, {
      timeoutMs,
      signal: never,
    });
    return utf8TextLossy(output);
  } catch (cause) {
    if (cause instanceof PlnError) return cause.code;
    throw cause;
  }
}

/** Absent, or the number of the module that is published. */
type Version = number | undefined;

type Row = {
  acknowledged: Version;
  /** Tried after that, and refused or cut short. */
  readonly tried: Set<Version>;
};

/** What may and what must be published, by name. */
export class Ledger {
  readonly #rows = new Map<string, Row>();
  /** Modules whose publishing failed: their owners try again. */
  readonly #refused = new Map<string, number>();
  #nextModule = 1;

  /** @returns Whether it was acknowledged. */
  async publish(node: Node, name: string): Promise<boolean> {
    const number = this.#refused.get(name) ?? this.#nextModule++;
    const module = sampleModule(number);
    this.#refused.set(name, number);
    const isPublished = await this.#attempt(name, number, async () => {
      const { digest } = await node.publishSeed(name, module, { config: {} });
      assert.equal(digest, this.digest(number));
    });
    if (isPublished) this.#refused.delete(name);
    return isPublished;
  }

  async unpublish(node: Node, name: string): Promise<boolean> {
    return await this.#attempt(name, undefined, async () => {
      await node.unpublishSeed(name);
    });
  }

  digest(number: number): Digest {
    return signer.sha256(sampleModule(number)).toHex() as Digest;
  }

  /** Calls a seed: its answer is of a version that may be there. */
  async probe(node: Node, name: string): Promise<string> {
    const answer = await callText(node, `${name}/tag`, { timeoutMs: 2_000 });
    const possible = [...this.#possible(name)];
    const isPossible = answer.startsWith("PLN_") ||
      possible.some((number) => answer === tagOf(number));
    assert.ok(isPossible, `"${name}" answers "${answer}", not ${possible}`);
    return answer;
  }

  /**
   * Every acknowledged seed is there with its bytes and answers, every other
   * one is whole or absent. What is there now is there to stay.
   */
  async check(node: Node): Promise<void> {
    for (const [name, row] of this.#rows) {
      const digest = node.view.seeds.get(name)?.spec.digest;
      const possible = [...this.#possible(name)];
      const found = possible.find((number) =>
        digest === (number === undefined ? undefined : this.digest(number))
      );
      const isKnown = found !== undefined || digest === undefined;
      assert.ok(
        isKnown && possible.includes(found),
        `"${name}" is ${digest?.slice(0, 8)}, not of ${possible}`,
      );
      const answer = await callText(node, `${name}/tag`);
      assert.equal(
        answer,
        found === undefined ? "PLN_NOT_FOUND" : sampleTag(found),
        `"${name}" after a restart`,
      );
      row.acknowledged = found;
      row.tried.clear();
    }
  }

  /** Digests of what is published, after `check`. */
  get published(): readonly Digest[] {
    return [...this.#rows.values()]
      .map(({ acknowledged }) => acknowledged)
      .filter((number) => number !== undefined)
      .map((number) => this.digest(number))
      .sort();
  }

  #possible(name: string): ReadonlySet<Version> {
    const row = this.#row(name);
    return new Set([row.acknowledged, ...row.tried]);
  }

  #row(name: string): Row {
    const known = this.#rows.get(name) ??
      { acknowledged: undefined, tried: new Set() };
    this.#rows.set(name, known);
    return known;
  }

  async #attempt(
    name: string,
    version: Version,
    run: () => Promise<void>,
  ): Promise<boolean> {
    const row = this.#row(name);
    row.tried.add(version);
    try {
      await run();
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      assert.notEqual(asPlnError(cause).code, "PLN_INTERNAL");
      return false;
    }
    row.acknowledged = version;
    row.tried.clear();
    return true;
  }
}

function tagOf(number: Version): string | undefined {
  return number === undefined ? undefined : sampleTag(number);
}

/** The objects on the machine's disk, by their digests, sorted. */
export async function storedObjects(
  machine: SimMachine,
): Promise<readonly string[]> {
  const disk = machine.disk.mount();
  const names: string[] = [];
  for (const prefix of await disk.list("store")) {
    for (const { name } of await disk.list(`store/${prefix.name}`)) {
      names.push(name);
    }
  }
  return names.sort();
}
