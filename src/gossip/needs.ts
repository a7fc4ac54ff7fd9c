// What gossip asks of others: of the state the places of documents and their
// signed batches, of the records the newest of each node, of the transport
// links and streams. Only interfaces: whoever joins the parts passes what has
// these methods.

import type { Bytes, PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Link, Protocol, StreamHandler } from "../transport/mod.ts";
import type { OwnerHead, OwnerPlace, Place } from "./places.ts";

/** What became of a batch; as the state says. */
export type Outcome =
  | "new"
  | "known"
  | "gap"
  | "later"
  | "refused"
  | "waiting";

/** Two signed batches of one owner that contradict each other. */
export type Contradiction = { readonly first: Bytes; readonly second: Bytes };

/** What gossip needs of the state. */
export interface GossipState {
  /** How far admins' documents reach here. */
  heads(): readonly (Place & { readonly admin: PeerId })[];
  /** Of any stored document, the own one too. */
  placeOf(owner: PeerId): OwnerHead | undefined;
  /**
   * From where on a peer at `shown` has more of the own document; undefined:
   * it has nothing that is missing here. Default: from this node's place.
   */
  wantsOwn?(shown: Place): Place | undefined;
  /** By the first 16 hex digits of its id. */
  ownerOf(prefix: string): PeerId | undefined;
  /** `limits.stateBuckets` digests of 8 bytes. */
  buckets(): readonly Bytes[];
  /** All stored owners whose ids begin with the bucket's number, in 6 bits. */
  placesOfBucket(index: number): readonly OwnerHead[];
  /** What somebody lacks of a document who is at `place`. */
  batchesSince(owner: PeerId, place: Place): readonly Bytes[];
  /** Why generations of an owner are void; none when none is. */
  forksOf(owner: PeerId): readonly Contradiction[];
  /** Whose a batch says it is; undefined when it is none. */
  placeIn(batch: Bytes): OwnerPlace | undefined;
  /** Stored when it says "new". @throws {PlnError} Not stored. */
  accept(batch: Bytes): Promise<Outcome>;
  /** As `accept`. @throws {PlnError} Not stored. */
  acceptFork(proof: Contradiction): Promise<Outcome>;
  /** Tells of each new batch, with the very bytes that were accepted. */
  onBatch(
    handle: (
      batch: Bytes,
      owner: PeerId,
      options: { readonly isUrgent: boolean },
    ) => void,
  ): Disposable;
  /** Tells whose generation became void here. */
  onFork(handle: (owner: PeerId) => void): Disposable;
}

/** What gossip needs of whoever holds the ephemeral records. */
export interface RecordSource {
  /** Takes a record that was so old when it was sent. */
  accept(
    bytes: Uint8Array,
    nowMs: number,
    options: { readonly ageMs: number },
  ): "new" | "known" | "refused" | "stranger";
  /** Of the newest record that is held of an owner. */
  placeOf(owner: PeerId): Place | undefined;
  /** Of all that are held. */
  places(): Iterable<OwnerPlace>;
  /** Undefined when none is held. */
  bytesOf(owner: PeerId): Bytes | undefined;
  /** How old the held record is. */
  ageMsOf(owner: PeerId, nowMs: number): number;
  /** Tells of each new record, while `accept` runs or when it is an own one. */
  onRecord(handle: (owner: PeerId) => void): Disposable;
}

/** What gossip needs of the transport. */
export interface GossipTransport {
  /** Serves the streams of a protocol. */
  serve(protocol: Protocol, handler: StreamHandler): Disposable;
  /** Hears of each new link. */
  onLink(handle: (link: Link) => void): Disposable;
}

/** What gossip takes of the world. */
export type GossipNeeds =
  & Pick<Ports, "clock" | "log" | "random" | "signer">
  & {
    readonly state: GossipState;
    /** None: records are neither asked for nor passed on. */
    readonly records?: RecordSource | undefined;
  };
