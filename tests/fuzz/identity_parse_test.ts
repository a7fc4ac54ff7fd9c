// Foreign bytes into every parser of the identity folder: whatever comes, it is
// refused with a PlnError or read, never anything else. The seed is fixed, so a
// failure repeats; fast-check prints the smallest input.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  credentialPem,
  encodeClaims,
  encodeCredential,
  parseCertificate,
  parseClaims,
  parseCredential,
  parseCredentialPem,
  verifyCredential,
} from "../../src/identity/mod.ts";
import {
  equalBytes,
  PlnError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { openMint, startMs } from "../unit/identity_world.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const mint = openMint();
const { der } = mint.credential.member;
const runs = { numRuns: fuzzRuns(2_000), seed: 4711 };

/** Whether `parse` accepted; anything but a PlnError fails the test. */
function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof PlnError) return false;
    throw error;
  }
}

Deno.test("fuzz: parseCertificate() of random bytes", () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(bytes, (input) => {
      assert.equal(accepts(() => parseCertificate(input)), false);
    }),
    runs,
  );
});

Deno.test("fuzz: parseCertificate() of a mutated certificate", () => {
  fc.assert(
    fc.property(mutated(der), (input) => {
      accepts(() => parseCertificate(input));
    }),
    runs,
  );
});

Deno.test("fuzz: parseCertificate() of every truncated certificate", () => {
  for (let length = 0; length < der.length; length++) {
    const input = der.subarray(0, length);
    assert.equal(accepts(() => parseCertificate(input)), false);
  }
});

Deno.test("fuzz: a mutated credential is never believed", () => {
  const bytes = encodeCredential(mint.credential);
  const { root } = mint;
  const check = { type: "now", wallMs: startMs } as const;
  const verify = (input: Uint8Array) => () => {
    const credential = parseCredential(input);
    return verifyCredential(mint.needs, { root, credential, check });
  };
  assert.equal(accepts(verify(bytes)), true);
  fc.assert(
    fc.property(mutated(bytes), (input) => {
      fc.pre(!equalBytes(input, bytes));
      assert.equal(accepts(verify(input)), false);
    }),
    runs,
  );
});

Deno.test("fuzz: parseClaims() of random and of mutated bytes", () => {
  const random = fc.uint8Array({ maxLength: 200 });
  const bytes = encodeClaims(mint.claims);
  fc.assert(
    fc.property(fc.oneof(random, mutated(bytes)), (input) => {
      accepts(() => parseClaims(input));
    }),
    runs,
  );
});

Deno.test("fuzz: parseCredentialPem() of mutated and of any text", () => {
  const text = credentialPem(mint.credential);
  const changed = mutated(utf8(text)).map(utf8TextLossy);
  fc.assert(
    fc.property(fc.oneof(fc.string(), changed), (input) => {
      accepts(() => parseCredentialPem(input));
    }),
    runs,
  );
});

Deno.test("R06: fuzz: deep and endless lengths are refused unread", () => {
  const inputs = [
    new Uint8Array(6_000).fill(0x30),
    Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30, 0x80),
    Uint8Array.of(0x30, 0x80, 0x30, 0x80, 0x00, 0x00, 0x00, 0x00),
    Uint8Array.of(0x30, 0x82, 0xff, 0xff),
    new Uint8Array(2 ** 20),
  ];
  for (const input of inputs) {
    assert.equal(accepts(() => parseCertificate(input)), false);
    assert.equal(accepts(() => parseCredential(input)), false);
    assert.equal(accepts(() => parseClaims(input)), false);
  }
  const nested = new Uint8Array(4_000).fill(0x81);
  assert.equal(accepts(() => parseClaims(nested)), false);
  assert.equal(accepts(() => parseCredential(nested)), false);
});
