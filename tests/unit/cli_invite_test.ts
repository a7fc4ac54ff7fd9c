// `pln invite`, `pln invite ls` and `pln invite revoke`: what they ask the
// daemon for, and where the secret goes: the token stands alone on standard
// output, never in a note, an error or a list.

import assert from "node:assert/strict";
import type { InviteRequest, InviteStatus } from "../../src/control/mod.ts";
import { DeniedError } from "../../src/kernel/mod.ts";
import {
  CliWorld,
  sampleInvite,
  sampleMembers,
  samplePeer,
} from "./cli_world.ts";

const subject = "e5".repeat(32);

/** A daemon that makes any invite, and what it was asked for. */
function inviting(): { world: CliWorld; asked: InviteRequest[] } {
  const world = new CliWorld();
  const asked: InviteRequest[] = [];
  const members = {
    ...sampleMembers,
    invite: (request: InviteRequest) => {
      asked.push(request);
      const { tier = "leaf", uses = 1, subject } = request;
      const made = { ...sampleInvite, tier, uses, subject };
      return Promise.resolve({ ...made, token: "the-secret" });
    },
  };
  world.serve({ members });
  return { world, asked };
}

Deno.test("pln invite prints the token alone, and says the rest beside", async () => {
  const { world, asked } = inviting();
  const ran = await world.run("invite");
  assert.deepEqual([ran.code, ran.out], [0, "the-secret\n"]);
  assert.deepEqual(asked, [{ tier: "leaf" }]);
  assert.match(
    ran.err,
    /^Admits one node as a leaf, until 2026-09-10 00:31:40Z/,
  );
  assert.match(
    ran.err,
    /There: pln join <token>, or "pln join -" and paste it/,
  );
  assert.ok(!ran.err.includes("the-secret"), ran.err);
});

Deno.test("pln invite asks for what its flags say", async () => {
  const { world, asked } = inviting();
  const ran = await world.run(
    ...["invite", subject.toUpperCase(), "--publisher", "--ttl", "2h"],
    ...["--prop", "zone=home", "--prop", "note=a=b", "--expire-after", "30d"],
    ...["--uses", "3"],
  );
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual(asked, [{
    tier: "publisher",
    subject,
    properties: { zone: "home", note: "a=b" },
    accessMs: 30 * 86_400_000,
    ttlMs: 7_200_000,
    uses: 3,
  }]);
  assert.match(ran.err, /^Admits node e5e5e5e5e5e5 as a publisher for 30d, /);
});

Deno.test("pln invite --admin names its node, and says what comes after", async () => {
  const { world, asked } = inviting();
  const ran = await world.run("invite", subject, "--admin");
  assert.equal(asked[0]?.tier, "admin");
  assert.match(ran.err, /as a publisher, until/);
  assert.match(ran.err, /After that, here: pln grant e5e5e5e5e5e5 --admin\n/);
  const none = await world.run("invite", "--admin");
  assert.deepEqual([none.code, none.out], [2, ""]);
  assert.match(none.err, /names the node it is for\n {2}Run "pln id" there/);
});

Deno.test("pln invite --json has the token in its one line", async () => {
  const { world } = inviting();
  const ran = await world.run("invite", "--uses", "2", "--json");
  assert.equal(ran.err, "");
  const { version, token, uses, used, state } = JSON.parse(ran.out);
  assert.deepEqual(
    [version, token, uses, used, state],
    [1, "the-secret", 2, 1, "open"],
  );
});

