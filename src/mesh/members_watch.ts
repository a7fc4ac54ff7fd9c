// Keeps the members' liveness up to date: a thin shell that tells the engine of
// links, pongs, records and farewells, and lets it look at everybody once a
// second. Out go states to show and their changes. It never closes a link and
// never dials: who is lost is still tried for ever.

import { asPlnError, limits, type PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { closeCodes, type Link } from "../transport/mod.ts";
import {
  type MemberChange,
  Members,
  type MembersConfig,
  type MemberState,
} from "./members.ts";
import type { MeshTransport } from "./needs.ts";

/** A member that the state or the mesh knows, and whether it went for good. */
export type ExpectedMember = {
  readonly peer: PeerId;
  readonly hasLeft: boolean;
};

/** Hears of each new record; `heardMs` is when it was made, at the latest. */
export type SignHandler = (
  peer: PeerId,
  sign: { readonly heardMs: number; readonly periodMs: number },
) => void;

/** What it listens to. */
export type MembersWatchNeeds = Pick<Ports, "clock" | "log"> & {
  readonly transport: Pick<MeshTransport, "links" | "onLink">;
  /** Hears of records of others; of its own it may. */
  readonly onRecord: (handle: SignHandler) => Disposable;
};

/** Whom it watches. */
export type MembersWatchConfig = MembersConfig & {
  /** Asked after `refresh`, at the next look. */
  readonly expected: () => Iterable<ExpectedMember>;
};

/** Hears of all changes of one look; must not change the watch. */
export type MembersHandler = (changes: readonly MemberChange[]) => void;

/** One per node. Disposing ends the looking; the last states stay. */
export class MembersWatch implements Disposable {
  readonly #needs: MembersWatchNeeds;
  readonly #config: MembersWatchConfig;
  readonly #members: Members;
  readonly #scope = new DisposableStack();
  readonly #handlers = new Set<MembersHandler>();
  /** What was said of them last: only news counts, a link since then more. */
  readonly #leavers = new Set<PeerId>();
  #isStale = true;
  #timer: Disposable | undefined;

  /** Looks at once, then every second. */
  constructor(needs: MembersWatchNeeds, config: MembersWatchConfig) {
    this.#needs = needs;
    this.#config = config;
    const { clock, transport } = needs;
    this.#members = new Members(config, clock.nowMs());
    this.#scope.use(transport.onLink((link) => this.#linked(link)));
    this.#scope.use(needs.onRecord((peer, { heardMs, periodMs }) => {
      this.#members.heard(peer, heardMs, { periodMs });
    }));
    this.#scope.defer(() => this.#timer?.[Symbol.dispose]());
    for (const link of transport.links.values()) this.#linked(link);
    this.#look();
  }

  /** Undefined for strangers and for this node itself. */
  stateOf(peer: PeerId): MemberState | undefined {
    return this.#members.stateOf(peer);
  }

  /** Members and their states may be others now. */
  refresh(): void {
    this.#isStale = true;
  }

  /** Calls `handle` after each look that changed something, until disposed. */
  onChange(handle: MembersHandler): Disposable {
    const own: MembersHandler = (changes) => handle(changes);
    this.#handlers.add(own);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  /** Harmless twice. */
  [Symbol.dispose](): void {
    this.#scope.dispose();
  }

  #linked(link: Link): void {
    const { peer } = link;
    this.#members.linked(peer, this.#needs.clock.nowMs());
    void link.ended.then((end) => {
      if (this.#scope.disposed) return;
      const other = this.#needs.transport.links.get(peer);
      if (other !== undefined && other !== link) return;
      if (end.type === "closed" && end.code === closeCodes.left) {
        this.#members.left(peer);
      }
      this.#members.unlinked(peer);
    });
  }

  #look(): void {
    if (this.#scope.disposed) return;
    this.#timer = this.#needs.clock.after(
      limits.memberTickMs,
      () => this.#look(),
    );
    if (this.#isStale) this.#expect();
    this.#hearLinks();
    const changes = this.#members.tick(this.#needs.clock.nowMs());
    if (changes.length > 0) this.#tell(changes);
  }

  #expect(): void {
    this.#isStale = false;
    const nowMs = this.#needs.clock.nowMs();
    const expected = [...this.#config.expected()];
    this.#members.expect(expected.map(({ peer }) => peer), nowMs);
    for (const { peer, hasLeft } of expected) {
      const hadLeft = this.#leavers.has(peer);
      if (hasLeft === hadLeft) continue;
      if (hasLeft) this.#leavers.add(peer);
      else this.#leavers.delete(peer);
      if (hasLeft) this.#members.left(peer);
      else this.#members.returned(peer, nowMs);
    }
  }

  #hearLinks(): void {
    const { clock, transport } = this.#needs;
    for (const { peer, isSuspect, heardMs } of transport.links.values()) {
      const atMs = heardMs ?? (isSuspect ? undefined : clock.nowMs());
      if (atMs !== undefined) this.#members.heard(peer, atMs);
      this.#members.doubted(peer, isSuspect);
    }
  }

  #tell(changes: readonly MemberChange[]): void {
    const { log } = this.#needs;
    for (const { peer, before, state, silentMs } of changes) {
      if (state === "lost") log.warn("member.lost", { peer, silentMs });
      else if (before === "lost") log.info("member.back", { peer, state });
      else if (state === "left") log.info("member.left", { peer });
    }
    for (const handle of [...this.#handlers]) {
      try {
        handle(changes);
      } catch (cause) {
        const reason = asPlnError(cause).message;
        log.error("member.listener_failed", { reason });
      }
    }
  }
}
