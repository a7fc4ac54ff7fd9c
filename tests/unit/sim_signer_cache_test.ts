// The signer that remembers: it answers as the real one does, also for the same
// signature under other keys and messages, and asks the real one once.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { utf8 } from "../../src/kernel/mod.ts";
import { rememberingSigner } from "../../src/sim/signer_cache.ts";

const real = openSigner();
const secret = (fill: number) => new Uint8Array(32).fill(fill);

Deno.test("a remembering signer asks once about one signature", () => {
  let asked = 0;
  const signer = rememberingSigner({
    ...real,
    verify: (...about) => {
      asked++;
      return real.verify(...about);
    },
  });
  const key = signer.privateKey(secret(1));
  const message = utf8("said");
  const signature = signer.sign(key, message);
  for (let time = 0; time < 3; time++) {
    assert.equal(signer.verify(key.publicKey, message, signature), true);
  }
  assert.equal(asked, 1);
});

Deno.test("a remembering signer compares key and message", () => {
  const signer = rememberingSigner(real);
  const key = signer.privateKey(secret(1));
  const other = signer.privateKey(secret(2));
  const message = utf8("said");
  const signature = signer.sign(key, message);
  assert.equal(signer.verify(key.publicKey, message, signature), true);
  assert.equal(signer.verify(other.publicKey, message, signature), false);
  assert.equal(signer.verify(key.publicKey, utf8("lied"), signature), false);
  assert.equal(signer.verify(key.publicKey, message, signature), true);
  message[0] = 0;
  assert.equal(signer.verify(key.publicKey, message, signature), false);
});
