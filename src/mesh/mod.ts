// The mesh: whom a node knows and where they are, kept over restarts, and the
// dialling that links it to everybody who is admitted. Folders above ask it for
// links, for what to show of peers, and for the node's own addresses.

export {
  type OwnAddressConfig,
  ownAddresses,
  type OwnAddressFacts,
  type Reach,
  reachOf,
  usableAddress,
} from "./addresses.ts";
export {
  type Liveness,
  type MemberChange,
  Members,
  type MembersConfig,
  type MemberState,
} from "./members.ts";
export {
  type ExpectedMember,
  type MembersHandler,
  MembersWatch,
  type MembersWatchConfig,
  type MembersWatchNeeds,
  type SignHandler,
} from "./members_watch.ts";
export {
  Mesh,
  type MeshConfig,
  type MeshNeeds,
  type NoteOptions,
  openMesh,
} from "./mesh.ts";
export type { MeshRights, MeshTransport } from "./needs.ts";
export { type Meeting, PeerBook, type Standing } from "./peer_book.ts";
export type { AddressSource, KnownAddress, PeerRecord } from "./peer_record.ts";
export type { PeerLinkState, PeerState } from "./peer_state.ts";
export {
  openPeersFile,
  PeersFile,
  type PeersFileNeeds,
  rememberPeers,
} from "./peers_file.ts";
export type { Named } from "./resolve.ts";
