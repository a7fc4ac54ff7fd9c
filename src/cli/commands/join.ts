// `pln join <token>`: makes this directory a member of the token's cluster, then
// starts its node. The token is read and shown before anything is changed; the
// invite's secret stays in this process. What the node was in another cluster is
// kept below old/. A member of that cluster takes the token's addresses only.

import { enrol, type Joined } from "../../admission/mod.ts";
import type { StatusReport } from "../../control/mod.ts";
import {
  type InviteToken,
  type NodeIdentity,
  type NodeKeys,
  parseInviteToken,
} from "../../identity/mod.ts";
import { ConflictError, limits } from "../../kernel/mod.ts";
import { startInBackground } from "../background.ts";
import { refuseUsed } from "../cluster.ts";
import { confirm } from "../confirm.ts";
import { holdDirectory } from "../directory.ts";
import { InterruptedError } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import {
  type JoiningNeeds,
  type JoinPlan,
  keepMembership,
  keepName,
  keysToJoinWith,
  planJoin,
  takeAddresses,
} from "../joining.ts";
import type { Run } from "../loaders.ts";
import { momentText, pairsText, peerText, printable } from "../render.ts";
import { readSettings, type SettingFlags, settingFlags } from "../settings.ts";
import { tierText } from "../tiers.ts";
import { readStdinLine } from "../typed_line.ts";
import type { FlagsOf } from "../verbs.ts";

/** How long a member that comes back waits for what its peers say. */
const newsMsMax = 3_000;
const pollMs = 100;

type Member = Pick<NodeIdentity, "peer" | "cluster" | "facts"> & {
  readonly isAdminPending: boolean;
  /** It was one before: the invite is unused. */
  readonly wasMember: boolean;
};

export const run: Run<"join"> = async (invocation, { flags, args }) => {
  const settings = settingFlags(flags);
  // A mistake in a setting shows before anything is made.
  const { name } = await readSettings(invocation, settings);
  const token = await readToken(invocation, args[0] ?? "-");
  const needs = await openNeeds(invocation);
  // Before the lock: who is there already hears that, whatever else runs.
  const plan = await planJoin(needs, token);
  if (plan.type === "member") await refuseRunning(invocation);
  const member = await joinHolding(invocation, token, {
    needs,
    name: name.value,
    flags,
  });
  await tell(invocation, member);
  const { peer, cluster, facts: { tier }, isAdminPending, wasMember } = member;
  const shown = { peer, cluster, tier, isAdminPending, wasMember };
  const { directory } = invocation;
  if (!flags["no-up"]) {
    return await start(invocation, settings, { shown });
  }
  await invocation.answer(
    { version: 1, ...shown, directory },
    pairsText([["peer", peer], ["directory", directory]]),
  );
};

/** @throws {ConflictError} Its daemon would write over the addresses. */
async function refuseRunning(invocation: Invocation): Promise<void> {
  if (await invocation.findDaemon() === undefined) return;
  throw new ConflictError(
    "This node is a member of that cluster already, and its daemon runs",
    {
      hint: 'To take the invite\'s addresses run "pln down", then this again',
    },
  );
}

/** A member that came back may have been denied meanwhile, and hears it. */
async function start(
  invocation: Invocation,
  settings: SettingFlags,
  { shown }: { readonly shown: Omit<Member, "facts"> },
): Promise<void> {
  await startInBackground(invocation, settings, { also: shown });
  if (!shown.wasMember) return;
  const { alarms = [] } = await firstNews(invocation) ?? {};
  for (const { message, hint = 'See "pln status"' } of alarms) {
    await invocation.warn(printable(message), printable(hint));
  }
}

/** The daemon's status once somebody lets it in, or something is wrong. */
async function firstNews(
  invocation: Invocation,
): Promise<StatusReport | undefined> {
  const clock = await invocation.platform.openClock();
  const { signal } = new AbortController();
  const lateMs = clock.nowMs() + newsMsMax;
  for (;;) {
    const report = await invocation.findDaemon();
    const isKnown = report === undefined || report.alarms.length > 0 ||
      report.nodes.some(({ state }) => state === "connected");
    if (isKnown || clock.nowMs() >= lateMs) return report;
    await clock.sleep(pollMs, signal);
  }
}

