// What admins do, as the node offers it: each verb of `pln invite`, `grant`,
// `deny`, `allow` and `props`. Whoever asks goes in as this node's operator; an
// entry in its own document comes out, durable and on its way. What only the
// root may say comes out as a request instead. Who did what and when stands in
// the entries themselves.

import { limits, type PeerId } from "../kernel/mod.ts";
import type { Properties } from "../identity/mod.ts";
import {
  AdminDesk,
  type AdminsConfig,
  type AdminsNeeds,
  type Decision,
  presentGift,
} from "./admin_desk.ts";
import { allowOne, denyOne, type DenyOptions } from "./admin_denials.ts";
import { forgetOne, type ForgetOptions } from "./admin_forgets.ts";
import { type GrantChange, grantOne } from "./admin_grants.ts";
import {
  type InviteMade,
  type InviteOptions,
  type InviteStatus,
  listInvites,
  makeOneInvite,
  revokeOneInvite,
} from "./admin_invites.ts";
import { applyOne } from "./admin_statements.ts";

/** The verbs of admins; those that change something need one. */
export class Admins {
  readonly #desk: AdminDesk;
  /** Admins whose denial was asked for without their own denials. */
  readonly #dropping = new Set<PeerId>();

  /** Opens nothing. */
  constructor(needs: AdminsNeeds, config: AdminsConfig) {
    this.#desk = new AdminDesk(needs, config);
  }

  /**
   * Publishes an invite, then returns its token: the only copy.
   *
   * @throws {DeniedError} This node is no admin, or the subject is denied.
   * @throws {InputError | LimitError} What no invite may say, or too many.
   */
  async invite(options: InviteOptions): Promise<InviteMade> {
    return await makeOneInvite(this.#desk, options);
  }

  /** All that are known here, the newest first; also for who is no admin. */
  invites(): readonly InviteStatus[] {
    return listInvites(this.#desk.view());
  }

  /**
   * Revokes an invite, whoever made it; who joined with it stays.
   *
   * @param prefix 4 to 32 digits of its id.
   * @throws {DeniedError} This node is no admin.
   * @throws {NotFoundError | AmbiguousError | InputError}
   */
  async revokeInvite(prefix: string): Promise<InviteStatus> {
    return await revokeOneInvite(this.#desk, prefix);
  }

  /**
   * Changes tier, properties or the end of access; the rest stays as it is.
   *
   * @param peer Need not have joined yet.
   * @returns A request for the root where an admin is, or is to be, meant.
   * @throws {DeniedError} This node is no admin.
   * @throws {ConflictError} The peer is denied, or it is the last admin and
   * would be one no more, now or at an end of access.
   * @throws {NotFoundError} The authority key of a new admin is not known.
   * @throws {InputError | LimitError} Properties or times that do not fit.
   */
  async grant(peer: PeerId, change: GrantChange): Promise<Decision> {
    return await grantOne(this.#desk, peer, { change });
  }

  /**
   * Ends a membership wherever this is heard.
   *
   * @param peer Need not be known.
   * @returns A request for the root where an admin is meant.
   * @throws {DeniedError} This node is no admin.
   * @throws {InputError} It is this node, or `children` is missing.
   */
  async deny(peer: PeerId, options: DenyOptions = {}): Promise<Decision> {
    const decision = await denyOne(this.#desk, peer, { options });
    if (decision.type === "needs-root") this.#remember(peer, options);
    return decision;
  }

  /** The request has no room for it; a restart forgets it, and then copies. */
  #remember(peer: PeerId, { dropDenies = false }: DenyOptions): void {
    this.#dropping.delete(peer);
    if (dropDenies && this.#dropping.size < limits.adminsMax) {
      this.#dropping.add(peer);
    }
  }

  /**
   * Lifts a denial.
   *
   * @returns A request for the root where that has denied.
   * @throws {DeniedError} This node is no admin.
   * @throws {ConflictError} It is out for another reason than a denial.
   */
  async allow(peer: PeerId): Promise<Decision> {
    return await allowOne(this.#desk, peer);
  }

  /**
   * Has every node drop a lost node's document, up to where it is known here.
   *
   * @returns Whether something changed: not when it is forgotten already.
   * @throws {DeniedError} This node is no admin.
   * @throws {InputError} It is this node.
   * @throws {ConflictError} It is an admin that nobody has denied.
   * @throws {NotFoundError} Nobody knows it.
   */
  async forget(peer: PeerId, options: ForgetOptions): Promise<boolean> {
    return await forgetOne(this.#desk, peer, options);
  }

  /** Those in force; undefined when the peer is not known. */
  propertiesOf(peer: PeerId): Properties | undefined {
    const { members } = this.#desk;
    const gift = presentGift(this.#desk.view(), members, { subject: peer });
    return gift?.properties;
  }

  /**
   * Publishes what the root signed; also with an expired authority, and on the
   * very node that it makes an admin. Of an admin that it denies, the denials are copied first, and with "keep" its
   * members granted anew.
   *
   * @param text One line, as the machine with the root key has printed it.
   * @throws {DeniedError} This node is no admin.
   * @throws {InputError | CredentialError} Not signed by this cluster's root.
   * @throws {ConflictError} The root has said something newer since.
   */
  async applyStatement(text: string): Promise<Decision> {
    const decision = await applyOne(this.#desk, text, {
      dropDenies: (denied) => this.#dropping.has(denied),
    });
    this.#dropping.delete(decision.peer);
    return decision;
  }
}
