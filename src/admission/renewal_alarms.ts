// What an operator has to know about the own membership before it ends, and
// what to type. The identity, the rights, the time and the last failure go in;
// sentences come out, each with a next step. It must never alarm about what
// mends itself in time.

import { formatDurationMs } from "../kernel/mod.ts";
import {
  clockFault,
  isoTime,
  isValidAt,
  type NodeIdentity,
  renewalDueMs,
} from "../identity/mod.ts";
import { accessFault, grantedAuthority, type RenewalView } from "./renewal.ts";

/** For the status: what is wrong or will be, and what to type. */
export type RenewalAlarm = {
  readonly message: string;
  readonly hint?: string | undefined;
};

const dayMs = 86_400_000;
const authorityWarningMs = 60 * dayMs;
const accessWarningMs = 3 * dayMs;

/** `failure` is why the last attempt to renew failed; undefined: it did not. */
export function renewalAlarms(
  view: RenewalView,
  { failure }: { readonly failure: RenewalAlarm | undefined },
): readonly RenewalAlarm[] {
  const clock = clockFault(view.wallMs);
  return [
    ...(clock === undefined
      ? []
      : [{ message: clock, hint: "Set the clock (date)" }]),
    ...authorityAlarms(view),
    ...accessAlarms(view),
    ...certificateAlarms(view, { failure }),
  ];
}

function authorityAlarms(view: RenewalView): readonly RenewalAlarm[] {
  const { identity, rights, wallMs } = view;
  const hint = `With the root key: "pln grant ${identity.peer} --admin"`;
  const granted = rights.grantOf(identity.peer);
  const isForeign = granted?.authority !== undefined &&
    identity.authority === undefined && grantedAuthority(view) === undefined;
  if (isForeign) {
    return [{
      message: "The root signed an authority for another key than this node's",
      hint,
    }];
  }
  const endMs = identity.authority?.certificate.notAfterMs;
  if (endMs === undefined || endMs - wallMs > authorityWarningMs) return [];
  const message = endMs <= wallMs
    ? `This admin's authority expired at ${isoTime(endMs)}; its clock says ` +
      isoTime(wallMs)
    : `This admin's authority ends in ${formatDurationMs(endMs - wallMs)}`;
  return [{ message, hint }];
}

function accessAlarms(view: RenewalView): readonly RenewalAlarm[] {
  const { identity, rights, wallMs } = view;
  const fault = accessFault(view);
  if (fault !== undefined) {
    return [{ message: fault.message, hint: fault.hint }];
  }
  const { accessDeadlineMs } = rights.standing(identity.facts, wallMs);
  const leftMs = (accessDeadlineMs ?? Number.POSITIVE_INFINITY) - wallMs;
  if (leftMs > accessWarningMs) return [];
  return [{
    message: `This node's access ends in ${formatDurationMs(leftMs)}`,
    hint: `An admin can prolong it: "pln grant ${identity.peer} ` +
      '--expire-after 30d"',
  }];
}

function certificateAlarms(
  view: RenewalView,
  { failure }: { readonly failure: RenewalAlarm | undefined },
): readonly RenewalAlarm[] {
  const { identity, wallMs } = view;
  const { facts, credential } = identity;
  const why = failure === undefined ? "" : `: ${failure.message}`;
  if (wallMs < renewalDueMs(credential.member)) {
    if (isValidAt(credential.member, wallMs)) return [];
    return [{
      message: `This node's certificate is valid only from ` +
        `${isoTime(credential.member.notBeforeMs)}; its clock says ` +
        `${isoTime(wallMs)}${why}`,
      hint: failure?.hint ??
        "It renews by itself; if the time is wrong, set the clock (date)",
    }];
  }
  if (wallMs >= facts.notAfterMs) {
    return [{
      message: `This node's certificate expired at ` +
        `${isoTime(facts.notAfterMs)}; its clock says ${isoTime(wallMs)}${why}`,
      hint: failure?.hint ?? rejoinHint(identity),
    }];
  }
  if (failure === undefined) return [];
  return [{
    message: `This node's certificate ends in ` +
      `${formatDurationMs(facts.notAfterMs - wallMs)} and could not be ` +
      `renewed${why}`,
    hint: failure.hint ?? "It renews by itself when an admin can be reached",
  }];
}

function rejoinHint({ authority, peer }: NodeIdentity): string {
  if (authority !== undefined) {
    return `With the root key: "pln grant ${peer} --admin"`;
  }
  return "It renews by itself when an admin can be reached; else ask for an " +
    `invite: "pln invite ${peer}", then "pln join <token>"`;
}
