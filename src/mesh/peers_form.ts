// The text of peers.json: JSON with a version, so that people can read it. Peer
// records go in and come out; what does not fit the form is left out, entry by
// entry, and counted. The file may have been edited or damaged: nothing in it
// is believed more than a dial will prove.

import {
  InputError,
  isName,
  limits,
  parseJson,
  parsePeerId,
  type Shape,
  shape as s,
  utf8,
} from "../kernel/mod.ts";
import {
  addressSources,
  emptyRecord,
  isHearsay,
  type PeerRecord,
  withKnownAddresses,
} from "./peer_record.ts";

const formVersion = 1;

const fileShape = s.object({
  version: s.literal(formVersion),
  peers: s.array(s.unknown()),
});

/** Without these an entry is of no use; the rest is for people. */
const recordShape = s.object({
  peer: s.pipe(s.string(), s.regex(/^[0-9a-f]{64}$/)),
  name: s.optional(s.unknown()),
  tier: s.optional(s.unknown()),
  lastSeenMs: s.optional(s.unknown()),
  hasLeft: s.optional(s.unknown()),
  addresses: s.pipe(
    s.array(s.unknown()),
    s.maxLength(limits.peerAddressesMax),
  ),
});

const nameShape = s.pipe(s.string(), s.check(isName));
const tierShape = s.picklist(["leaf", "publisher", "admin"]);
const timeShape = s.pipe(s.number(), s.integer(), s.minValue(0));
const addressShape = s.object({
  ip: s.string(),
  port: s.number(),
  source: s.picklist(addressSources),
});

/** What a file held; `dropped` entries did not fit. */
export type ParsedPeers = {
  readonly records: readonly PeerRecord[];
  readonly dropped: number;
};

/** One peer a line; who was only heard of is left out. */
export function encodePeers(
  records: Iterable<PeerRecord>,
): Uint8Array<ArrayBuffer> {
  const lines = [...records]
    .filter((record) => !isHearsay(record))
    .map(({ peer, name, tier, lastSeenMs, hasLeft, addresses }) =>
      JSON.stringify({
        peer,
        name,
        tier,
        lastSeenMs,
        hasLeft: hasLeft ? true : undefined,
        addresses,
      })
    );
  return utf8(
    `{"version":${formVersion},"peers":[\n${lines.join(",\n")}\n]}\n`,
  );
}

/**
 * Reads the text; of a peer that stands there twice the later entry counts.
 *
 * @throws {InputError} The file as a whole is none of ours.
 */
export function parsePeers(bytes: Uint8Array): ParsedPeers {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new InputError("It is not UTF-8", { cause });
  }
  const { peers } = s.parseShape(fileShape, parseJson(text, "It"), {
    what: "It",
  });
  const records = peers.slice(-limits.peersMax)
    .flatMap((entry) => parseRecord(entry) ?? []);
  return { records, dropped: peers.length - records.length };
}

function parseRecord(entry: unknown): PeerRecord | undefined {
  const members = valueOf(recordShape, entry);
  if (members === undefined) return undefined;
  const record: PeerRecord = {
    ...emptyRecord(parsePeerId(members.peer)),
    name: valueOf(nameShape, members.name),
    tier: valueOf(tierShape, members.tier),
    lastSeenMs: valueOf(timeShape, members.lastSeenMs),
    hasLeft: members.hasLeft === true,
  };
  const addresses = members.addresses
    .flatMap((item) => valueOf(addressShape, item) ?? []);
  const whole = withKnownAddresses(record, addresses);
  return isHearsay(whole) ? undefined : whole;
}

function valueOf<T>(shape: Shape<T>, value: unknown): T | undefined {
  const result = s.checkShape(shape, value);
  return "value" in result ? result.value : undefined;
}
