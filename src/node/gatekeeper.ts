// Who may be on the mesh now: the transport asks with each credential that a
// peer shows. Chain and time are checked by the one verifier, denials and
// grants by the rights that the newest state gives. It keeps no memory: a
// denial that came a moment ago counts.

import type { Ports } from "../ports/mod.ts";
import {
  type ClusterRoot,
  type Credential,
  type MemberFacts,
  type Rights,
  verifyCredential,
} from "../identity/mod.ts";
import type { Gatekeeper, Link, RightsHead } from "../transport/mod.ts";

/** What it knows the cluster by. */
export type GatekeeperConfig = {
  readonly root: ClusterRoot;
  readonly rights: () => Rights;
  readonly heads: () => readonly RightsHead[];
  /** Exchanges what either side lacks; see `Gatekeeper.settle`. */
  readonly settle: (link: Link, signal: AbortSignal) => Promise<void>;
};

/**
 * Who shows a credential, when it may be here now.
 *
 * @throws {CredentialError | DeniedError} Why not.
 */
export function admitMember(
  { clock, signer }: Pick<Ports, "clock" | "signer">,
  credential: Credential,
  { root, rights }: Pick<GatekeeperConfig, "root" | "rights">,
): MemberFacts {
  const wallMs = clock.wallMs();
  const check = { type: "now", wallMs } as const;
  const facts = verifyCredential({ signer }, { root, credential, check });
  rights().standing(facts, wallMs);
  return facts;
}

/** The rights of the state, as the transport asks for them. */
export class StateGatekeeper implements Gatekeeper {
  readonly #needs: Pick<Ports, "clock" | "signer">;
  readonly #config: GatekeeperConfig;

  constructor(
    needs: Pick<Ports, "clock" | "signer">,
    config: GatekeeperConfig,
  ) {
    this.#needs = needs;
    this.#config = config;
  }

  admit(credential: Credential): MemberFacts {
    return admitMember(this.#needs, credential, this.#config);
  }

  heads(): readonly RightsHead[] {
    return this.#config.heads();
  }

  settle(link: Link, signal: AbortSignal): Promise<void> {
    return this.#config.settle(link, signal);
  }
}