Deno.test("pln invite refuses what no invite may say, and asks nobody", async () => {
  const { world, asked } = inviting();
  const cases = [
    [["--publisher", "--admin"], /--publisher and --admin exclude/],
    [["--ttl", "0s"], /--ttl takes 1s to 30d/],
    [["--ttl", "31d"], /--ttl takes 1s to 30d/],
    [["--ttl", "soon"], /--ttl takes a duration, not "soon"/],
    [["--uses", "0"], /--uses takes a whole number from 1 to 1000/],
    [["--uses", "1001"], /--uses takes a whole number from 1 to 1000/],
    [["--uses", "x"], /--uses takes a whole number/],
    [["--prop", "zone"], /--prop takes key=value, not "zone"/],
    [["--prop", "pln.x=1"], /is reserved/],
    [["--prop", "a=1", "--prop", "a=2"], /names "a" twice/],
    [["--expire-after", "0d"], /--expire-after takes 1s to/],
    [["desk"], /"desk" is no whole peer id\n {2}A subject has 64 hex/],
    [[subject.slice(1)], /is no whole peer id/],
    [["zz".repeat(32)], /is no whole peer id/],
    [[subject, subject], /at most/],
  ] as const;
  for (const [words, says] of cases) {
    const ran = await world.run("invite", ...words);
    assert.deepEqual([ran.code, ran.out], [2, ""], words.join(" "));
    assert.match(ran.err, says);
    assert.match(ran.err, /\n {2}\S/, "and what to type next");
  }
  assert.deepEqual(asked, []);
});

Deno.test("pln invite at a node that is no admin exits with 4", async () => {
  const world = new CliWorld();
  const members = {
    ...sampleMembers,
    invite: () =>
      Promise.reject(
        new DeniedError("Only admins make invites; this node is a leaf", {
          hint: "Ask an admin",
        }),
      ),
  };
  world.serve({ members });
  const ran = await world.run("invite");
  assert.deepEqual(
    [ran.code, ran.out, ran.err],
    [
      4,
      "",
      "pln: Only admins make invites; this node is a leaf\n  Ask an admin\n",
    ],
  );
});

Deno.test("pln invite ls shows every invite and no token", async () => {
  const world = new CliWorld();
  const used: InviteStatus = {
    ...sampleInvite,
    id: "ab12".repeat(8),
    state: "used",
    tier: "admin",
    subject,
    uses: 1,
  };
  world.serve({
    members: { ...sampleMembers, invites: () => [sampleInvite, used] },
  });
  const { out } = await world.run("invite", "ls");
  const moment = "2026-09-10 00:31:40Z";
  assert.deepEqual(
    out.trimEnd().split("\n").map((line) => line.split(/ {2,}/)),
    [
      ["INVITE", "STATE", "TIER", "USED", "EXPIRES", "SUBJECT", "BY"],
      [
        ...["3f9a3f9a3f9a", "open", "publisher", "1/2", moment, "anybody"],
        samplePeer.slice(0, 12),
      ],
      [
        ...["ab12ab12ab12", "used", "admin", "1/1", moment, "e5e5e5e5e5e5"],
        samplePeer.slice(0, 12),
      ],
    ],
  );
  world.serve({ members: { ...sampleMembers, invites: () => [] } });
  const none = await world.run("invite", "ls");
  assert.equal(
    none.out,
    'No invites are known here: make one with "pln invite"\n',
  );
});

Deno.test("pln invite revoke says what became of the invite", async () => {
  const world = new CliWorld();
  const ids: string[] = [];
  const answer = (invite: Partial<InviteStatus>) =>
    world.serve({
      members: {
        ...sampleMembers,
        revokeInvite: (id) => {
          ids.push(id);
          return Promise.resolve({ ...sampleInvite, ...invite });
        },
      },
    });
  answer({ state: "revoked", used: 0 });
  const done = await world.run("invite", "revoke", "3f9a");
  assert.deepEqual(
    [done.code, done.out],
    [0, "Invite 3f9a3f9a3f9a is revoked\n"],
  );
  answer({ state: "revoked", used: 2 });
  const late = await world.run("invite", "revoke", "3f9a");
  assert.match(late.out, /is revoked\nIt admitted 2 nodes before: see "pln st/);
  answer({ state: "expired", used: 0 });
  const over = await world.run("invite", "revoke", "3f9a");
  assert.equal(
    over.out,
    "Invite 3f9a3f9a3f9a is expired already: nothing was changed\n",
  );
  assert.deepEqual(ids, ["3f9a", "3f9a", "3f9a"]);
  assert.equal((await world.run("invite", "revoke")).code, 2);
});
