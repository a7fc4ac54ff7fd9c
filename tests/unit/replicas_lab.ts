// Nodes of one cluster that have nothing but their state: a disk that can fail,
// a log, and batches carried from one to the other by hand. In: what an admin
// publishes. Out: what the others then hold. No network, and no clock that moves
// unless a test gives one.

import assert from "node:assert/strict";
import {
  type Bytes,
  type JsonValue,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import type { Clock, PrivateKey } from "../../src/ports/mod.ts";
import {
  type Certificate,
  issueMember,
  type Tier,
} from "../../src/identity/mod.ts";
import { TimerQueue } from "../../src/kernel/mod.ts";
import {
  type Batch,
  certificateKeys,
  certificateValue,
  type Change,
  encodeSignedBatch,
  openOwnerState,
  type OwnerState,
  parseSignedBatch,
  signBatch,
} from "../../src/state/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { signer, startMs } from "./identity_world.ts";
import type { LabAdmin, RightsLab } from "./rights_lab.ts";
import { LabDisk, LabLog } from "./state_lab.ts";

/** The clock of a node that is given none. */
const standingClock: Clock = {
  nowMs: () => 0,
  wallMs: () => startMs,
  after: () => ({ [Symbol.dispose]: () => {} }),
  sleep: () => Promise.reject(new Error("no timers in this lab")),
};

/** A clock that moves when a test says so, and then runs what is due. */
export class LabClock implements Clock {
  timeMs = startMs;
  readonly #timers = new TimerQueue();

  nowMs(): number {
    return this.timeMs;
  }

  wallMs(): number {
    return this.timeMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    return this.#timers.add(this.timeMs + delayMs, run);
  }

  sleep(): Promise<void> {
    return Promise.reject(new Error("nobody sleeps in this lab"));
  }

  advance(passedMs: number): void {
    this.timeMs += passedMs;
    for (
      let run = this.#timers.takeDue(this.timeMs);
      run !== undefined;
      run = this.#timers.takeDue(this.timeMs)
    ) run();
  }
}

/** A machine with a key, and its state, opened again and again. */
export class StateNode {
  readonly peer: PeerId;
  readonly log = new LabLog();
  disk = new LabDisk();
  clock: Pick<Clock, "nowMs" | "wallMs"> & Partial<Clock> = standingClock;
  signer = signer;
  /** Of a node that `newAdminNode` made: what it certifies others with. */
  admin: LabAdmin | undefined;

  constructor(
    readonly lab: RightsLab,
    readonly key: PrivateKey,
    /** Of an admin. */
    readonly authority?: Certificate,
  ) {
    this.peer = peerIdOf(key.publicKey);
  }

  open(): Promise<OwnerState> {
    const { disk, key, lab, log, signer } = this;
    const { clock: given } = this;
    const clock = given instanceof LabClock ? given : {
      ...standingClock,
      nowMs: () => given.nowMs(),
      wallMs: () => given.wallMs(),
    };
    const random = openSimRandom(disk.steps).fork(this.peer);
    const { root } = lab;
    return openOwnerState({ clock, disk, log, random, signer }, { key, root });
  }

  /** Opened, and known as an admin by its document. */
  async openAdmin(): Promise<OwnerState> {
    const state = await this.open();
    await state.publish(authorityChanges(this.authority));
    return state;
  }

  /** The newest file of its replicas. */
  get logPath(): string {
    const paths = this.disk.paths().filter((one) =>
      one.startsWith("replicas/")
    );
    return paths.at(-1) ?? "replicas/00000001.log";
  }
}

/** The member certificate of a node, by an admin of the lab. */
export function memberChanges(
  lab: RightsLab,
  node: { readonly key: PrivateKey },
  options: {
    readonly by: StateNode;
    readonly tier?: Exclude<Tier, "admin">;
    readonly issue?: number;
  },
): readonly Change[] {
  const { by: { admin }, tier = "publisher", issue = 1 } = options;
  assert.ok(admin !== undefined, "by a node of an admin");
  const member = issueMember(lab.needs, {
    authority: admin.ownAuthority,
    authorityKey: admin.authorityKey,
    publicKey: node.key.publicKey,
    claims: {
      type: "member",
      cluster: lab.root.cluster,
      tier,
      properties: new Map(),
      issue,
      memberSinceMs: startMs,
      accessDeadlineMs: undefined,
    },
  });
  return [
    [certificateKeys.member, member] as const,
    [certificateKeys.authority, admin.ownAuthority] as const,
  ].map(([key, { der }]) => ({
    section: "node",
    key,
    value: certificateValue(der),
  }));
}

export function authorityChanges(authority?: Certificate): readonly Change[] {
  assert.ok(authority !== undefined, "a node of an admin");
  return [{
    section: "node",
    key: certificateKeys.ownAuthority,
    value: certificateValue(authority.der),
  }];
}

export function newAdminNode(lab: RightsLab): StateNode {
  const admin: LabAdmin = lab.newAdmin();
  const node = new StateNode(lab, admin.key, admin.ownAuthority);
  node.admin = admin;
  return node;
}

/** That an admin lets a node in; what makes its document one of the cluster's. */
export function grantChange(
  subject: PeerId,
  options: { readonly number?: number; readonly tier?: Tier } = {},
): Change {
  const { number = 1, tier = "publisher" } = options;
  const value = { number, tier, properties: {}, atMs: startMs };
  return { section: "grants", key: subject, value };
}

export function newMemberNode(lab: RightsLab): StateNode {
  return new StateNode(lab, lab.newKey());
}

export function denyChange(
  subject: PeerId,
  options: { readonly number?: number; readonly verdict?: "deny" | "allow" } =
    {},
): Change {
  const { number = 1, verdict = "deny" } = options;
  const value: JsonValue = { number, verdict, atMs: startMs };
  return { section: "denies", key: subject, value };
}

/** What a node has of an owner's newest generation, the newest base first. */
export function rowOf(state: OwnerState, peer: PeerId): readonly Bytes[] {
  const { generation = 0 } = state.placeOf(peer) ?? {};
  return state.batchesSince(peer, { generation, seq: 0 });
}

/** All that a node has of an owner. */
export function allOf(state: OwnerState, peer: PeerId): readonly Bytes[] {
  return state.batchesSince(peer, { generation: 0, seq: 0 });
}

export function batchOf(lab: RightsLab, bytes: Bytes): Batch {
  const { cluster } = lab.root;
  return parseSignedBatch(bytes, { signer, cluster }).batch;
}

/** A batch with some of it changed, well signed. */
export function forgeBatch(
  node: StateNode,
  bytes: Bytes,
  { changes }: { readonly changes: Partial<Batch> },
): Bytes {
  const { key, lab } = node;
  const batch = { ...batchOf(lab, bytes), ...changes };
  const { cluster } = lab.root;
  return encodeSignedBatch(signBatch(batch, { signer, key, cluster }));
}

/** The batch that comes after another, well signed. */
export function nextBatch(
  node: StateNode,
  last: Bytes,
  { changes }: { readonly changes: Partial<Batch> },
): Bytes {
  const { seq, rev } = batchOf(node.lab, last);
  const prev = signer.sha256(last.subarray(64));
  return forgeBatch(node, last, {
    changes: { seq: seq + 1, rev, prev, base: false, ...changes },
  });
}