/** @throws {InputError} It is none, or damaged. */
async function readToken(
  invocation: Invocation,
  typed: string,
): Promise<InviteToken> {
  const text = typed === "-"
    ? await readStdinLine(invocation, {
      charactersMax: limits.inviteTokenCharactersMax,
      what: "invite token",
    })
    : typed.trim();
  const signer = await invocation.platform.openSigner();
  const token = parseInviteToken({ signer }, text);
  const { cluster, tier, issuer, expiresMs } = token.invite.terms;
  await invocation.note(
    `An invite to cluster ${short(cluster)} as ` +
      `${tierText(tier === "admin" ? "publisher" : tier)}, by ` +
      `${short(issuer)}, until ${momentText(expiresMs)}`,
  );
  return token;
}

async function openNeeds(invocation: Invocation): Promise<JoiningNeeds> {
  const { platform } = invocation;
  const [clock, disk, network, random, signer] = await Promise.all([
    platform.openClock(),
    invocation.openDisk(),
    platform.openNetwork(),
    platform.openRandom(),
    platform.openSigner(),
  ]);
  return { clock, disk, network, random, signer };
}

/** Holds the directory until it is a member's. */
async function joinHolding(
  invocation: Invocation,
  token: InviteToken,
  { needs, name, flags }: {
    readonly needs: JoiningNeeds;
    readonly name: string | undefined;
    readonly flags: FlagsOf<"join">;
  },
): Promise<Member> {
  await using _held = await holdDirectory(needs.disk, invocation);
  await refuseUsed(needs.disk);
  const plan = await planJoin(needs, token);
  if (plan.type === "member") {
    await takeAddresses(needs, token);
    await keepName(needs, flags.name);
    return { ...plan.membership, isAdminPending: false, wasMember: true };
  }
  if (!flags.yes) await askToLeave(invocation, token, plan);
  const keys = await keysToJoinWith(needs, token, plan);
  const joined = await enrolInterruptibly(invocation, token, {
    needs,
    keys,
    name,
  });
  const { isAdminPending } = joined;
  const identity = await keepMembership(needs, token, { plan, keys, joined });
  await keepName(needs, flags.name);
  return { ...identity, isAdminPending, wasMember: false };
}

/** @throws {InterruptedError} The user pressed Ctrl-C. */
async function enrolInterruptibly(
  { terminal }: Invocation,
  token: InviteToken,
  { needs, keys, name }: {
    readonly needs: JoiningNeeds;
    readonly keys: NodeKeys;
    readonly name: string | undefined;
  },
): Promise<Joined> {
  const stop = new AbortController();
  using _signals = terminal.onSignal((signal) =>
    stop.abort(
      new InterruptedError(`Got ${signal} before the node had joined`, {
        hint: "Run the same command again",
      }),
    )
  );
  return await enrol(needs, token, { keys, name, signal: stop.signal });
}

async function askToLeave(
  invocation: Invocation,
  token: InviteToken,
  plan: JoinPlan,
): Promise<void> {
  if (plan.type !== "switch") return;
  const { cluster } = plan.membership;
  await confirm(
    invocation,
    `This node is in cluster ${short(cluster)}. Leave that for cluster ` +
      `${short(token.root.cluster)}?`,
    { refusal: `This node stays in cluster ${short(cluster)}` },
  );
}

async function tell(invocation: Invocation, member: Member): Promise<void> {
  const { cluster, facts, isAdminPending, peer, wasMember } = member;
  if (wasMember) {
    return await invocation.note(
      `Already a member of cluster ${short(cluster)}; took the invite's ` +
        "addresses; the invite was not used",
    );
  }
  const later = isAdminPending
    ? `; an admin with the root key goes on: pln grant ${short(peer)} --admin`
    : "";
  await invocation.note(
    `Joined cluster ${short(cluster)} as ${tierText(facts.tier)}${later}`,
  );
}

function short(id: string): string {
  return peerText(id, { isWide: false });
}
