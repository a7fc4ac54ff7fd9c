// The transport: authenticated connections to members over one UDP socket, and
// the streams they carry. Folders above hold links, open streams of a protocol
// and serve those of peers; joiners reach enrolment and nothing else.

export { Deadline, type DeadlineOptions, unlessAborted } from "./deadline.ts";
export {
  type JoinConnection,
  type JoinDialer,
  type JoinDialerNeeds,
  openJoinDialer,
} from "./join_dialer.ts";
export type {
  Frame,
  FrameStream,
  Gatekeeper,
  Link,
  LinkEnd,
  PeerHello,
  RightsHead,
  StreamHandler,
  TransportReport,
} from "./link.ts";
export { noteFault } from "./link_faults.ts";
export {
  closeCodes,
  controlKinds,
  joinProtocol,
  memberProtocol,
  type Protocol,
  protocols,
  versions,
} from "./protocols.ts";
export { TrustError } from "./self_test.ts";
export { openTransport, Transport } from "./transport.ts";
export type { TransportConfig, TransportNeeds } from "./transport_config.ts";
