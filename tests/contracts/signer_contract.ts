// What every signer promises (src/ports/signer.ts). In, a way to open one;
// out, tests. The vectors are those of the RFCs; everything a stranger may
// send is answered with false or undefined, never with a throw.

import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../src/kernel/mod.ts";
import type { PrivateKey, Signer } from "../../src/ports/mod.ts";

type SignerTest = (
  behaviour: string,
  run: (signer: Signer) => void | Promise<void>,
) => void;

const hex = (text: string) => Uint8Array.fromHex(text);
const pkcs8Prefix = "302e020100300506032b657004220420";

export function signerContract(name: string, open: () => Signer): void {
  const test: SignerTest = (behaviour, run) =>
    Deno.test(`${name} ${behaviour}`, async () => await run(open()));
  hashContract(test);
  keyContract(test);
  signatureContract(test);
  hostileContract(test);
  sealContract(test);
}

function hashContract(test: SignerTest): void {
  test("sha256() gives the digests of FIPS 180-4", (signer) => {
    assert.equal(
      signer.sha256(utf8("")).toHex(),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    assert.equal(
      signer.sha256(utf8("abc")).toHex(),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  test("sha256() looks at a view's own bytes only", (signer) => {
    const view = utf8("xxabcxx").subarray(2, 5);
    assert.deepEqual(signer.sha256(view), signer.sha256(utf8("abc")));
  });

  test("importPkcs8() takes the keys that WebCrypto exports", async (signer) => {
    const pair = await crypto.subtle.generateKey("Ed25519", true, [
      "sign",
      "verify",
    ]);
    assert.ok("privateKey" in pair);
    const der = await crypto.subtle.exportKey(
      "pkcs8",
      pair.privateKey,
    );
    const spki = await crypto.subtle.exportKey("raw", pair.publicKey);
    const key = signer.importPkcs8(new Uint8Array(der));
    assert.deepEqual(key?.publicKey, new Uint8Array(spki));
  });
}

function keyContract(test: SignerTest): void {
  test("privateKey() takes 32 bytes and no other number", (signer) => {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(() => signer.privateKey(new Uint8Array(length)), {
        name: "AssertionError",
      });
    }
  });

  test("a key goes through PKCS#8 (RFC 8410) and back", (signer) => {
    const secret = new Uint8Array(32).fill(7);
    const key = signer.privateKey(secret);
    const der = key.exportPkcs8();
    assert.equal(der.toHex(), pkcs8Prefix + secret.toHex());
    const again = signer.importPkcs8(der);
    assert.deepEqual(again?.publicKey, key.publicKey);
    assert.deepEqual(again?.exportPkcs8(), der);
    assert.equal(key.publicKey.buffer.byteLength, 32);
  });

  test("a key prints its public half only", (signer) => {
    const secret = new Uint8Array(32).map((_, index) => 100 + index);
    const key = signer.privateKey(secret);
    const shown = [
      JSON.stringify(key),
      JSON.stringify({ key }),
      Deno.inspect(key, { depth: 10, showHidden: true }),
      Deno.inspect({ key }, { depth: 10, showHidden: true }),
      String(key),
      JSON.stringify(structuredClone(key)),
      JSON.stringify(Object.entries(key)),
    ];
    for (const text of shown) assertKeepsSecret(text, secret);
    assert.ok(shown[0]?.includes(key.publicKey.toHex()));
    assert.ok(shown[2]?.includes(key.publicKey.toHex()));
  });

  test("importPkcs8() refuses what is no Ed25519 key", async (signer) => {
    const subtle = crypto.subtle;
    const foreign = await subtle.generateKey(
      { name: "ECDSA", namedCurve: "P-256" },
      true,
      ["sign"],
    );
    const der = await subtle.exportKey("pkcs8", foreign.privateKey);
    assert.equal(signer.importPkcs8(new Uint8Array(der)), undefined);
    const x25519 = hex("302e020100300506032b656e04220420" + "07".repeat(32));
    assert.equal(signer.importPkcs8(x25519), undefined);
    assert.equal(signer.importPkcs8(new Uint8Array(0)), undefined);
    const good = hex(pkcs8Prefix + "07".repeat(32));
    assert.equal(signer.importPkcs8(good.subarray(0, 47)), undefined);
    const trailing = new Uint8Array([...good, 0]);
    assert.equal(signer.importPkcs8(trailing), undefined);
  });
}

function assertKeepsSecret(text: string, secret: Uint8Array): void {
  const forms = [
    secret.toHex(),
    secret.toBase64().replaceAll("=", ""),
    secret.join(","),
    secret.join(", "),
    [...secret.subarray(0, 4)].join(","),
    [...secret.subarray(0, 4)].join(", "),
    [...secret.subarray(0, 4)].map((byte, at) => `"${at}":${byte}`).join(","),
  ];
  for (const form of forms) assert.ok(!text.includes(form), text);
}

// RFC 8032 section 7.1, tests 1, 2 and 3: secret, public, message, signature.
const vectors = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
    "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const;

function signatureContract(test: SignerTest): void {
  test("sign() and verify() agree with RFC 8032", (signer) => {
    for (const [secret, publicKey, message, signature] of vectors) {
      const key = signer.privateKey(hex(secret));
      assert.equal(key.publicKey.toHex(), publicKey);
      assert.equal(signer.sign(key, hex(message)).toHex(), signature);
      assert.ok(signer.verify(key.publicKey, hex(message), hex(signature)));
    }
  });

  test("verify() refuses any other bit anywhere", (signer) => {
    const key = signer.privateKey(new Uint8Array(32).fill(1));
    const message = utf8("state batch");
    const signature = signer.sign(key, message);
    const flip = (bytes: Uint8Array, bit: number) => {
      const copy = bytes.slice();
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return copy;
    };
    for (let bit = 0; bit < 512; bit++) {
      const bad = flip(signature, bit);
      assert.equal(signer.verify(key.publicKey, message, bad), false);
    }
    for (let bit = 0; bit < 256; bit++) {
      const bad = flip(key.publicKey, bit);
      assert.equal(signer.verify(bad, message, signature), false);
    }
    const other = flip(message, 3);
    assert.equal(signer.verify(key.publicKey, other, signature), false);
  });

  test("sign() refuses a key of another make", (signer) => {
    const foreign: PrivateKey = {
      publicKey: new Uint8Array(32),
      exportPkcs8: () => new Uint8Array(48),
    };
    assert.throws(() => signer.sign(foreign, utf8("")), {
      name: "AssertionError",
    });
  });
}

function hostileContract(test: SignerTest): void {
  test("verify() is false for any malformed key or signature (R01)", (signer) => {
    const bytes = fc.uint8Array({ maxLength: 130 });
    fc.assert(
      fc.property(bytes, bytes, bytes, (publicKey, message, signature) => {
        assert.equal(signer.verify(publicKey, message, signature), false);
      }),
      { seed: 4711, numRuns: 500 },
    );
    for (const fill of [0, 1, 127, 128, 255]) {
      const key = new Uint8Array(32).fill(fill);
      const signature = new Uint8Array(64).fill(fill);
      assert.equal(signer.verify(key, utf8("m"), signature), false);
    }
  });

  test("verify() refuses a signature with S + L (RFC 8032 5.1.7)", (signer) => {
    const key = signer.privateKey(new Uint8Array(32).fill(3));
    const signature = signer.sign(key, utf8("m"));
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    let scalar = 0n;
    for (const byte of signature.subarray(32).toReversed()) {
      scalar = (scalar << 8n) | BigInt(byte);
    }
    scalar += order;
    const second = signature.slice();
    for (let at = 32; at < 64; at++) {
      second[at] = Number(scalar & 255n);
      scalar >>= 8n;
    }
    assert.equal(signer.verify(key.publicKey, utf8("m"), second), false);
  });

  test("verify() refuses keys under which anybody can sign (R01)", (signer) => {
    // R = the neutral point, S = 0: fits any message under a key of order 1,
    // and one message in `order` under the others.
    const signature = new Uint8Array(64);
    signature[0] = 1;
    const field = 2n ** 255n - 19n;
    const order8 =
      2707385501144840649318225287225658788936804267575313519463743609750303021540n;
    const order8b =
      55188659117513257062467267217118295137698188065244968500265048394206261417927n;
    const coordinates = [0n, 1n, order8, order8b];
    for (const y of [...coordinates, field - 1n, field, field + 1n]) {
      for (const sign of [0, 0x80]) {
        const key = littleEndian(y);
        key[31] = (key[31] ?? 0) | sign;
        for (let message = 0; message < 32; message++) {
          const isValid = signer.verify(key, Uint8Array.of(message), signature);
          assert.equal(isValid, false, `y = ${y}`);
        }
      }
    }
  });

  test("importPkcs8() survives any bytes", (signer) => {
    const good = hex(pkcs8Prefix + "07".repeat(32));
    fc.assert(
      fc.property(fc.nat(47), fc.nat(255), fc.nat(48), (at, byte, length) => {
        const der = good.slice(0, length);
        if (at < length) der[at] = byte;
        const key = signer.importPkcs8(der);
        assert.ok(key === undefined || key.publicKey.length === 32);
      }),
      { seed: 4711, numRuns: 500 },
    );
  });
}

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let at = 0; at < 32; at++) {
    bytes[at] = Number((value >> BigInt(8 * at)) & 255n);
  }
  return bytes;
}

function sealContract(test: SignerTest): void {
  const random = new Uint8Array(28).map((_, index) => index);
  const passphrase = utf8("correct horse");

  test("seal() and unseal() round-trip, also nothing", async (signer) => {
    for (const secret of [utf8(""), utf8("root key"), new Uint8Array(5000)]) {
      const sealed = await signer.seal(secret, passphrase, { random });
      assert.deepEqual(await signer.unseal(sealed, passphrase), secret);
    }
  });

  test("seal() writes its documented format", async (signer) => {
    const sealed = await signer.seal(utf8("key"), passphrase, { random });
    const head = [...utf8("PLNSEAL1"), 17, 8, 1, ...random];
    assert.deepEqual([...sealed.subarray(0, head.length)], head);
    assert.equal(sealed.length, head.length + 3 + 16);
  });

  test("unseal() refuses another passphrase or changed bytes", async (signer) => {
    const sealed = await signer.seal(utf8("key"), passphrase, { random });
    assert.equal(await signer.unseal(sealed, utf8("wrong")), undefined);
    for (const at of [0, 7, 11, 26, 27, 38, 39, 41, 42, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.equal(await signer.unseal(changed, passphrase), undefined);
    }
  });

  test("unseal() refuses short and foreign bytes", async (signer) => {
    const sealed = await signer.seal(utf8("key"), passphrase, { random });
    for (const length of [0, 8, 11, 39, 54]) {
      const short = sealed.subarray(0, length);
      assert.equal(await signer.unseal(short, passphrase), undefined);
    }
    const foreign = new Uint8Array(100);
    assert.equal(await signer.unseal(foreign, passphrase), undefined);
  });

  test("unseal() refuses absurd costs without paying them", async (signer) => {
    const sealed = await signer.seal(utf8("key"), passphrase, { random });
    const costs = [
      [21, 8, 1],
      [63, 8, 1],
      [255, 255, 255],
      [0, 8, 1],
      [17, 0, 1],
      [17, 9, 1],
      [17, 8, 0],
      [17, 8, 5],
    ];
    for (const cost of costs) {
      const changed = sealed.slice();
      changed.set(cost, 8);
      assert.equal(await signer.unseal(changed, passphrase), undefined);
    }
  });

  test("seal() refuses too little randomness", async (signer) => {
    const few = new Uint8Array(27);
    await assert.rejects(
      signer.seal(utf8(""), passphrase, { random: few }),
      { name: "AssertionError" },
    );
  });
}
