// Mutants of admins' entries and of the frames that carry batches, from a fixed
// seed. In: good entries whose text was changed, cut and mixed; any JSON; any
// bytes as frames. Out: rights in which no changed signature counts, and a frame
// or an InputError: never anything else.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AdminDocument,
  projectRights,
  type RightsSection,
  rightsSectionNames,
  type RightsText,
} from "../../src/identity/mod.ts";
import { ExchangeEngine } from "../../src/gossip/exchange_engine.ts";
import { canonicalJson, InputError } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/mod.ts";
import { type LabAdmin, RightsLab, shown } from "../unit/rights_lab.ts";
import { fuzzRuns } from "./runs.ts";

const mutants = fuzzRuns(1_500);

const lab = new RightsLab();
const [admin, other] = lab.newAdmins(2) as [LabAdmin, LabAdmin];
const joiner = lab.newPeer();
lab.redeem(admin, lab.invite(other), { joiner });
admin.grant(joiner.peer).say("denies", joiner.peer, lab.rootDeny(joiner.peer))
  .say("grants", other.owner, lab.rootGrant(other.owner, "admin"))
  .say("invites", "a".repeat(32), {
    ...{ state: "open", tier: "leaf", expiresMs: 5, uses: 1, atMs: 1 },
  })
  .say("names", "seeds/hello", { number: 1, owner: other.owner, atMs: 1 })
  .say("forgets", joiner.peer, {
    ...{ number: 1, generation: 2, seq: 3, atMs: 1 },
  });
const good = rightsSectionNames.flatMap((section) =>
  admin.entries(section).map((entry) => ({ section, ...entry }))
);

/** A document of these entries alone. */
function documentOf(
  entries: readonly (RightsText & { readonly section: RightsSection })[],
): AdminDocument {
  const { owner, ownAuthority } = admin;
  return {
    ...{ owner, ownAuthority },
    entries: (section) => entries.filter((one) => one.section === section),
  };
}

function rightsOf(document: AdminDocument) {
  const { needs, root } = lab;
  return projectRights(needs, { root, documents: [document, other] });
}

Deno.test("fuzz: no mutant of a signed entry counts as signed", () => {
  const random = openSimRandom(4711);
  for (let count = 0; count < mutants; count++) {
    const mutated = good.map((entry) => {
      const at = random.integer(entry.text.length);
      const end = at + random.integer(4);
      const put = '"{}[],:0Az-_=/\\u'[random.integer(16)] ?? "";
      const text = entry.text.slice(0, at) + put + entry.text.slice(end);
      return { ...entry, text };
    });
    const rights = rightsOf(documentOf(mutated));
    shown(rights);
    for (const { section, text } of rights.rootStatements) {
      const isOriginal = good.some((entry) =>
        entry.section === section &&
        entry.text === canonicalJson({ root: text })
      );
      assert.ok(isOriginal, text);
    }
    const redeemed = good.find(({ section }) => section === "redemptions");
    for (const redemption of rights.redemptions) {
      const now = mutated.find(({ section }) => section === "redemptions");
      const [was, is] = [redeemed, now].map((one) =>
        JSON.parse(one?.text ?? "{}")
      );
      // Name and time are the redeemer's to say.
      for (const member of ["joinerSignature", "inviteSignature"]) {
        assert.equal(
          Uint8Array.fromBase64(is[member]).toHex(),
          Uint8Array.fromBase64(was[member]).toHex(),
        );
      }
      assert.equal(redemption.joiner, joiner.peer);
    }
  }
});

Deno.test("fuzz: any JSON under any key makes rights, not errors", () => {
  const text = fc.json({ maxDepth: 4 });
  const key = fc.oneof(
    fc.constantFrom(...good.map((entry) => entry.key)),
    fc.string({ maxLength: 80 }),
  );
  const entry = fc.record({
    section: fc.constantFrom(...rightsSectionNames),
    key,
    text,
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
      const unique = new Map(
        entries.map((one) => [`${one.section} ${one.key}`, one]),
      );
      shown(rightsOf(documentOf([...unique.values()])));
    }),
    { seed: 4711, numRuns: mutants },
  );
});

Deno.test("fuzz: any frame is an effect or an InputError", () => {
  const random = openSimRandom(4711);
  const engine = new ExchangeEngine({
    self: admin.owner,
    peer: other.owner,
    heads: () => [],
    placeOf: () => undefined,
    wantsOwn: () => undefined,
  });
  let effects = 0;
  for (let count = 0; count < mutants * 4; count++) {
    const kind = random.integer(6);
    const body = random.bytes(random.integer(80));
    if (random.integer(2) === 0 && body.length > 1) body.set([0x81, 0x82]);
    try {
      engine.receive({ kind, body }, count * 1_000);
      effects++;
    } catch (cause) {
      assert.ok(cause instanceof InputError, String(cause));
    }
  }
  assert.ok(effects > 0);
});
