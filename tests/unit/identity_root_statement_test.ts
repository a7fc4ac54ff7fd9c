// Root statements: from a request by way of the root key to a line that every
// node can verify, and that nobody else can make.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkCandidate,
  encodeRootRequest,
  isAuthorityProven,
  parseRootRequest,
  type RootRequest,
  type RootStatement,
  signAuthorityKey,
  signedInput,
  signRootStatement,
  verifyAuthority,
  verifyRootStatement,
} from "../../src/identity/mod.ts";
import { encodeRootBody } from "../../src/identity/root_body.ts";
import {
  encodeCbor,
  fromBase64url,
  idBytes,
  InputError,
  limits,
  peerIdOf,
  PlnError,
  toBase64url,
} from "../../src/kernel/mod.ts";
import { dayMs, openMint, SetClock, startMs } from "./identity_world.ts";

const mint = openMint();
const stranger = openMint("stranger");
const { needs, root, rootKey } = mint;
const subject = peerIdOf(mint.memberKey.publicKey);
const candidate = stranger.authorityKey.publicKey;
const owner = {
  cluster: root.cluster,
  key: mint.memberKey,
  authorityKey: stranger.authorityKey,
};
const { authorityProof } = signAuthorityKey(needs, owner);

const head = { cluster: root.cluster, subject, number: 3, atMs: startMs };
const promotion: RootRequest = {
  ...head,
  kind: "grant",
  tier: "admin",
  properties: new Map([["zone", "south"]]),
  accessDeadlineMs: undefined,
  authority: candidate,
  authorityProof,
};
const demotion: RootRequest = {
  ...head,
  kind: "grant",
  tier: "publisher",
  properties: new Map([["zone", "south"]]),
  accessDeadlineMs: startMs + dayMs,
  authority: undefined,
};
const denial: RootRequest = {
  ...head,
  kind: "deny",
  mode: "keep",
  reason: "left the company",
};
const pardon: RootRequest = { ...head, kind: "allow" };
const all = [promotion, demotion, denial, pardon];

function sign(request: RootRequest): RootStatement {
  return signRootStatement(needs, { request, rootKey, root });
}

function verify(text: string): RootStatement {
  return verifyRootStatement(needs, { root, text });
}

function refuses(run: () => unknown, says: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof PlnError, String(error));
    assert.equal(error.kind, "input");
    assert.match(error.message, says);
    return true;
  });
}

Deno.test("a root request reads back, as one line", () => {
  for (const request of all) {
    const text = encodeRootRequest(request);
    assert.match(text, /^pln-root-request:[A-Za-z0-9_-]+$/);
    assert.ok(text.length <= limits.rootRequestCharactersMax);
    assert.deepEqual(parseRootRequest(text), request);
  }
});

Deno.test("a signed request is a statement that every node verifies", () => {
  for (const request of all) {
    const { text, ...said } = sign(
      parseRootRequest(encodeRootRequest(request)),
    );
    assert.match(text, /^pln-root-statement:[A-Za-z0-9_-]+$/);
    assert.deepEqual(verify(text), { ...said, text });
    if (request !== promotion) {
      assert.deepEqual({ ...request, ...said }, request);
    }
  }
});

Deno.test("a root-signed grant of an admin carries its authority", () => {
  const statement = verify(sign(promotion).text);
  assert.ok(statement.kind === "grant" && statement.authority !== undefined);
  const { authority: certificate } = statement;
  assert.deepEqual(certificate.publicKey, candidate);
  const check = { type: "now", wallMs: startMs } as const;
  const facts = verifyAuthority(needs, { root, certificate, check });
  assert.equal(facts.admin, subject);
  assert.equal(certificate.notAfterMs, startMs + 365 * dayMs);
});

Deno.test("a statement bears the time at which the root signed it", () => {
  const clock = new SetClock(startMs + dayMs);
  const { atMs } = signRootStatement({ ...needs, clock }, {
    request: denial,
    rootKey,
    root,
  });
  assert.equal(atMs, startMs + dayMs);
});

Deno.test("root statements survive, whatever they say", () => {
  const text = fc.stringMatching(/^[ -~äöü]{0,200}$/);
  const requests = fc.record({
    number: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
    reason: fc.option(text, { nil: undefined }),
    mode: fc.constantFrom("keep" as const, "cascade" as const),
  });
  fc.assert(
    fc.property(requests, (changes) => {
      const request: RootRequest = { ...head, kind: "deny", ...changes };
      assert.deepEqual(parseRootRequest(encodeRootRequest(request)), request);
      const { text: line, ...said } = sign(request);
      assert.deepEqual(said, request);
      assert.deepEqual(verify(line), { ...said, text: line });
    }),
    { numRuns: 50, seed: 4711 },
  );
});

