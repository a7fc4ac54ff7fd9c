// Entries that no honest admin writes, and rights as a whole: whatever is
// malformed is left out with its reason, and equal documents give equal rights
// however they came. In: documents of the lab, mutated and shuffled.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AdminDocument,
  projectRights,
  RightsProjector,
  type RightsSection,
  type RightsText,
} from "../../src/identity/mod.ts";
import type { JsonValue } from "../../src/kernel/mod.ts";
import type { Signer } from "../../src/ports/mod.ts";
import { ignoredBy, LabAdmin, RightsLab, shown } from "./rights_lab.ts";

function world() {
  const lab = new RightsLab();
  const [low, high] = lab.newAdmins(2);
  assert.ok(low instanceof LabAdmin && high instanceof LabAdmin);
  return { lab, low, high, subject: lab.newPeer().peer };
}

const grant = { number: 1, tier: "leaf", properties: {}, atMs: 5 };
const deny = { number: 1, verdict: "deny", atMs: 5 };
const invite = { state: "open", tier: "leaf", expiresMs: 5, uses: 1, atMs: 1 };
const forget = { number: 1, generation: 1, seq: 1, atMs: 5 };
const name = { number: 1, owner: "a".repeat(64), atMs: 5 };
const tooMany = Object.fromEntries(
  Array.from({ length: 65 }, (_, index) => [`k${index}`, "v"]),
);

const malformed: readonly [RightsSection, string, JsonValue][] = [
  ["grants", "R03 a number of 0", { ...grant, number: 0 }],
  ["grants", "R03 a negative number", { ...grant, number: -1 }],
  ["grants", "R03 a number that is a float", { ...grant, number: 1.5 }],
  ["grants", "R03 a number of 2^48", { ...grant, number: 2 ** 48 }],
  ["grants", "R03 a number of 2^53", { ...grant, number: 2 ** 53 }],
  ["grants", "a number that is a text", { ...grant, number: "1" }],
  ["grants", "tier admin", { ...grant, tier: "admin" }],
  ["grants", "an unknown tier", { ...grant, tier: "king" }],
  ["grants", "properties that are a list", { ...grant, properties: ["a"] }],
  ["grants", "a property that is no text", { ...grant, properties: { a: 1 } }],
  ["grants", "65 properties", { ...grant, properties: tooMany }],
  ["grants", "a reserved property", { ...grant, properties: { "pln.a": "b" } }],
  ["grants", "a property with a control character", {
    ...grant,
    properties: { a: "\u0000" },
  }],
  ["grants", "no time", { ...grant, atMs: -1 }],
  ["grants", "nothing", {}],
  ["grants", "no object", "grant"],
  ["grants", "a statement that is none", { root: "pln-root-statement:AAAA" }],
  ["denies", "R03 a number of 2^53", { ...deny, number: 2 ** 53 }],
  ["denies", "an unknown verdict", { ...deny, verdict: "maybe" }],
  ["denies", "a reason nobody can see", { ...deny, reason: "\u202e" }],
  ["denies", "a reason of 201 characters", {
    ...deny,
    reason: "a".repeat(201),
  }],
  ["invites", "0 uses", { ...invite, uses: 0 }],
  ["invites", "an unknown state", { ...invite, state: "half" }],
  ["redemptions", "nothing", {}],
  ["names", "R03 a number of 2^53", { ...name, number: 2 ** 53 }],
  ["names", "an owner of 63 digits", { ...name, owner: "a".repeat(63) }],
  ["names", "a list", [name]],
  ["forgets", "R03 a generation of 2^53", { ...forget, generation: 2 ** 53 }],
  ["forgets", "R03 a negative seq", { ...forget, seq: -1 }],
  ["forgets", "nothing", {}],
];

