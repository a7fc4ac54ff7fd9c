// What this node says of itself in its own document: its record and the
// certificates of its credential, and for an admin the root's statements that
// it has seen. Changes of identity and rights come in, publishes go out; one
// that fails is logged and made again at the next occasion.

import { Sequence } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Certificate, NodeIdentity } from "../identity/mod.ts";
import {
  certificateKeys,
  certificateValue,
  type Change,
  leftKey,
  nodeRecordKey,
  type OwnerState,
} from "../state/mod.ts";
import { version } from "../version.ts";

/** What is said, and where. */
export type OwnEntriesConfig = {
  readonly state: OwnerState;
  readonly name: string;
  readonly identity: NodeIdentity;
};

/** Disposing stops the publishing that rights and renewals cause. */
export class OwnEntries implements AsyncDisposable {
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #config: OwnEntriesConfig;
  readonly #publishes = new Sequence();
  readonly #listening: Disposable;
  #identity: NodeIdentity;
  #isAnnounced = false;
  /** Lost records, a full disk or a small tier kept it from saying that. */
  #isDue = false;
  #isClosed = false;
  #last: Promise<void> = Promise.resolve();

  /** For the node. */
  constructor(
    needs: Pick<Ports, "clock" | "log">,
    config: OwnEntriesConfig,
  ) {
    this.#needs = needs;
    this.#config = config;
    this.#identity = config.identity;
    const { peer } = config.identity;
    this.#listening = config.state.onChange(({ isRights, owners }) => {
      const isOccasion = isRights || owners.has(peer);
      if (this.#isDue && isOccasion) this.#announceAgain();
      if (isRights) this.#copyStatements();
    });
  }

  /**
   * Publishes record and certificates; durable when it resolves.
   *
   * @throws {CorruptError | DiskError | LimitError} As a publish; it is tried
   * again when this document or rights have changed.
   */
  async announce(): Promise<void> {
    const startedMs = Math.round(this.#needs.clock.wallMs());
    const { name, state } = this.#config;
    const value = { name, version, startedMs };
    const record = { section: "node", key: nodeRecordKey, value } as const;
    // Who left and is here again has not left.
    const left = { section: "node", key: leftKey, value: undefined } as const;
    const publish = () =>
      state.publish([record, left, ...this.#certificates()]);
    this.#isDue = false;
    try {
      await this.#publishes.run(publish);
    } catch (cause) {
      this.#isDue = true;
      throw cause;
    }
    this.#isAnnounced = true;
    this.#copyStatements();
  }

  /** What was in the way may be gone: it is tried again. */
  #announceAgain(): void {
    this.#isDue = false;
    const announce = async () => {
      try {
        await this.announce();
      } catch (cause) {
        this.#needs.log.warn("node.announce_failed", { cause });
      }
    };
    if (!this.#isClosed) this.#last = announce();
  }

  /** The credential is another one. */
  renew(identity: NodeIdentity): void {
    this.#identity = identity;
    if (this.#isAnnounced) this.#later(this.#certificates());
    else if (this.#isDue) this.#announceAgain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#listening[Symbol.dispose]();
    await this.#last;
  }

  #certificates(): readonly Change[] {
    const { member, authority, ownAuthority } = this.#identity.credential;
    const entry = (key: string, certificate: Certificate | undefined) => ({
      section: "node" as const,
      key,
      value: certificate && certificateValue(certificate.der),
    });
    return [
      entry(certificateKeys.member, member),
      entry(certificateKeys.authority, authority),
      entry(certificateKeys.ownAuthority, ownAuthority),
    ];
  }

  /** An admin's document keeps every statement of the root. */
  #copyStatements(): void {
    if (!this.#isAnnounced || this.#isClosed) return;
    if (this.#identity.authority === undefined) return;
    const { state } = this.#config;
    const missing = state.missingRootStatements();
    if (missing.length > 0) this.#later(missing);
  }

  #later(changes: readonly Change[]): void {
    if (this.#isClosed) return;
    const publish = async () => {
      try {
        await this.#config.state.publish(changes);
      } catch (cause) {
        this.#needs.log.error("node.entries_failed", { cause });
      }
    };
    this.#last = this.#publishes.run(publish);
  }
}
