// Golden frames of enrolment: what was released is encoded and decoded for ever
// as tests/fixtures/wire/admission.json has it. A change here breaks joins and
// renewals between versions.

import assert from "node:assert/strict";
import {
  credentialMessage,
  enrollKinds,
  forwardedJoinMessage,
  joinMessage,
  nonceMessage,
  proofMessage,
  refusalMessage,
} from "../../src/admission/messages.ts";
import {
  type Bytes,
  concatBytes,
  fromHex,
  InputError,
  limits,
  type Message,
  peerIdOf,
  toHex,
} from "../../src/kernel/mod.ts";
import golden from "../fixtures/wire/admission.json" with { type: "json" };

const bytesMax = limits.joinFrameBytesMax;

/** Each octet another, so that none can change places unseen. */
function octets(length: number, first: number): Bytes {
  return new Uint8Array(length).map((_, at) => first + at);
}

const applicant = {
  joiner: peerIdOf(octets(32, 0)),
  authorityKey: octets(32, 32),
  authorityProof: octets(64, 120),
};
const join = {
  ...applicant,
  name: "box-1",
  invite: { terms: octets(5, 64), signature: octets(64, 70) },
  credential: undefined,
};
const renewal = {
  ...applicant,
  name: undefined,
  invite: undefined,
  credential: octets(7, 134),
};

const frames: Readonly<Record<string, readonly [Message<unknown>, unknown]>> = {
  join: [joinMessage, join],
  renewal: [joinMessage, renewal],
  nonce: [nonceMessage, { nonce: octets(32, 1), redeemer: octets(6, 40) }],
  proof: [proofMessage, { joiner: octets(64, 2), invite: octets(64, 66) }],
  renewalProof: [proofMessage, { joiner: octets(64, 2), invite: undefined }],
  credential: [credentialMessage, { credential: octets(9, 3) }],
  refusal: [refusalMessage, {
    error: {
      code: "PLN_DENIED",
      kind: "input",
      outcome: "permission",
      message: "Invite 1a2b3c4d was used already",
      hint: "Ask for a new one",
    },
  }],
  forwardedJoin: [forwardedJoinMessage, join],
};

Deno.test("every message of enrolment has its golden frame", () => {
  const made = Object.fromEntries(
    Object.entries(frames).map(([name, [message, members]]) => {
      const body = message.encode(members);
      return [name, `${toHex(Uint8Array.of(message.kind))}${toHex(body)}`];
    }),
  );
  assert.deepEqual(made, golden);
});

Deno.test("every golden frame of enrolment decodes to what was encoded", () => {
  for (const [name, text] of Object.entries(golden)) {
    const [message, members] = frames[name] ?? [];
    const bytes = fromHex(text);
    assert.ok(message !== undefined && bytes !== undefined, name);
    assert.equal(bytes[0], message.kind, name);
    const decoded: unknown = message.decode(bytes.subarray(1), { bytesMax });
    assert.deepEqual(decoded, members, name);
  }
});

Deno.test("a message of enrolment refuses trailing bytes and each truncation", () => {
  for (const [name, text] of Object.entries(golden)) {
    const [message] = frames[name] ?? [];
    const body = fromHex(text)?.subarray(1);
    assert.ok(message !== undefined && body !== undefined, name);
    const refuse = (bytes: Uint8Array) => {
      assert.throws(() => message.decode(bytes, { bytesMax }), InputError);
    };
    refuse(concatBytes(body, Uint8Array.of(0)));
    for (let length = 0; length < body.length; length++) {
      refuse(body.subarray(0, length));
    }
  }
});

Deno.test("kinds of enrolment are told apart by their numbers", () => {
  assert.deepEqual([...enrollKinds].sort(), [1, 2, 3, 4, 5, 6]);
});

Deno.test("a refusal comes in cut to its limit, printable, and with words of any version", () => {
  const error = {
    code: "PLN_DENIED",
    kind: "input",
    outcome: "permission",
    message: "x".repeat(5_000),
    hint: "a\u001b[31m\u202eb\n",
  } as const;
  const { error: read } = refusalMessage.decode(
    refusalMessage.encode({ error }),
    { bytesMax },
  );
  assert.equal(read.message.length, limits.reportCharactersMax);
  assert.equal(read.hint, "a [31m b ");
  const later = {
    ...error,
    message: "m",
    kind: "moon" as "peer",
    outcome: "eclipse" as "error",
  };
  const { error: known } = refusalMessage.decode(
    refusalMessage.encode({ error: later }),
    { bytesMax },
  );
  assert.equal(known.kind, "peer");
  assert.equal(known.outcome, "error");
  for (const code of ["PLN_", "OTHER", "PLN_x", `PLN_${"X".repeat(61)}`]) {
    const body = refusalMessage.encode({
      error: { ...error, code: code as "PLN_X" },
    });
    assert.throws(() => refusalMessage.decode(body, { bytesMax }), InputError);
  }
});
