// What must hold of the nodes of a cluster, looked at from outside: who is
// linked to whom, what each holds for true of rights, what is left of those
// that were closed. In come members; out comes the first thing that is wrong,
// in words, or nothing. It changes nothing.

import { canonicalJson, type JsonValue, toHex } from "../kernel/mod.ts";
import type { Rights } from "../identity/mod.ts";
import type { SimMember } from "./member.ts";

/** Undefined when each is linked to each other. */
export function unlinked(members: readonly SimMember[]): string | undefined {
  for (const member of members) {
    for (const other of members) {
      if (other === member || isLinked(member, other)) continue;
      return `${member.name} has no link to ${other.name}`;
    }
  }
  return undefined;
}

/** Whether the first holds a link to the other. */
export function isLinked(member: SimMember, other: SimMember): boolean {
  return stateOf(member, other) === "connected";
}

/** How the other stands with the first, as that shows it. */
export function stateOf(
  member: SimMember,
  other: SimMember,
): string | undefined {
  return member.node.members.peers()
    .find(({ peer }) => peer === other.peer)?.state;
}

/** Whether the other lives, as the first shows it. */
export function livenessOf(
  member: SimMember,
  other: SimMember,
): string | undefined {
  return member.node.members.peers()
    .find(({ peer }) => peer === other.peer)?.liveness?.state;
}

/** Undefined when each shows each other alive. */
export function unequallyAlive(
  members: readonly SimMember[],
): string | undefined {
  for (const member of members) {
    const states = new Map(
      member.node.members.peers()
        .map(({ peer, liveness }) => [peer, liveness?.state]),
    );
    for (const { peer, name } of members) {
      const state = states.get(peer);
      if (peer === member.peer || state === "alive") continue;
      return `at ${member.name}, ${name} is ${state ?? "unknown"}`;
    }
  }
  return undefined;
}

/** Whom a member has shown lost since the world began, once for each time. */
export function lostAt({ machine }: SimMember): readonly string[] {
  return machine.log.records
    .filter(({ event }) => event === "member.lost")
    .map(({ fields }) => `${fields["peer"]}`);
}

/** Undefined when all hold the same for true of grants, denials and joins. */
export function unequalRights(
  members: readonly SimMember[],
): string | undefined {
  const [first, ...others] = members;
  if (first === undefined) return undefined;
  const expected = rightsText(first.node.view.rights);
  for (const other of others) {
    const found = rightsText(other.node.view.rights);
    if (found === expected) continue;
    return `${first.name} and ${other.name} hold other rights: ` +
      `${expected} and ${found}`;
  }
  return undefined;
}

/** Undefined when all show the same of the whole cluster. */
export function unequalViews(
  members: readonly SimMember[],
): string | undefined {
  const [first, ...others] = members;
  for (const other of others) {
    if (first?.node.view.digest === other.node.view.digest) continue;
    return `${first?.name} and ${other.name} show other views`;
  }
  return undefined;
}

/** All that rights say, as one text. */
export function rightsText(rights: Rights): string {
  const { admins, denials, grants, redemptions, invites } = rights;
  const lists = { admins, denials, grants, redemptions, invites };
  return canonicalJson(plain(lists));
}

/** Maps as objects, bytes as digits, certificates as their bytes. */
function plain(value: unknown): JsonValue {
  if (value instanceof Uint8Array) return toHex(value);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value as JsonValue;
  if ("der" in value) return plain(value["der"]);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]): [string, JsonValue] => [key, plain(member)]);
  return Object.fromEntries(members);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && Boolean(value);
}

/** Undefined when nothing of closed nodes is left in their processes. */
export function leftOver(members: readonly SimMember[]): string | undefined {
  for (const { name, process, isUp } of members) {
    const { sessions, streams } = process.network.counts;
    const timers = process.clock.timerCount;
    const threads = process.sandbox.threads().length;
    if (isUp) return `${name} runs`;
    if (sessions + streams + timers + threads === 0) continue;
    return `${name} has ${sessions} sessions, ${streams} streams, ` +
      `${timers} timers and ${threads} threads`;
  }
  return undefined;
}

/** The first sign of a bug that a member has logged; undefined for none. */
export function loggedBug(
  members: readonly SimMember[],
  { expected = new Set() }: {
    /** Events that are what the scenario is about. */
    readonly expected?: ReadonlySet<string>;
  } = {},
): string | undefined {
  for (const { name, machine } of members) {
    const bug = machine.log.records.find(({ level, event }) =>
      (level === "error" || event === "transport.stuck") &&
      !expected.has(event)
    );
    if (bug === undefined) continue;
    const { event, fields, atMs } = bug;
    return `${name} logged ${event} at ${atMs} ms: ${canonicalJson(fields)}`;
  }
  return undefined;
}
