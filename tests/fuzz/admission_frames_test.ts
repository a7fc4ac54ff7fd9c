// Foreign frames into both ends of an enrolment: whatever comes, it is refused
// with a PlnError or taken for what it is, never anything else, and nobody gets
// in by it. The seed is fixed, so a failure repeats.

import assert from "node:assert/strict";
import fc from "fast-check";
import { readApplication } from "../../src/admission/application.ts";
import { readFrame } from "../../src/admission/exchange.ts";
import { Joiner } from "../../src/admission/joiner.ts";
import {
  credentialMessage,
  joinMessage,
  nonceMessage,
} from "../../src/admission/messages.ts";
import { encodeCredential } from "../../src/identity/mod.ts";
import { PlnError } from "../../src/kernel/mod.ts";
import { inviteOf, Lab, signer } from "../unit/admission_lab.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(1_000), seed: 4711 };
const kinds = fc.integer({ min: 0, max: 8 });

/** Undefined when it was refused; anything but a PlnError fails the test. */
function tried<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof PlnError) return undefined;
    throw error;
  }
}

const lab = new Lab();
const admin = lab.admin("admin");
const member = lab.member("member", admin);
const token = await lab.run(inviteOf(admin));
const keys = lab.newKeys();
const wallMs = lab.making.clock.wallMs();
const title = { type: "invite", token } as const;

function newJoiner(): Joiner {
  return new Joiner({ signer }, title, { keys });
}

const nonce = {
  kind: nonceMessage.kind,
  body: nonceMessage.encode({
    nonce: new Uint8Array(32),
    redeemer: encodeCredential(admin.identity.credential),
  }),
};
const credential = {
  kind: credentialMessage.kind,
  body: credentialMessage.encode({
    credential: encodeCredential(member.identity.credential),
  }),
};

Deno.test("fuzz: a redeemer reads any join", () => {
  const { body } = newJoiner().join({ name: "box" });
  const bytes = fc.oneof(mutated(body), fc.uint8Array({ maxLength: 400 }));
  fc.assert(
    fc.property(kinds, bytes, (kind, input) => {
      tried(() => {
        const request = readFrame(joinMessage, {
          kind,
          body: new Uint8Array(input),
        });
        const { root } = lab;
        const read = readApplication({ signer }, root, { request });
        // Then the invite's terms are as the issuer has signed them.
        assert.ok(read.type === "invite");
        assert.deepEqual(read.invite.terms, token.invite.terms);
      });
    }),
    runs,
  );
});

Deno.test("fuzz: a joiner reads any nonce, and signs for admins only", () => {
  fc.assert(
    fc.property(kinds, mutated(nonce.body), (kind, body) => {
      const joiner = newJoiner();
      const proof = tried(() => joiner.prove({ kind, body }, { wallMs }));
      if (proof !== undefined) assert.equal(kind, nonceMessage.kind);
    }),
    runs,
  );
});

Deno.test("fuzz: a joiner takes no changed credential", () => {
  fc.assert(
    fc.property(kinds, mutated(credential.body), (kind, body) => {
      const joiner = newJoiner();
      joiner.prove(nonce, { wallMs });
      const taken = tried(() => joiner.accept({ kind, body }, { wallMs }));
      assert.equal(taken, undefined);
    }),
    runs,
  );
});
