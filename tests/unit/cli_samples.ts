// What a daemon of the command line's tests answers: one status, one seed, one
// node, one invite. Values only; tests change the member that they are about.

import type {
  ControlHandlers,
  InviteStatus,
  MemberHandlers,
  PeerDetails,
  PeerStatus,
  SeedDetails,
  StateHandlers,
  StatusReport,
} from "../../src/control/mod.ts";
import { NotFoundError } from "../../src/kernel/mod.ts";
import { version } from "../../src/version.ts";

export const directory = "/home/ann/.pln";
export const socketPath = `${directory}/pln.sock`;

export const silentLog = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

export const samplePeer = "a1".repeat(32);
export const sampleDigest = "d5".repeat(32);

export const samplePeers: readonly PeerStatus[] = [{
  peer: samplePeer,
  name: "ann",
  tier: "admin",
  properties: { zone: "home" },
  state: "self",
  address: "192.0.2.1:60611",
  version: "1.2.3",
  load: {
    permille: 250,
    cores: 2,
    freeBytes: 2_040_109_465,
    totalBytes: 4_294_967_296,
    callsUnderWay: 0,
  },
}, {
  peer: "b2".repeat(32),
  name: "bob",
  tier: "publisher",
  properties: { zone: "away", gpu: "1" },
  state: "connected",
  address: "[2001:db8::2]:60611",
  rttMs: 14.25,
  connectedMs: 7_384_000,
  version: "1.2.4",
  liveness: "alive",
  livenessMs: 7_390_000,
  silentMs: 1_200,
  load: {
    permille: 7_900,
    cores: 8,
    freeBytes: 536_870_912,
    totalBytes: 17_179_869_184,
    callsUnderWay: 3,
  },
}, {
  peer: "c3".repeat(32),
  name: "cleo",
  tier: "leaf",
  properties: {},
  state: "denied",
  address: "192.0.2.3:60611",
  reason: "by a1a1a1a1a1a1: lost \u001b[31mlaptop",
}, {
  peer: "d4".repeat(32),
  properties: {},
  state: "unreachable",
  reason: "Nobody answers there",
  liveness: "lost",
  livenessMs: 40_000,
}];

export const sampleStatus: StatusReport = {
  version: 1,
  node: {
    peer: samplePeer,
    name: "ann",
    cluster: "c0".repeat(32),
    tier: "admin",
    properties: { zone: "home" },
    version: "1.2.3",
    processId: 99,
    directory,
    upMs: 93_784_000,
    certificateNotAfterMs: 1_790_000_000_000,
    residentBytes: 89_128_960,
  },
  alarms: [{ message: "The log is not written", hint: "Free some space" }],
  nodes: samplePeers,
  mesh: { links: 1, unauthenticated: 2, refusals: { denied: 3 } },
  seeds: [{
    name: "hello",
    owner: samplePeer,
    digest: sampleDigest,
    sizeBytes: 2_202_009,
    publishedMs: 1_789_999_000_000,
    timeoutMs: 30_000,
    state: "ready",
    calls: 1204,
    errors: 3,
    errorsByReason: { trap: 1, timeout: 2 },
    running: 1,
    p50Ms: 0.21,
    p99Ms: 14.2,
  }, {
    name: "loops",
    owner: samplePeer,
    digest: "e6".repeat(32),
    sizeBytes: 512,
    publishedMs: 1_789_999_500_000,
    timeoutMs: 1_000,
    state: "refused",
    reason: "Its module is \u001b[31mdamaged",
    calls: 0,
    errors: 0,
    running: 0,
  }],
  state: {
    generation: 1,
    sequence: 12,
    entries: 5,
    journalBytes: 4096,
    digest: "f7".repeat(32),
    documents: 4,
    waiting: 1,
    unfilled: 2,
    refused: 3,
    deferred: 4,
    forks: ["b2".repeat(32)],
    ignored: 5,
  },
  threads: { running: 1, lost: 0 },
  listeners: { "mesh": 60_611, "static-http": 8080 },
};

