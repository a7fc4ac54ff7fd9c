// The production pool on real workers and a real disk, in this process. In go
// modules with settings, out go hosted seeds; whoever opened it closes it, and
// nothing of it stays behind, no worker and no file.

import assert from "node:assert/strict";
import { openClock } from "../../src/adapters/clock.ts";
import { openDisk } from "../../src/adapters/disk.ts";
import { openSandbox, openThreadCount } from "../../src/adapters/sandbox.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { type Bytes, limits, PlnError, toHex } from "../../src/kernel/mod.ts";
import type { Log, LogLevel } from "../../src/ports/mod.ts";
import {
  type CallJob,
  type HostedSeed,
  hostSeed,
  SeedPool,
  type SeedSettings,
} from "../../src/seeds/mod.ts";

const signer = openSigner();
const mainUrl = new URL("../../main.ts", import.meta.url).href;

export type RealPoolOptions = {
  /** Workers are one less, at least one. */
  readonly cores: number;
  /** Kept when the pool is closed; default one of its own. */
  readonly directory?: string;
  onLog?(level: LogLevel, text: string): void;
};

export type SeedOverrides = Partial<SeedSettings> & {
  readonly name?: string;
  readonly config?: Readonly<Record<string, string>>;
};

/** What a call of a bench or of the oracle needs beside its seed. */
export type CallDetails = Partial<
  Pick<CallJob, "caller" | "onRequest" | "signal">
>;

const defaults: SeedSettings = {
  memoryBytes: limits.guestMemoryBytesDefault,
  cpuMs: limits.callCpuMsDefault,
  isolation: "restore",
  allowHosts: [],
};

export class RealPool implements AsyncDisposable {
  readonly pool: SeedPool;
  readonly #clock = openClock();
  readonly #directory: string;
  readonly #isOwn: boolean;
  #seeds = 0;

  constructor({ cores, directory, onLog }: RealPoolOptions) {
    this.#isOwn = directory === undefined;
    this.#directory = directory ??
      Deno.makeTempDirSync({ prefix: "pln-pool-" });
    this.pool = new SeedPool({
      clock: this.#clock,
      disk: openDisk(this.#directory),
      log: failing,
      sandbox: openSandbox({ mainUrl, cores }),
      signer,
      egress: { fetch: refuseFetch },
      onLog: (level, { text }) => onLog?.(level, text),
    });
  }

  /** Another seed each time, also of the same module. */
  host(module: Bytes, overrides: SeedOverrides = {}): HostedSeed {
    const name = `seed${this.#seeds++}`;
    const { config = {}, name: given, ...settings } = overrides;
    return hostSeed({
      name: given ?? name,
      digest: digestOf(module),
      config,
      settings: { ...defaults, ...settings },
    }, () => Promise.resolve(module.slice()));
  }

  /** @param input Given away. */
  call(
    seed: HostedSeed,
    fn: string,
    { input, ...details }: CallDetails & { readonly input: Bytes },
  ): Promise<Bytes> {
    return this.pool.call({
      seed,
      fn,
      input,
      caller: "",
      deadlineMs: this.#clock.nowMs() + limits.callTimeoutMsMax,
      isNested: false,
      onRequest: noAnswer,
      ...details,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool[Symbol.asyncDispose]();
    assert.equal(openThreadCount(), 0);
    if (this.#isOwn) await Deno.remove(this.#directory, { recursive: true });
  }
}

const digests = new WeakMap<Bytes, string>();

function digestOf(module: Bytes): HostedSeed["digest"] {
  const known = digests.get(module) ?? toHex(signer.sha256(module));
  digests.set(module, known);
  return known as HostedSeed["digest"];
}

function noAnswer(): Promise<Bytes | undefined> {
  return Promise.resolve(undefined);
}

function refuseFetch(): never {
  throw new RefusedFetch("No host is allowed");
}

class RefusedFetch extends PlnError {
  readonly code = "PLN_SEED_EGRESS";
  readonly kind = "input";
}

/** What the pool warns of is no part of what is measured: it must not be. */
const failing: Log = {
  debug: () => {},
  info: () => {},
  warn: (event, fields) => assert.fail(said(event, fields)),
  error: (event, fields) => assert.fail(said(event, fields)),
};

function said(event: string, fields: unknown): string {
  return `${event} ${Deno.inspect(fields)}`;
}
