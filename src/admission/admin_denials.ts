// Denials, and lifting them. Whom an admin denies is out wherever that is
// heard, whatever certificate it shows. A subject goes in; an entry of this
// admin's document or a request for the root comes out. It must never deny the
// node it runs on, nor leave open what becomes of a denied admin's members.

import {
  ConflictError,
  InputError,
  LimitError,
  limits,
  type PeerId,
} from "../kernel/mod.ts";
import { encodeRootRequest } from "../identity/mod.ts";
import { type AdminDesk, type Decision, isRootMatter } from "./admin_desk.ts";
import type { RedeemerView } from "./redeemer.ts";

/** How somebody is denied. */
export type DenyOptions = {
  /** For people; printable, at most `rootReasonCharactersMax`. */
  readonly reason?: string | undefined;
  /** What becomes of the members that a denied admin admitted. */
  readonly children?: "keep" | "cascade" | undefined;
  /** Whether the denials that a denied admin made end with it. */
  readonly dropDenies?: boolean | undefined;
};

/** Denies, or asks the root to. @throws As `Admins.deny`. */
export async function denyOne(
  desk: AdminDesk,
  subject: PeerId,
  { options }: { readonly options: DenyOptions },
): Promise<Decision> {
  return await desk.decide("deny", async (view) => {
    const { identity, rights, wallMs } = view;
    if (subject === identity.peer) {
      throw new InputError("This node can not deny itself", {
        hint: 'To leave the cluster: "pln leave"',
      });
    }
    checkReason(options.reason);
    if (rights.denialOf(subject)?.because === "denied") {
      return { type: "done", peer: subject, isChanged: false };
    }
    const { reason } = options;
    if (isRootMatter(view, "denies", { subject })) {
      checkChildren(view, subject, options);
      const mode = options.children ?? "cascade";
      return rootRequest(view, subject, { kind: "deny", mode, reason });
    }
    await desk.state.publish([{
      section: "denies",
      key: subject,
      value: {
        number: rights.nextNumber("denies", subject),
        verdict: "deny",
        ...(reason === undefined ? {} : { reason }),
        atMs: wallMs,
      },
    }]);
    return { type: "done", peer: subject, isChanged: true };
  });
}

function checkReason(reason: string | undefined): void {
  if (reason === undefined) return;
  if (reason.length > limits.rootReasonCharactersMax) {
    throw new LimitError(
      `The reason has ${reason.length} characters, more than ` +
        `${limits.rootReasonCharactersMax}`,
    );
  }
  if (!/^\P{C}*$/u.test(reason)) {
    throw new InputError("The reason holds characters that nobody can see");
  }
}

function checkChildren(
  { rights }: RedeemerView,
  subject: PeerId,
  { children }: DenyOptions,
): void {
  const count = rights.childrenOf(subject).length;
  if (count === 0 || children !== undefined) return;
  throw new InputError(
    `Admin ${subject.slice(0, 8)} has admitted ${count} ` +
      (count === 1 ? "member" : "members"),
    { hint: "Say what becomes of them: --keep or --cascade" },
  );
}

type Verdict = Parameters<typeof encodeRootRequest>[0] extends infer Request
  ? Request extends { kind: "deny" | "allow" }
    ? Omit<Request, "cluster" | "subject" | "number" | "atMs">
  : never
  : never;

function rootRequest(
  { identity, rights, wallMs }: RedeemerView,
  subject: PeerId,
  verdict: Verdict,
): Decision {
  const request = encodeRootRequest({
    cluster: identity.cluster,
    subject,
    number: rights.nextNumber("denies", subject, { isRoot: true }),
    atMs: wallMs,
    ...verdict,
  });
  return { type: "needs-root", peer: subject, request };
}

/** Lifts a denial, or asks the root to. @throws As `Admins.allow`. */
export async function allowOne(
  desk: AdminDesk,
  subject: PeerId,
): Promise<Decision> {
  return await desk.decide("allow", async (view) => {
    const { rights, wallMs } = view;
    const denial = rights.denialOf(subject);
    if (denial === undefined) {
      return { type: "done", peer: subject, isChanged: false };
    }
    if (denial.because === "void-redemption") {
      throw new ConflictError(
        `Nobody denied node ${subject.slice(0, 8)}: it joined with an invite ` +
          "that others had used up",
        { hint: `Grant it instead: "pln grant ${subject}"` },
      );
    }
    if (isRootMatter(view, "denies", { subject })) {
      return rootRequest(view, subject, { kind: "allow" });
    }
    await desk.state.publish([{
      section: "denies",
      key: subject,
      value: {
        number: rights.nextNumber("denies", subject),
        verdict: "allow",
        atMs: wallMs,
      },
    }]);
    return { type: "done", peer: subject, isChanged: true };
  });
}