for (const [section, what, value] of malformed) {
  Deno.test(`an entry of ${section} with ${what} counts for nothing`, () => {
    const { lab, low, high, subject } = world();
    const key = {
      ...{ grants: subject, denies: subject, invites: "a".repeat(32) },
      redemptions: `${"a".repeat(32)}/${subject}`,
      ...{ names: "seeds/hello", forgets: subject },
    }[section];
    low.say(section, key, value);
    high.grant(subject, { tier: "publisher" });
    const rights = lab.rights(low, high);
    assert.equal(rights.grantOf(subject)?.by, high.owner);
    assert.deepEqual([rights.denials, rights.invites], [[], []]);
    assert.deepEqual([rights.names, rights.forgets], [[], []]);
    const [ignored, ...more] = ignoredBy(rights);
    assert.equal(ignored?.owner, low.owner);
    assert.equal(ignored?.section, section);
    assert.ok(ignored.reason.length > 5, ignored.reason);
    assert.deepEqual(more, []);
  });
}

Deno.test("entries under what is no key count for nothing", () => {
  const { lab, low, high, subject } = world();
  low.say("grants", "everybody", grant).say("denies", "a".repeat(65), deny)
    .say("invites", "x", invite).say("redemptions", `x/${subject}`, {})
    .say("denies", subject.toUpperCase(), deny);
  const rights = lab.rights(low, high);
  assert.equal(ignoredBy(rights).length, 5);
  assert.deepEqual([rights.grants, rights.denials], [[], []]);
});

Deno.test("a statement in another's place counts for nothing", () => {
  const { lab, low, high, subject } = world();
  const other = lab.newPeer().peer;
  low.say("denies", other, lab.rootDeny(subject))
    .say("grants", subject, lab.rootAllow(subject));
  high.say("denies", subject, lab.rootGrant(subject, "leaf"));
  const rights = lab.rights(low, high);
  assert.deepEqual([rights.grants, rights.denials], [[], []]);
  assert.equal(ignoredBy(rights).length, 3);
});

Deno.test("S17 members of a newer version are left out", () => {
  const { lab, low, high, subject } = world();
  low.grant(subject, { colour: "red" }).deny(high.owner, { until: 5 });
  const rights = lab.rights(low, high);
  assert.equal(rights.grantOf(subject)?.by, low.owner);
  assert.deepEqual(ignoredBy(rights), []);
});

/** A document that gives the same array until it changes. */
class GrowingDocument implements AdminDocument {
  readonly owner;
  readonly ownAuthority;
  readonly #sections = new Map<RightsSection, readonly RightsText[]>();

  constructor(admin: LabAdmin) {
    this.owner = admin.owner;
    this.ownAuthority = admin.ownAuthority;
  }

  set(section: RightsSection, entry: RightsText): void {
    const others = this.entries(section)
      .filter(({ key }) => key !== entry.key);
    this.#sections.set(section, [...others, entry]);
  }

  entries(section: RightsSection): readonly RightsText[] {
    const entries = this.#sections.get(section) ?? [];
    this.#sections.set(section, entries);
    return entries;
  }
}

/** The same document as a node holds it that heard its entries otherwise. */
function backwards(document: AdminDocument): AdminDocument {
  const { owner, ownAuthority } = document;
  const entries = (section: RightsSection) =>
    document.entries(section).toReversed();
  return { owner, ownAuthority, entries };
}

type Step = {
  readonly admin: number;
  readonly section: RightsSection;
  readonly entry: RightsText;
};

/** What three admins, four peers and the root might say. */
function possibleSteps(lab: RightsLab, admins: readonly LabAdmin[]): Step[] {
  const peers = lab.newPeers(4);
  const invites = admins.flatMap((admin) => [
    lab.invite(admin),
    lab.invite(admin, { uses: 2 }),
  ]);
  const steps: Step[] = [];
  for (const [index, admin] of admins.entries()) {
    const subjects = [
      ...peers,
      ...admins.map(({ owner, key }) => ({
        peer: owner,
        key,
      })),
    ];
    for (const [number, joiner] of subjects.entries()) {
      const { peer } = joiner;
      admin.grant(peer, { number: 1 + number % 2 })
        .deny(peer, { number: 1 + (number + index) % 3 });
      if (index === 0) admin.deny(peer, { number: 3, verdict: "allow" });
      for (const invite of invites) lab.redeem(admin, invite, { joiner });
      take(index, admin);
      admin.say("denies", peer, lab.rootDeny(peer, 1 + index))
        .say("grants", peer, lab.rootGrant(peer, "publisher"));
      take(index, admin);
      admin.say("denies", peer, lab.rootAllow(peer, 2));
      take(index, admin);
    }
  }
  return steps;

  function take(index: number, admin: LabAdmin): void {
    for (const section of admin.said.keys()) {
      for (const entry of admin.entries(section)) {
        steps.push({ admin: index, section, entry });
      }
    }
    admin.said.clear();
  }
}

