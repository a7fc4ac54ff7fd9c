// S15: clocks that are an hour off work; clocks that are years off are named in
// the refusal, wherever credentials are judged by time or made.

import assert from "node:assert/strict";
import {
  clockFault,
  clockToleranceMs,
  CredentialError,
  issueMember,
  verifyCredential,
} from "../../src/identity/mod.ts";
import { DeniedError } from "../../src/kernel/mod.ts";
import { buildTimeMs } from "../../src/version.ts";
import { dayMs, openMint, SetClock, startMs } from "./identity_world.ts";

const mint = openMint();
const { credential, needs, root } = mint;
const hourMs = 3_600_000;
const yearMs = 365.25 * dayMs;

function verifyAt(wallMs: number) {
  const check = { type: "now", wallMs } as const;
  return verifyCredential(needs, { root, credential, check });
}

function refusal(run: () => unknown): CredentialError | DeniedError {
  try {
    run();
  } catch (error) {
    if (error instanceof CredentialError) return error;
    if (error instanceof DeniedError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

Deno.test("S15: a clock 1 h off works, at both ends of a certificate", () => {
  for (const offMs of [-hourMs, 0, hourMs]) verifyAt(startMs + offMs);
  const { notBeforeMs, notAfterMs } = credential.member;
  verifyAt(notBeforeMs - hourMs);
  verifyAt(notAfterMs + hourMs);
});

Deno.test("S15: a clock 10 years off is named in the refusal", () => {
  for (const years of [-10, 10]) {
    const error = refusal(() => verifyAt(startMs + years * yearMs));
    assert.ok(error instanceof CredentialError);
    assert.equal(error.check, "time");
    assert.match(error.hint ?? "", /clock/);
    assert.match(error.hint ?? "", years < 0 ? /2016-/ : /2036-/);
  }
});

Deno.test("S15: a clock that shows no time at all is named too", () => {
  for (const wallMs of [NaN, 9e15, -9e15, 0]) {
    assert.match(refusal(() => verifyAt(wallMs)).hint ?? "", /clock/);
  }
});

Deno.test("clockFault() takes the build time as the floor", () => {
  assert.equal(clockFault(buildTimeMs), undefined);
  assert.equal(clockFault(buildTimeMs - clockToleranceMs), undefined);
  assert.equal(clockFault(buildTimeMs + 10 * yearMs), undefined);
  assert.match(
    clockFault(buildTimeMs - clockToleranceMs - 1) ?? "",
    /^This machine's clock says 20\d\d-.* before this program was made/,
  );
  assert.match(clockFault(NaN) ?? "", /clock says NaN/);
});

Deno.test("the build time has passed, in hours and in the simulator", () => {
  assert.ok(buildTimeMs <= Date.now());
  assert.equal(clockFault(startMs), undefined);
});

Deno.test("S15: nothing is issued by a clock before the issuer's start", () => {
  const { authority, authorityKey, claims } = mint;
  const { publicKey } = mint.memberKey;
  const issueAt = (wallMs: number) =>
    issueMember({ ...needs, clock: new SetClock(wallMs) }, {
      authority,
      authorityKey,
      publicKey,
      claims,
    });
  issueAt(authority.notBeforeMs - hourMs);
  const slightly = refusal(() => issueAt(authority.notBeforeMs - 2 * hourMs));
  assert.match(slightly.message, /valid only from 2026-02-28T12:00:00/);
  assert.match(slightly.hint ?? "", /clock/);
  const early = refusal(() => issueAt(startMs - 10 * yearMs));
  assert.match(early.hint ?? "", /clock says 2016-/);
  const late = refusal(() => issueAt(startMs + 10 * yearMs));
  assert.match(late.message, /expired/);
  assert.match(late.hint ?? "", /clock/);
});
