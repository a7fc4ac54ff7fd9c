// Golden frames of the control stream: what was released is encoded and decoded
// for ever as tests/fixtures/wire/control.json has it. What no node may say is
// refused whoever says it.

import assert from "node:assert/strict";
import {
  emptyBytes,
  encodeCbor,
  fromHex,
  limits,
  type Message,
  toHex,
} from "../../src/kernel/mod.ts";
import {
  Hello,
  Leave,
  Ping,
  Pong,
  RenewedCredential,
} from "../../src/transport/control_messages.ts";
import { encodeFrame } from "./encoded_frame.ts";
import golden from "../fixtures/wire/control.json" with { type: "json" };

const bytesMax = limits.controlFrameBytesMax;
const key = new Uint8Array(32).map((_, at) => at);

const hello = {
  name: "alpha-1",
  version: "1.2.3",
  addresses: [{ ip: "10.0.0.1", port: 4433 }, { ip: "2001:db8::1", port: 1 }],
  authorityKey: key,
  authorityProof: new Uint8Array(64).map((_, at) => at + 32),
  observed: { ip: "192.0.2.7", port: 65_535 },
};

function isGolden<T>(
  message: Message<T>,
  members: T,
  { hex }: { readonly hex: string },
): void {
  const frame = encodeFrame(message.kind, message.encode(members));
  assert.equal(toHex(frame), hex);
  const bytes = fromHex(hex) ?? assert.fail("the fixture is hex");
  assert.deepEqual(message.decode(bytes.subarray(5), { bytesMax }), members);
}

Deno.test("pings and pongs have their golden frames", () => {
  isGolden(Ping, { sequence: 65_537 }, { hex: golden.ping });
  isGolden(Pong, { sequence: 65_537 }, { hex: golden.pong });
});

Deno.test("a renewed credential has its golden frame", () => {
  const credential = Uint8Array.of(1, 2, 3);
  isGolden(RenewedCredential, { credential }, { hex: golden.credential });
});

Deno.test("a hello has its golden frame, with and without an address seen and a key", () => {
  isGolden(Hello, hello, { hex: golden.hello });
  const keyless = {
    ...{ ...hello, authorityKey: undefined },
    authorityProof: undefined,
  };
  isGolden(Hello, keyless, { hex: golden.helloKeyless });
  const unseen = { ...hello, addresses: [], observed: undefined };
  isGolden(Hello, unseen, { hex: golden.helloUnseen });
});

Deno.test("a farewell has its golden frame", () => {
  isGolden(Leave, {}, { hex: golden.leave });
});

const foreign = {
  "a name that escapes": { ...hello, name: "../etc" },
  "an empty name": { ...hello, name: "" },
  "a version that is not printable": { ...hello, version: "1\n2" },
  "an address that is a host name": {
    ...hello,
    observed: { ip: "example.org", port: 1 },
  },
  "a port beyond the last": {
    ...hello,
    addresses: [{ ip: "10.0.0.1", port: 65_536 }],
  },
  "more addresses than a peer has": {
    ...hello,
    addresses: new Array(limits.peerAddressesMax + 1).fill({
      ip: "10.0.0.1",
      port: 1,
    }),
  },
  "a key that is too short": { ...hello, authorityKey: key.subarray(1) },
  "a proof that is too long": { ...hello, authorityProof: new Uint8Array(65) },
};

for (
  const [what, { observed, addresses, ...rest }] of Object.entries(foreign)
) {
  Deno.test(`a hello with ${what} is refused`, () => {
    const row = (address: { ip: string; port: number }) => [
      address.ip,
      address.port,
    ];
    const body = encodeCbor([
      rest.name,
      rest.version,
      addresses.map(row),
      rest.authorityKey,
      rest.authorityProof,
      row(observed),
    ]);
    assert.throws(() => Hello.decode(body, { bytesMax }), {
      name: "InputError",
    });
  });
}

Deno.test("control frames with members over, or none, are refused", () => {
  const bodies = [emptyBytes, encodeCbor([1, 2]), encodeCbor([2 ** 48])];
  for (const body of bodies) {
    assert.throws(() => Ping.decode(body, { bytesMax }), /PLN|message|CBOR/i);
  }
  assert.throws(() => Leave.decode(encodeCbor([0]), { bytesMax }));
});