/** Asked to be put back, called, and failed in two ways. */
export const sampleDetails: SeedDetails = {
  version: 1,
  type: "seed",
  name: "hello",
  owner: samplePeer,
  digest: sampleDigest,
  sizeBytes: 2_202_009,
  publishedMs: 1_789_999_000_000,
  state: "ready",
  functions: ["greet", "hello"],
  configKeys: ["greeting", "next"],
  limits: { timeoutMs: 90_000, memoryBytes: 134_217_728, cpuMs: 10_000 },
  isolation: {
    asked: "restore",
    inEffect: "fresh",
    reason: "it changes \u001b[31mtables at run time",
  },
  allowHosts: ["*.example.org", "10.0.0.7"],
  calls: 1204,
  errors: 3,
  errorsByReason: { trap: 1, timeout: 2 },
  running: 1,
  p50Ms: 0.21,
  p99Ms: 14.2,
  usage: {
    threads: 1,
    instances: 4,
    memoryBytes: 4_718_592,
    peakBytes: 1_310_720,
    cpuMs: 12_345,
  },
};

const dayMs = 86_400_000;
const madeMs = 1_789_000_000_000;

/** A publisher whom the root made an admin, over a link. */
export const samplePeerDetails: PeerDetails = {
  version: 1,
  type: "node",
  node: samplePeers[1] as PeerStatus,
  addresses: ["[2001:db8::2]:60611", "192.0.2.2:60611"],
  chain: [{
    role: "member",
    subject: "b2".repeat(32),
    issuer: `authority of ${samplePeer}`,
    serial: "01".repeat(16),
    notBeforeMs: madeMs - dayMs,
    notAfterMs: madeMs + 7 * dayMs,
  }, {
    role: "authority",
    subject: `authority of ${samplePeer}`,
    issuer: `root of cluster ${"c0".repeat(32)}`,
    serial: "02".repeat(16),
    notBeforeMs: madeMs - dayMs,
    notAfterMs: madeMs + 365 * dayMs,
  }, {
    role: "root",
    subject: `root of cluster ${"c0".repeat(32)}`,
    issuer: `root of cluster ${"c0".repeat(32)}`,
    serial: "03".repeat(16),
    notBeforeMs: madeMs - dayMs,
    notAfterMs: madeMs + 3_652 * dayMs,
  }],
  issue: 4,
  memberSinceMs: madeMs,
  accessDeadlineMs: madeMs + 30 * dayMs,
  source: "grant",
  isAdminPending: true,
  decisions: [
    { verdict: "join", by: samplePeer, atMs: madeMs, number: 0 },
    {
      verdict: "grant",
      by: "root",
      atMs: madeMs + dayMs,
      number: 1,
      tier: "publisher",
    },
  ],
  observed: "192.0.2.1:60611",
};

export const sampleInvite: InviteStatus = {
  id: "3f9a".repeat(8),
  state: "open",
  tier: "publisher",
  by: samplePeer,
  atMs: madeMs,
  expiresMs: madeMs + 300_000,
  uses: 2,
  used: 1,
};

/** Everything goes well; no decision needs the root. */
export const sampleMembers: MemberHandlers = {
  inspectPeer(peer) {
    if (peer === "bob" || "b2".repeat(32).startsWith(peer)) {
      return samplePeerDetails;
    }
    throw new NotFoundError(`There is no node ${JSON.stringify(peer)}`, {
      hint: 'See "pln status nodes"',
    });
  },
  ping: () =>
    Promise.resolve({
      peer: "b2".repeat(32),
      name: "bob",
      address: "[2001:db8::2]:60611",
      rttMs: 1.5,
    }),
  invite: () => Promise.resolve({ ...sampleInvite, token: "a-secret-token" }),
  invites: () => [sampleInvite],
  revokeInvite: () => Promise.resolve({ ...sampleInvite, state: "revoked" }),
  grant: (_peer, { tier = "publisher", properties = { zone: "away" } }) =>
    Promise.resolve({
      type: "done",
      peer: "b2".repeat(32),
      name: "bob",
      tier,
      properties,
      isChanged: true,
    }),
  deny: () =>
    Promise.resolve({
      type: "done",
      peer: "b2".repeat(32),
      name: "bob",
      isChanged: true,
    }),
  allow: () =>
    Promise.resolve({
      type: "done",
      peer: "b2".repeat(32),
      name: "bob",
      isChanged: true,
    }),
  applyStatement: () =>
    Promise.resolve({
      type: "done",
      peer: "b2".repeat(32),
      name: "bob",
      tier: "admin",
      properties: {},
      isChanged: true,
    }),
  leave: () => Promise.resolve(),
};

