// Numbers of the wire, once and for ever: ALPN ids, protocols of streams, kinds
// of control messages, close codes. Append only; a number that was released is
// never used again. What each means is said where it is handled.

/** Member sessions, mutually authenticated. */
export const memberProtocol = "pln/1";
/** Enrolment and renewal of who is no member now. */
export const joinProtocol = "pln-join/1";

/** Versions of what follows the handshake that this program speaks. */
export const versions = { min: 1, max: 1 } as const;

/** What a stream of a link is for; said by its first byte. */
export type Protocol = {
  readonly id: number;
  readonly name: string;
  /** Longer frames end the stream. */
  readonly frameBytesMax: number;
  /** Streams that one peer may have open here at once. */
  readonly streamsMax: number;
  /** Whether it is served before both sides have the other's revocations. */
  readonly isEarly?: boolean;
};

const KiB = 1024;

/** Every protocol of a member link. */
export const protocols = {
  /** Documents of all owners, and records (src/gossip). */
  state: {
    id: 1,
    name: "state",
    frameBytesMax: 5 * KiB * KiB,
    streamsMax: 2,
    isEarly: true,
  },
  /** Joins and renewals on their way to an admin (src/admission). */
  enroll: { id: 2, name: "enroll", frameBytesMax: 16 * KiB, streamsMax: 64 },
  /** Calls of seeds, multiplexed (src/calls). */
  call: { id: 3, name: "call", frameBytesMax: 512 * KiB, streamsMax: 8 },
  /** Bytes that nobody keeps: benches and "pln ping --bulk". */
  echo: { id: 4, name: "echo", frameBytesMax: 256 * KiB, streamsMax: 4 },
  /** Where other members may be found: hints (src/mesh). */
  peers: { id: 5, name: "peers", frameBytesMax: 32 * KiB, streamsMax: 4 },
} as const satisfies Record<string, Protocol>;

/** Kinds of frames on the control stream, after the handshake's. */
export const controlKinds = {
  challenge: 1,
  authenticate: 2,
  accept: 3,
  refuse: 4,
  ping: 5,
  pong: 6,
  /** A renewed credential of the sender. */
  credential: 7,
  /** What the sender says of itself and of the receiver's address. */
  hello: 8,
  /** The sender leaves the cluster for good. */
  leave: 9,
} as const;

/** Why a session was closed, as the peer is told. */
export const closeCodes = {
  shutdown: 0,
  authFailed: 0x10,
  authTimeout: 0x11,
  quota: 0x12,
  duplicate: 0x20,
  upgraded: 0x21,
  revoked: 0x22,
  clone: 0x23,
  left: 0x24,
} as const;
