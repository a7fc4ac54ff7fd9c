// What somebody should look at, for the status: everything on this node that is
// wrong and that it cannot mend by itself. In come what its parts report, out go
// sentences, the worst first, with what to type next. It changes nothing.

import type { Denial } from "../identity/mod.ts";
import type { PeerId, PlnError } from "../kernel/mod.ts";
import type { SeedEntry, StateReport } from "../state/mod.ts";
import type { NodeRow } from "./members.ts";

/** For the status: what is wrong, and what to type. */
export type NodeAlarm = {
  readonly message: string;
  readonly hint?: string | undefined;
};

/** What this node knows of its own membership. */
export type AlarmMembers = {
  readonly refusal: PlnError | undefined;
  readonly denialOf: (peer: PeerId) => Denial | undefined;
  readonly peers: () => readonly Pick<NodeRow, "state" | "liveness">[];
};

/** Of this moment. */
export type AlarmSources = {
  readonly peer: PeerId;
  readonly members: AlarmMembers;
  readonly renewals: readonly NodeAlarm[];
  readonly state: Pick<StateReport, "fault" | "faultHint" | "ignoredEntries">;
  readonly storeFault: string | undefined;
  readonly historyFault: string | undefined;
  readonly ownSeeds: Iterable<SeedEntry>;
  readonly damageOf: (spec: SeedEntry["spec"]) => string | undefined;
  readonly threadsLost: number;
};

/** One that is silent may just be off: only several are worth an alarm. */
const silentMin = 2;

/** The worst first. */
export function nodeAlarms(sources: AlarmSources): readonly NodeAlarm[] {
  const { state, storeFault, historyFault, threadsLost } = sources;
  const alarms: NodeAlarm[] = [...membershipAlarms(sources)];
  const { fault, faultHint, ignoredEntries } = state;
  if (fault !== undefined) alarms.push({ message: fault, hint: faultHint });
  if (storeFault !== undefined) alarms.push({ message: storeFault });
  if (historyFault !== undefined) {
    alarms.push({
      message: `The history is not kept: ${historyFault}`,
      hint: 'Nothing else is lost; make it good, then "pln restart"',
    });
  }
  for (const { name, spec } of sources.ownSeeds) {
    const damage = sources.damageOf(spec);
    if (damage === undefined) continue;
    const hint = `Seed it again: pln seed <file> ${name}`;
    alarms.push({ message: `Seed "${name}": ${damage}`, hint });
  }
  if (threadsLost > 0) {
    alarms.push({
      message: `${threadsLost} seed ` +
        `${threadsLost === 1 ? "thread was" : "threads were"} ` +
        "lost since the start",
      hint: 'See "pln logs" for the cause; "pln restart" starts afresh',
    });
  }
  for (const { section, key, reason } of ignoredEntries) {
    alarms.push({ message: `Entry "${key}" of ${section}: ${reason}` });
  }
  return alarms;
}

function membershipAlarms(
  { peer, members, renewals }: AlarmSources,
): readonly NodeAlarm[] {
  const denial = members.denialOf(peer);
  if (denial !== undefined) {
    const why = denial.reason === undefined ? "" : `: ${denial.reason}`;
    return [{
      message: `This node was denied by ${denial.by.slice(0, 12)}${why}`,
      hint: `An admin${denial.by === "root" ? " with the root key" : ""} can ` +
        `take that back: pln allow ${peer.slice(0, 12)}`,
    }];
  }
  const { refusal } = members;
  const refusals: readonly NodeAlarm[] = refusal === undefined
    ? cutOffAlarms(members)
    : [{ message: refusal.message, hint: refusal.hint }];
  return [...refusals, ...renewals];
}

/** Nodes that all got other addresses meanwhile find each other by nothing. */
function cutOffAlarms(members: AlarmMembers): readonly NodeAlarm[] {
  const others = members.peers().filter(({ state, liveness }) =>
    state !== "self" && state !== "denied" && liveness !== undefined &&
    liveness.state !== "left"
  );
  const isCutOff = others.length >= silentMin &&
    // Liveness is looked at once a second only.
    others.every(({ state, liveness }) =>
      state !== "connected" && liveness?.state === "lost"
    );
  if (!isCutOff) return [];
  return [{
    message: `None of the ${others.length} other nodes answers`,
    hint: "Check the network. If addresses have changed: " +
      '"pln down", then "pln join" with an invite of any of them',
  }];
}
