// Whom a call means. Names, addresses and ids come in; the seed of this node or
// a station on another come out, or an error that says what there is instead.
// Callers of other nodes are told which node it is about.

import {
  ClosedError,
  ConflictError,
  InputError,
  isFunctionName,
  nodeLabel,
  NotFoundError,
} from "../kernel/mod.ts";
import { SaturatedError } from "../threads/mod.ts";
import type { HostedSeed } from "./hosted.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import type { Station } from "./stations.ts";
import { parseRequestUri, type SeedTarget } from "./uri.ts";

/** A seed as the cluster's state names it. */
export type PublishedSeed = HostedSeed & {
  readonly timeoutMs: number;
  /** Keeps this very version until the call that uses it has ended. */
  hold(): Disposable;
};

/** Who a name means; what calls need from the state. */
export interface SeedDirectory {
  /** Undefined when no seed has that name. */
  find(name: string): PublishedSeed | undefined;
  /** For suggestions in errors, in any order. */
  names(): readonly string[];
}

/** Where whoever asks is. */
export type Asker = {
  /** On another node. */
  readonly isForeign: boolean;
};

export class Targets {
  readonly #directory: SeedDirectory;
  readonly #remote: RemoteCalls | undefined;

  /** `remote` is undefined while this node knows no others. */
  constructor(directory: SeedDirectory, remote: RemoteCalls | undefined) {
    this.#directory = directory;
    this.#remote = remote;
  }

  /** @throws {NotFoundError | InputError} There is none of that name. */
  find(target: SeedTarget, { isForeign }: Asker): PublishedSeed {
    const seed = this.#directory.find(target.seed);
    if (seed === undefined) {
      const name = JSON.stringify(target.seed.slice(0, 80));
      const known = this.#directory.names().slice(0, 5).join(", ");
      const hint = known === ""
        ? 'Seed one with "pln seed"'
        : `Seeds: ${known}`;
      throw new NotFoundError(
        isForeign
          ? `${this.#label} has no seed ${name}`
          : `There is no seed ${name}`,
        {
          hint: isForeign
            ? hint
            : `${hint}; or call it where it is: --on <node>`,
        },
      );
    }
    if (!isFunctionName(target.function)) {
      throw new InputError("A function name has 1 to 255 characters, no /");
    }
    return seed;
  }

  /** @throws {PlnError} No address of a seed, or no such node. */
  stationOf(uri: string): Station {
    const target = parseRequestUri(uri);
    if (target.type === "service") {
      throw new NotFoundError(`There is no service "${target.service}"`, {
        hint: "This release offers no services to seeds yet",
      });
    }
    const { seed, function: fn, on } = target;
    const remote = this.#remote;
    if (on === undefined) {
      const peer = remote?.holderOf(seed);
      return { seed, function: fn, ...(peer === undefined ? {} : { peer }) };
    }
    if (remote === undefined) {
      throw new NotFoundError(`There is no node "${on}"`, {
        hint: "This node knows no other nodes",
      });
    }
    const peer = remote.resolve(on);
    const isHere = peer === remote.self.peer;
    return { seed, function: fn, ...(isHere ? {} : { peer }) };
  }

  /** The name was given to another module since its caller looked. */
  otherModule({ seed }: SeedTarget): ConflictError {
    const name = JSON.stringify(seed.slice(0, 80));
    return new ConflictError(
      `${this.#label} has another module as seed ${name}`,
      { hint: "It was seeded anew: call it again" },
    );
  }

  /** "This node" would mean another one to who called from there. */
  seenFromAfar(cause: unknown): unknown {
    if (cause instanceof ClosedError) {
      return new ClosedError(`${this.#label} is closing`, { cause });
    }
    if (!(cause instanceof SaturatedError)) return cause;
    const text = `${this.#label} has more work than it can queue`;
    return new SaturatedError(text, { cause, hint: cause.hint });
  }

  get #label(): string {
    const self = this.#remote?.self;
    return self === undefined ? "The node" : nodeLabel(self.peer, self.name);
  }
}