Deno.test("the root signs nothing for another cluster or key", () => {
  const { cluster } = stranger.root;
  const foreign = { ...denial, cluster };
  refuses(() => sign(foreign), /not that cluster's$/);
  const { rootKey: wrong } = stranger;
  refuses(
    () => signRootStatement(needs, { request: denial, rootKey: wrong, root }),
    /not that cluster's$/,
  );
  const authority = mint.memberKey.publicKey;
  refuses(
    () => sign({ ...promotion, authority }),
    /authority key is an identity key$/,
  );
});

Deno.test("the root certifies no key that its subject did not sign as its own", () => {
  const { adminKey, memberKey, authorityKey } = mint;
  const proofOf = (changes: Partial<typeof owner>) =>
    signAuthorityKey(needs, { ...owner, ...changes }).authorityProof;
  const admin = peerIdOf(adminKey.publicKey);
  const flipped = authorityProof.slice();
  flipped[40] = (flipped[40] ?? 0) ^ 1;
  const elsewhere = signedInput("pln/join/1", root.cluster, candidate);
  const wrong: Readonly<Record<string, Partial<RootRequest>>> = {
    "the asking admin's own key, with the candidate's proof": {
      authority: authorityKey.publicKey,
    },
    "the asking admin's own key, proven by that admin": {
      authority: authorityKey.publicKey,
      authorityProof: proofOf({ key: adminKey, authorityKey }),
    },
    "the candidate's key, proven by the asking admin": {
      authorityProof: proofOf({ key: adminKey }),
    },
    "another subject's name on the candidate's key": { subject: admin },
    "a proof for another cluster": {
      authorityProof: proofOf({ cluster: stranger.root.cluster }),
    },
    "a proof with a bit flipped": { authorityProof: flipped },
    "a proof of nothing": { authorityProof: new Uint8Array(64) },
    "what the candidate signed for another use": {
      authorityProof: needs.signer.sign(memberKey, elsewhere),
    },
  };
  sign(promotion);
  for (const [what, changes] of Object.entries(wrong)) {
    const request = { ...promotion, ...changes } as RootRequest;
    const read = parseRootRequest(encodeRootRequest(request));
    assert.deepEqual(read, request, "its form is right");
    for (
      const refused of [() => sign(read), () => checkCandidate(needs, read)]
    ) {
      assert.throws(refused, {
        name: "InputError",
        message: /has not signed the authority key/,
        hint: /Do not sign/,
      }, what);
    }
  }
  checkCandidate(needs, promotion);
  for (const request of [demotion, denial, pardon]) {
    checkCandidate(needs, request);
  }
});

Deno.test("a root request without a proof, or with one over, is none", () => {
  const without = { ...promotion, authorityProof: undefined };
  const over = { ...denial, authorityProof } as RootRequest;
  for (const run of [encodeRootRequest, sign]) {
    refuses(() => run(without), /does not prove whose its authority key is$/);
    refuses(() => run(over), /proves an authority key and names none$/);
  }
  for (const length of [0, 63, 65]) {
    const proof = new Uint8Array(length);
    const cut = { ...promotion, authorityProof: proof };
    refuses(() => sign(cut), /has not signed the authority key/);
  }
  // As it was before there were proofs.
  const body = encodeRootBody({ ...promotion, authority: candidate });
  const old = toBase64url(encodeCbor([idBytes(root.cluster), body]));
  refuses(
    () => parseRootRequest(`pln-root-request:${old}`),
    /has not 3 members/,
  );
});

Deno.test("a candidate's proof is of 64 bytes, for one key, owner and cluster", () => {
  const by = { cluster: root.cluster, owner: subject };
  const good = { authorityKey: candidate, authorityProof };
  assert.equal(isAuthorityProven(needs, good, by), true);
  const others = [
    { ...good, authorityKey: mint.authorityKey.publicKey },
    { ...good, authorityKey: candidate.slice(1) },
    { ...good, authorityProof: authorityProof.slice(1) },
    { ...good, authorityProof: new Uint8Array(65) },
  ];
  for (const other of others) {
    assert.equal(isAuthorityProven(needs, other, by), false);
  }
  const { publicKey } = mint.memberKey;
  const input = signedInput("pln/admin/1", root.cluster, publicKey);
  const identity = {
    authorityKey: publicKey,
    authorityProof: needs.signer.sign(mint.memberKey, input),
  };
  assert.equal(
    isAuthorityProven(needs, identity, by),
    false,
    "one key for two",
  );
  const strangers = { ...by, owner: peerIdOf(mint.adminKey.publicKey) };
  assert.equal(isAuthorityProven(needs, good, strangers), false);
  const { cluster } = stranger.root;
  assert.equal(isAuthorityProven(needs, good, { ...by, cluster }), false);
});

Deno.test("S15: the root makes no admin under a clock years off", () => {
  for (const years of [-10, 20]) {
    const clock = new SetClock(startMs + years * 365 * dayMs);
    assert.throws(
      () =>
        signRootStatement({ ...needs, clock }, {
          request: promotion,
          rootKey,
          root,
        }),
      { code: "PLN_DENIED", hint: /clock/ },
    );
  }
});

Deno.test("a statement of another cluster, or another's, is refused", () => {
  const other = signRootStatement(stranger.needs, {
    request: { ...denial, cluster: stranger.root.cluster },
    rootKey: stranger.rootKey,
    root: stranger.root,
  });
  refuses(() => verify(other.text), /is of cluster [0-9a-f]{8}, not/);
  // An admin signs as if it were the root.
  const { text } = signRootStatement(needs, {
    request: denial,
    rootKey: mint.authorityKey,
    root: { ...root, publicKey: mint.authorityKey.publicKey },
  });
  refuses(() => verify(text), /not signed by the cluster's root$/);
});

Deno.test("a grant that carries another admin's authority is refused", () => {
  const lineOf = (subject: RootRequest["subject"]) => {
    const { der } = mint.authority;
    const body = encodeRootBody({ ...promotion, subject, authority: der });
    const input = signedInput("pln/root/1", root.cluster, body);
    const signature = needs.signer.sign(rootKey, input);
    const bytes = encodeCbor([idBytes(root.cluster), body, signature]);
    return `pln-root-statement:${toBase64url(bytes)}`;
  };
  verify(lineOf(peerIdOf(mint.adminKey.publicKey)));
  refuses(() => verify(lineOf(subject)), /is another admin's$/);
});

Deno.test("what was signed for another use is no statement", () => {
  const { text } = sign(denial);
  const bytes = fromBase64url(text.split(":")[1] ?? "");
  assert.ok(bytes !== undefined);
  const bodyStart = 1 + 34 + 2; // an array, the cluster, the head of the body
  const body = bytes.slice(bodyStart, bytes.length - 66);
  const input = signedInput("pln/root/1", root.cluster, body);
  const signature = bytes.slice(-64);
  assert.ok(needs.signer.verify(root.publicKey, input, signature));
  const reused = signedInput("pln/batch/1", root.cluster, body);
  bytes.set(needs.signer.sign(rootKey, reused), bytes.length - 64);
  const line = `pln-root-statement:${toBase64url(bytes)}`;
  refuses(() => verify(line), /not signed by the cluster's root$/);
});

Deno.test("a statement cut at any length, or with any bit flipped", () => {
  const { text } = sign(denial);
  for (let length = 0; length < text.length; length++) {
    refuses(() => verify(text.slice(0, length)), /./);
  }
  const [prefix = "", data = ""] = text.split(":");
  const bytes = fromBase64url(data);
  assert.ok(bytes !== undefined);
  for (let index = 0; index < bytes.length; index++) {
    const flipped = bytes.slice();
    flipped[index] = (bytes[index] ?? 0) ^ (1 << (index % 8));
    refuses(() => verify(`${prefix}:${toBase64url(flipped)}`), /./);
  }
});

Deno.test("lines with something around them are refused with a hint", () => {
  const statement = sign(denial).text;
  const request = encodeRootRequest(denial);
  for (const line of [` ${statement}`, `${statement}\n`, `${statement}=`, ""]) {
    refuses(() => verify(line), /no whole line that begins with/);
  }
  refuses(() => verify(request), /begins with "pln-root-statement:"$/);
  refuses(() => parseRootRequest(statement), /"pln-root-request:"$/);
  const endless = statement + "A".repeat(limits.rootStatementCharactersMax);
  refuses(() => verify(endless), /no whole line/);
});

Deno.test("R03: what no statement may say is not encoded", () => {
  const wrong: readonly Record<string, unknown>[] = [
    { number: 0 },
    { number: 2 ** 48 },
    { number: 2 ** 53 },
    { number: -1 },
    { number: 1.5 },
    { atMs: -1 },
    { kind: "forget" },
    { mode: undefined },
    { mode: "both" },
    { tier: "leaf" },
    { reason: "a\nb" },
    { reason: "x".repeat(limits.rootReasonCharactersMax + 1) },
    { authority: candidate },
  ];
  parseRootRequest(encodeRootRequest(denial));
  for (const changes of wrong) {
    const request = { ...denial, ...changes } as RootRequest;
    assert.throws(
      () => parseRootRequest(encodeRootRequest(request)),
      InputError,
      Deno.inspect(changes),
    );
  }
  const grants: readonly Record<string, unknown>[] = [
    { tier: "admin", authority: undefined },
    { tier: "publisher" },
    { properties: new Map([["pln.peer", "x"]]) },
    { properties: undefined },
    { authority: candidate.slice(1) },
    { reason: "why" },
  ];
  for (const changes of grants) {
    const request = { ...promotion, ...changes } as RootRequest;
    assert.throws(() => encodeRootRequest(request), InputError);
  }
});

Deno.test("the largest grant fits into a value of the state", () => {
  const keys = [...Array(64).keys()].map((at) => `k${at}`.padEnd(3, "x"));
  const properties = new Map(keys.map((key) => [key, "x".repeat(61)]));
  const accessDeadlineMs = 2 ** 48 - 1;
  const { text } = sign({
    ...promotion,
    number: 2 ** 48 - 1,
    properties,
    accessDeadlineMs,
  });
  const value = JSON.stringify({ root: text });
  assert.ok(value.length <= limits.stateValueBytesMax, `${value.length}`);
  verify(text);
});