const sampleOwner = { owner: "b2".repeat(32), name: "bob" };

/** Bob published twice, and this node was killed in between. */
export const sampleState: StateHandlers = {
  history: () =>
    Promise.resolve({
      version: 1,
      beginsMs: madeMs,
      isCut: false,
      events: [
        {
          type: "batch",
          atMs: madeMs,
          ...sampleOwner,
          generation: 2,
          seq: 4,
          changes: [{
            section: "seeds",
            key: "hello",
            after: { digest: sampleDigest, timeoutMs: 30_000 },
          }, {
            section: "seeds",
            key: "old\u001b[31m",
            before: { digest: "e6".repeat(32), timeoutMs: 5 },
          }],
        },
        { type: "gap", atMs: madeMs + 60_000, why: "killed" },
        {
          type: "batch",
          atMs: madeMs + 90_000,
          ...sampleOwner,
          generation: 3,
          seq: 1,
          changes: [{
            section: "seeds",
            key: "hello",
            before: { digest: sampleDigest, timeoutMs: 30_000 },
            after: { digest: sampleDigest, timeoutMs: 1_000 },
          }],
        },
      ],
    }),
  past: (atMs) =>
    Promise.resolve({
      version: 1,
      atMs,
      isExact: true,
      digest: sampleDigest,
      nodes: [{
        peer: "b2".repeat(32),
        name: "bob",
        tier: "publisher",
        properties: { zone: "away" },
        state: "member",
        version: "1.2.4",
      }, {
        peer: "c3".repeat(32),
        properties: {} as Record<string, string>,
        state: "denied",
      }],
      seeds: [{
        name: "hello",
        owner: "b2".repeat(32),
        digest: sampleDigest,
        sizeBytes: 2_202_009,
        publishedMs: madeMs,
        others: [samplePeer],
      }],
    }),
  diff: () =>
    Promise.resolve({
      version: 1,
      peer: "b2".repeat(32),
      name: "bob",
      isEqual: false,
      digest: sampleDigest,
      documents: 3,
      owners: [{
        owner: samplePeer,
        name: "ann",
        state: "ahead",
        here: { generation: 1, seq: 12, digest: "0102030405060708" },
        there: { generation: 1, seq: 11, digest: "1112131415161718" },
      }, {
        owner: "c3".repeat(32),
        state: "behind",
        there: { generation: 4, seq: 1, digest: "2122232425262728" },
      }],
    }),
  forget: (_peer, { dryRun = false }) =>
    Promise.resolve({
      version: 1,
      peer: "b2".repeat(32),
      name: "bob",
      isChanged: !dryRun,
      isDryRun: dryRun,
      entries: { node: 3, seeds: 2 },
      seeds: ["hello", "loops"],
    }),
};

export const sampleDaemon: ControlHandlers = {
  version,
  processId: 99,
  status: () => sampleStatus,
  publishSeed: (name, module) =>
    Promise.resolve({
      name,
      digest: sampleDigest,
      sizeBytes: module.length,
      functions: ["greet"],
      limits: { timeoutMs: 30_000, memoryBytes: 67_108_864, cpuMs: 10_000 },
      isolation: { asked: "restore", inEffect: "restore" },
      allowHosts: [],
    }),
  inspectSeed: (name) => Promise.resolve({ ...sampleDetails, name }),
  unpublishSeed: () => Promise.resolve(),
  call: (_target, input) => Promise.resolve(input),
  members: sampleMembers,
  state: sampleState,
  reload: () =>
    Promise.resolve({ applied: ["log-level"], needRestart: ["http"] }),
  acceptLoss: () => Promise.resolve(),
  shutdown: () => {},
};