Deno.test("equal documents give equal rights, however they came", () => {
  const lab = new RightsLab();
  const admins = lab.newAdmins(3);
  const steps = possibleSteps(lab, admins);
  const { needs, root } = lab;
  const some = fc.array(fc.nat(steps.length - 1), { maxLength: 30 });
  const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
  fc.assert(
    fc.property(some, order, fc.nat(4), (indexes, ordered, each) => {
      const documents = admins.map((admin) => new GrowingDocument(admin));
      const turned = () => ordered.flatMap((at) => documents[at] ?? []);
      const projector = new RightsProjector(needs, { root });
      for (const [count, index] of indexes.entries()) {
        const step = steps[index];
        if (step === undefined) continue;
        documents[step.admin]?.set(step.section, step.entry);
        // What is projected in between, and remembered, must not matter.
        if (each > 0 && count % each === 0) {
          shown(projector.project(turned()));
        }
      }
      assert.deepEqual(
        shown(projector.project(turned())),
        shown(
          projectRights(needs, { root, documents: documents.map(backwards) }),
        ),
      );
    }),
    { seed: 4711, numRuns: 150 },
  );
});

Deno.test("a void join is told alike in whatever order it was heard", () => {
  const { lab, low, high } = world();
  const [winner, loser] = lab.newPeers(2);
  assert.ok(winner && loser);
  for (const name of ["first", "second"]) {
    const invite = lab.invite(high);
    lab.redeem(high, invite, { joiner: winner });
    lab.redeem(low, invite, { joiner: loser, changes: { name } });
  }
  const rights = [low, backwards(low)].map((document) =>
    lab.rights(document, high).denialOf(loser.peer)
  );
  assert.equal(rights[0]?.because, "void-redemption");
  assert.deepEqual(rights[0], rights[1]);
});

Deno.test("a reason in letters of a later Unicode version counts", () => {
  const { lab, low, high, subject } = world();
  const reason = "lost \u{378}"; // assigned to nothing up to Unicode 17
  low.deny(subject, { reason });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject)?.reason, reason);
});

Deno.test("a statement of the root is verified once, however many copies", () => {
  const lab = new RightsLab();
  const admins = lab.newAdmins(8);
  const subject = lab.newPeer().peer;
  const statement = lab.rootDeny(subject);
  let verified = 0;
  const counting: Signer = {
    ...lab.needs.signer,
    verify: (...of) => {
      verified++;
      return lab.needs.signer.verify(...of);
    },
  };
  for (const admin of admins) admin.say("denies", subject, statement);
  const { root } = lab;
  const rights = projectRights({ signer: counting }, {
    root,
    documents: admins,
  });
  assert.equal(rights.denialOf(subject)?.by, "root");
  assert.equal(verified, 1);
});

Deno.test("rights stay the same object until a document changes", () => {
  const { lab, low, subject } = world();
  const { needs, root } = lab;
  const document = new GrowingDocument(low);
  const projector = new RightsProjector(needs, { root });
  const first = projector.project([document]);
  assert.equal(projector.project([document]), first);
  document.set("grants", { key: subject, text: JSON.stringify(grant) });
  const second = projector.project([document]);
  assert.notEqual(second, first);
  assert.equal(first.grantOf(subject), undefined);
  assert.equal(second.grantOf(subject)?.by, low.owner);
});
