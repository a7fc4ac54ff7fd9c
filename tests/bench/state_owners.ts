// What other owners' documents cost a node, on a real disk: a thousand owners
// that join, batches of theirs one by one (received, verified, journalled,
// projected), and the start that reads it all again. Processor time of this
// whole process is what counts, its threads for the disk included.

import { cpuUsage } from "node:process";
import { openClock } from "../../src/adapters/clock.ts";
import { openDisk } from "../../src/adapters/disk.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { issueMember } from "../../src/identity/mod.ts";
import {
  type Bytes,
  canonicalJson,
  type JsonValue,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import type { Log, PrivateKey } from "../../src/ports/mod.ts";
import {
  certificateKeys,
  certificateValue,
  encodeSignedBatch,
  nodeRecordKey,
  openOwnerState,
  type Operation,
  signBatch,
} from "../../src/state/mod.ts";
import { signer } from "../unit/identity_world.ts";
import { RightsLab } from "../unit/rights_lab.ts";
import { specOf } from "../unit/state_lab.ts";
import { type Figures, median } from "./figures.ts";

const owners = 1_000;
/** Of each, after its base: below what an owner may send at once. */
const batchesEach = 10;
/** As many links bring batches at once. */
const abreast = 8;
const rounds = 3;

export async function benchOwners(figures: Figures): Promise<void> {
  const joins: number[] = [];
  const batches: number[] = [];
  const starts: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // Credentials that this process has verified before would cost nothing.
    const cluster = newCluster(`bench ${round}`);
    const directory = await Deno.makeTempDir({ prefix: "pln-owners-" });
    try {
      const open = () => openState(directory, cluster.lab);
      {
        await using state = await open();
        await state.accept(cluster.admin);
        joins.push(
          await cpuMs(async () => {
            for (const base of cluster.bases) await state.accept(base);
            state.view();
          }),
        );
        const ms = await cpuMs(() =>
          acceptAll(cluster.batches, async (bytes) => {
            await state.accept(bytes);
            state.view();
          })
        );
        batches.push(ms * 1_000 / cluster.batches.length);
        const { size } = state.view().nodes;
        if (size <= owners) throw new Error(`The view has ${size} nodes`);
      }
      starts.push(
        await cpuMs(async () => {
          await using state = await open();
          state.view();
        }),
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }
  figures.atMost("1000 owners join, processor", median(joins), [400, "ms"]);
  const name = "a batch received, verified, journalled, projected";
  figures.atMost(name, median(batches), [80, "us"]);
  const unit = "ms";
  figures.tell("a start with 1000 owners", median(starts), { unit });
}

/** Everything signed beforehand; in the order in which it would come. */
type Cluster = {
  readonly lab: RightsLab;
  /** The admin's base, which grants all others. */
  readonly admin: Bytes;
  readonly bases: readonly Bytes[];
  readonly batches: readonly Bytes[];
};

function newCluster(name: string): Cluster {
  const lab = new RightsLab(name);
  const { cluster } = lab.root;
  const admin = lab.newAdmin();
  const { ownAuthority: authority, authorityKey } = admin;
  const claims = {
    ...{ type: "member", cluster, tier: "publisher", issue: 1 } as const,
    ...{ properties: new Map<string, string>(), memberSinceMs: 0 },
    accessDeadlineMs: undefined,
  };
  const own = (key: PrivateKey) =>
    nodeOperations({
      [certificateKeys.authority]: certificateValue(authority.der),
      [certificateKeys.member]: certificateValue(
        issueMember(lab.needs, {
          authority,
          authorityKey,
          publicKey: key.publicKey,
          claims,
        }).der,
      ),
      [nodeRecordKey]: { name: "bench", version: "1.0.0", startedMs: 1 },
    });
  const members = lab.newPeers(owners);
  for (const { peer } of members) admin.grant(peer, { tier: "publisher" });
  const grants = admin.entries("grants")
    .map((entry) => ({ section: "grants", ...entry }));
  const adminOwn = nodeOperations({
    [certificateKeys.ownAuthority]: certificateValue(authority.der),
  });
  const rows = members.map(({ key }) => signRow(lab, key, own(key)));
  const sorted = [...grants, ...adminOwn, ...own(admin.key)].sort(byPlace);
  return {
    lab,
    admin: signRow(lab, admin.key, sorted)[0] ?? fail(),
    bases: rows.map(([base = fail()]) => base),
    // Round by round: no owner's batches follow each other.
    batches: Array.from({ length: batchesEach }, (_, at) => at + 1)
      .flatMap((seq) => rows.map((row) => row[seq] ?? fail())),
  };
}

function fail(): never {
  throw new Error("Every row is complete");
}

function nodeOperations(
  values: Readonly<Record<string, JsonValue>>,
): readonly Operation[] {
  return Object.entries(values)
    .map(([key, value]) => ({
      ...{ section: "node", key },
      text: canonicalJson(value),
    }))
    .sort(byPlace);
}

function byPlace(one: Operation, other: Operation): number {
  const left = `${one.section}/${one.key}`;
  const right = `${other.section}/${other.key}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** An owner's base and the batches after it. */
function signRow(
  lab: RightsLab,
  key: PrivateKey,
  operations: readonly Operation[],
): readonly Bytes[] {
  const { cluster } = lab.root;
  const owner = peerIdOf(key.publicKey);
  const session = lab.random.bytes(16);
  let prev: Bytes = new Uint8Array(32);
  return Array.from({ length: 1 + batchesEach }, (_, at) => {
    const seed = {
      ...{ section: "seeds", key: `s${at % 4}` },
      text: canonicalJson(specOf(at)),
    };
    const signed = signBatch({
      ...{ owner, generation: 1, session, seq: at + 1, prev, base: at === 0 },
      ...{ rev: 1, operations: at === 0 ? operations : [seed] },
      hlc: { wallMs: 1_767_225_600_000 + at, counter: 0 },
    }, { signer, key, cluster });
    prev = signed.hash;
    return encodeSignedBatch(signed);
  });
}

const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** On this machine's disk; of a cluster of its own unless told. */
export function openState(directory: string, lab = new RightsLab("alone")) {
  const needs = {
    clock: openClock(),
    disk: openDisk(directory),
    log,
    random: openRandom(),
    signer,
  };
  const key = signer.privateKey(new Uint8Array(32).fill(5));
  return openOwnerState(needs, { key, root: lab.root });
}

async function acceptAll(
  batches: readonly Bytes[],
  accept: (bytes: Bytes) => Promise<void>,
): Promise<void> {
  let next = 0;
  const link = async () => {
    while (next < batches.length) await accept(batches[next++] ?? fail());
  };
  await Promise.all(Array.from({ length: abreast }, link));
}

/** Of the whole process, in user and system mode. */
async function cpuMs(work: () => Promise<void>): Promise<number> {
  const before = cpuUsage();
  await work();
  const { user, system } = cpuUsage(before);
  return (user + system) / 1_000;
}
