// Forgetting: an admin says that a lost node's document is void up to where it
// was, and every node drops it. A subject and that place go in; an entry of
// this admin's document comes out. It must never forget an admin that nobody
// has denied: what that has decided would be undone with it.

import {
  ConflictError,
  InputError,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import type { ForgottenPlace } from "../identity/mod.ts";
import type { AdminDesk } from "./admin_desk.ts";
import type { RedeemerView } from "./redeemer.ts";

/** How somebody is forgotten. */
export type ForgetOptions = {
  /** How far its document reaches here; undefined: nothing of it is here. */
  readonly place: ForgottenPlace | undefined;
  /** Only checks whether it could be done. */
  readonly isDryRun?: boolean | undefined;
};

/** Forgets. Returns whether something changed. @throws As `Admins.forget`. */
export async function forgetOne(
  desk: AdminDesk,
  subject: PeerId,
  { place, isDryRun = false }: ForgetOptions,
): Promise<boolean> {
  return await desk.decide("forget", async (view) => {
    checkSubject(view, subject, { isHere: place !== undefined });
    const { rights, wallMs } = view;
    const { generation, seq } = place ?? { generation: 0, seq: 0 };
    const before = rights.forgetOf(subject);
    const isForgotten = before !== undefined &&
      !isPast({ generation, seq }, before);
    if (isForgotten || isDryRun) return false;
    await desk.state.publish([{
      section: "forgets",
      key: subject,
      value: {
        number: rights.nextNumber("forgets", subject),
        ...{ generation, seq },
        atMs: wallMs,
      },
    }]);
    return true;
  });
}

function isPast(one: ForgottenPlace, other: ForgottenPlace): boolean {
  return one.generation > other.generation ||
    (one.generation === other.generation && one.seq > other.seq);
}

function checkSubject(
  { identity, rights }: RedeemerView,
  subject: PeerId,
  { isHere }: { readonly isHere: boolean },
): void {
  if (subject === identity.peer) {
    throw new InputError("This node can not forget itself", {
      hint: 'To leave the cluster: "pln leave"',
    });
  }
  const short = subject.slice(0, 12);
  const isAdmin = rights.admins
    .some(({ peer, isDenied }) => peer === subject && !isDenied);
  if (isAdmin) {
    throw new ConflictError(
      `Node ${short} is an admin, whose decisions would be undone`,
      { hint: `Deny it first: pln deny ${short}` },
    );
  }
  const isKnown = isHere || rights.grantOf(subject) !== undefined ||
    rights.denialOf(subject) !== undefined ||
    rights.forgetOf(subject) !== undefined ||
    rights.redemptionsOf(subject).length > 0;
  if (isKnown) return;
  throw new NotFoundError(`Nothing is known of node ${short}`, {
    hint: 'See "pln status nodes"',
  });
}
