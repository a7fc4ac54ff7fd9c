// How a link ended, as an error for those who wanted something of it. A close
// code comes in, and what the peer said; out comes what a person reads. A peer
// that refuses this node is told apart from one that is not there.

import {
  type PeerId,
  type PlnError,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { SessionEnd } from "../ports/mod.ts";
import type { LinkEnd } from "./link.ts";
import { closeCodes } from "./protocols.ts";

const reasonCharactersMax = 200;
const cloneHint = "Stop the other copy of this directory; to keep both, run " +
  '"pln purge --include-keys" in one of them and join it anew';

/** Codes with which a peer says that it will not have this node. */
const refusals: ReadonlySet<number> = new Set([
  closeCodes.authFailed,
  closeCodes.revoked,
  closeCodes.clone,
]);

/** Fits a QUIC frame, and is fit to be shown. */
export function closeReason(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, " ")
    .slice(0, reasonCharactersMax).toWellFormed();
}

/** As the link's owner sees it. */
export function linkEndOf(end: SessionEnd): LinkEnd {
  if (end.type === "closed") {
    return { ...end, reason: closeReason(end.reason) };
  }
  const { cause } = end;
  const reason = cause instanceof Error ? cause.message : "it fell silent";
  return { type: "lost", reason: closeReason(reason) };
}

/** Why nothing more can be had of a peer's link. */
export function goneError(peer: PeerId, end: LinkEnd): UnreachableError {
  const how = end.type === "lost" ? "was lost" : "was closed";
  return new UnreachableError(
    `The link to ${peer.slice(0, 8)} ${how}: ${whyOf(end)}`,
  );
}

/** Whether one end would not have the other. */
export function isRefusal(end: LinkEnd): boolean {
  return end.type === "closed" && refusals.has(end.code);
}

function isClone(end: LinkEnd): boolean {
  return end.type === "closed" && end.code === closeCodes.clone;
}

/** Why a dial did not end in a link. */
export function dialError(peer: PeerId, end: LinkEnd): PlnError {
  if (!isRefusal(end)) return goneError(peer, end);
  return new ReportedError({
    code: "PLN_DENIED",
    kind: "peer",
    outcome: "permission",
    message: `${peer.slice(0, 8)} refuses this node: ${whyOf(end)}`,
    ...(isClone(end) ? { hint: cloneHint } : {}),
  });
}

function whyOf(end: LinkEnd): string {
  if (end.type === "lost" || end.reason !== "") return end.reason;
  return `code ${end.code}`;
}
