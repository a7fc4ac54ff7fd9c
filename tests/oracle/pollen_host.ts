// This host in the oracle: the production pool with one real worker. In goes a
// case, out comes a seed whose calls say how they ended and what they logged.

import type { Bytes } from "../../src/kernel/mod.ts";
import {
  type HostedSeed,
  SeedError,
  type SeedReason,
  type SeedUsage,
} from "../../src/seeds/mod.ts";
import { RealPool } from "../bench/seeds_pool.ts";
import {
  type Ending,
  failed,
  type OracleCase,
  type Run,
} from "./oracle_case.ts";
import { answerOf, callerText } from "./stubs.ts";

export class PollenHost implements AsyncDisposable {
  #log: string[] = [];
  readonly #pool = new RealPool({
    cores: 2,
    onLog: (level, text) => this.#log.push(`${level}: ${text}`),
  });

  add(one: OracleCase, isolation: "restore" | "fresh"): OracleSeed {
    const { module, config } = one;
    const seed = this.#pool.host(module, { config, isolation });
    return {
      run: (input) => this.#run(seed, one.fn ?? "f", { input }),
      usage: () => this.#pool.pool.usageOf(seed.key),
      [Symbol.dispose]: () => this.#pool.pool.unload(seed.key),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  async #run(
    seed: HostedSeed,
    fn: string,
    { input }: { readonly input: Bytes },
  ): Promise<Run> {
    this.#log = [];
    let ending: Ending;
    try {
      const bytes = await this.#pool.call(seed, fn, {
        input: input.slice(),
        caller: callerText,
        onRequest: (uri, body) => Promise.resolve(answerOf(uri, body)),
      });
      ending = { type: "output", bytes };
    } catch (cause) {
      ending = endingOf(cause);
    }
    return { ending, log: this.#log };
  }
}

/** A module that is refused or a host that is at fault would look like a trap. */
const guestsOwn: ReadonlySet<SeedReason> = new Set([
  ...["trap", "stack", "memory", "output", "variables"] as const,
  ...["exit", "egress", "link", "no-function"] as const,
]);

function endingOf(cause: unknown): Ending {
  if (!(cause instanceof SeedError)) throw cause;
  if (cause.reason === "seed") return { type: "error", text: cause.message };
  if (guestsOwn.has(cause.reason)) return failed;
  throw cause;
}

/** One module with one isolation; its calls come one after the other. */
export type OracleSeed = Disposable & {
  run(input: Bytes): Promise<Run>;
  usage(): Promise<SeedUsage>;
};
