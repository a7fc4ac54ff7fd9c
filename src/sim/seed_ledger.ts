// What owners have published in a scenario, and what of it was acknowledged:
// the truth that every view is held against. In come attempts and their
// outcomes; out comes whether an entry may be in a view, and must be in its
// owner's. It must never learn from a view.

import {
  asPlnError,
  type Digest,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { SimMember } from "./member.ts";
import { scenarioModule } from "./scenario_module.ts";
import { SimulationError } from "./world.ts";

/** Undefined: it is not published. */
type Version = Digest | undefined;

type Row = {
  readonly owner: PeerId;
  readonly name: string;
  /** Everything that was ever tried: views may show it late. */
  readonly ever: Set<Version>;
  /** Tried since the newest acknowledgement, without an answer yet. */
  readonly open: Set<Version>;
  acknowledged: Version;
  isBusy: boolean;
};

/** What became of an attempt; "unknown" is cut short or refused. */
export type Attempted = "acknowledged" | "unknown";

/** Seeds of all owners by name. */
export class SeedLedger {
  readonly #signer: Pick<Signer, "sha256">;
  readonly #rows = new Map<string, Row>();
  readonly #distrusted = new Set<PeerId>();
  #modules = 0;
  #acknowledged = 0;

  /** Empty; modules are named by their hash. */
  constructor(signer: Pick<Signer, "sha256">) {
    this.#signer = signer;
  }

  /** Attempts that were. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Whether an attempt with this name is under way at its owner. */
  isBusy(member: SimMember, name: string): boolean {
    return this.#row(member.peer, name).isBusy;
  }

  /** Publishes a module that nobody has published before. */
  async publish(member: SimMember, name: string): Promise<Attempted> {
    const module = scenarioModule(++this.#modules);
    const digest = this.#signer.sha256(module).toHex() as Digest;
    const { node } = member;
    const run = async () => {
      await node.publishSeed(name, module, { config: {} });
    };
    return await this.#attempt(member, { name, version: digest, run });
  }

  /** Takes a seed back; that there is none counts as done. */
  async unpublish(member: SimMember, name: string): Promise<Attempted> {
    const { node } = member;
    const run = () => unlessMissing(node.unpublishSeed(name));
    return await this.#attempt(member, { name, version: undefined, run });
  }

  /** Names that are published at a member, as far as is acknowledged. */
  namesOf(member: SimMember): readonly string[] {
    return [...this.#rows.values()]
      .filter(({ owner, acknowledged }) =>
        owner === member.peer && acknowledged !== undefined
      )
      .map(({ name }) => name);
  }

  /** What the owner's last acknowledged word on a name was. */
  acknowledgedOf(member: SimMember, name: string): Digest | undefined {
    return this.#row(member.peer, name).acknowledged;
  }

  /** Its program says what it likes about itself: all of that may show. */
  distrust(owner: PeerId): void {
    this.#distrusted.add(owner);
  }

  /** Whether its owner ever published that. */
  wasPublished(owner: PeerId, name: string, digest: Digest): boolean {
    if (this.#distrusted.has(owner)) return true;
    return this.#rows.get(`${owner} ${name}`)?.ever.has(digest) === true;
  }

  /** Why an owner's own entries cannot be these; undefined when they can. */
  ownFault(
    owner: PeerId,
    shown: ReadonlyMap<string, Digest>,
  ): string | undefined {
    for (const row of this.#rows.values()) {
      if (row.owner !== owner) continue;
      const digest = shown.get(row.name);
      if (digest === row.acknowledged || row.open.has(digest)) continue;
      return `its seed "${row.name}" is ${short(digest)}, and ` +
        `${short(row.acknowledged)} was acknowledged`;
    }
    return undefined;
  }

  /** Its owner was put back in time: anything that it ever said may show. */
  loosen(member: SimMember): void {
    for (const row of this.#rows.values()) {
      if (row.owner !== member.peer) continue;
      for (const version of row.ever) row.open.add(version);
      row.open.add(undefined);
    }
  }

  #row(owner: PeerId, name: string): Row {
    const key = `${owner} ${name}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row: Row = {
      ...{ owner, name, acknowledged: undefined, isBusy: false },
      ever: new Set<Version>(),
      open: new Set<Version>(),
    };
    this.#rows.set(key, row);
    return row;
  }

  async #attempt(
    member: SimMember,
    attempt: {
      readonly name: string;
      readonly version: Version;
      readonly run: () => Promise<void>;
    },
  ): Promise<Attempted> {
    const { name, version, run } = attempt;
    const row = this.#row(member.peer, name);
    if (row.isBusy) throw new SimulationError(`"${row.name}" is being changed`);
    row.isBusy = true;
    row.ever.add(version);
    row.open.add(version);
    try {
      // What a killed process has promised never settles.
      const ended = member.process.ended.then(() => false);
      const isDone = await Promise.race([isAcknowledged(run()), ended]);
      if (!isDone) return "unknown";
    } finally {
      row.isBusy = false;
    }
    row.acknowledged = version;
    row.open.clear();
    this.#acknowledged++;
    return "acknowledged";
  }
}

async function isAcknowledged(attempt: Promise<void>): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    if (asPlnError(cause).code === "PLN_INTERNAL") throw cause;
    return false;
  }
}

async function unlessMissing(attempt: Promise<void>): Promise<void> {
  try {
    await attempt;
  } catch (cause) {
    if (asPlnError(cause).code !== "PLN_NOT_FOUND") throw cause;
  }
}

function short(digest: Version): string {
  return digest === undefined ? "not there" : digest.slice(0, 8);
}
