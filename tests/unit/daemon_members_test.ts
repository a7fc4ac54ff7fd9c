// Two daemons of one cluster as their control APIs show it: who is there, who
// decided what, round trips, calls to the other one, and the end of a
// membership. Over simulated ports, in virtual time.

import assert from "node:assert/strict";
import { encodeRootRequest, parseRootRequest } from "../../src/identity/mod.ts";
import { type PlnError, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import { settings } from "./daemon_lab.ts";
import { twoDaemons } from "./two_daemons.ts";

twoDaemons(
  "a status shows the other node, over its link",
  async ({ ann, bob, shows }) => {
    const row = await shows(bob, "connected");
    const { node, nodes, mesh, listeners } = await ann.status();
    assert.deepEqual(nodes.map(({ state }) => state), ["self", "connected"]);
    assert.deepEqual(
      [row.peer, row.name, row.tier, row.version],
      [node.peer, "ann", "admin", node.version],
    );
    assert.match(row.address ?? "", /^10\.0\.\d+\.\d+:60611$/);
    assert.ok((row.rttMs ?? -1) >= 0 && (row.connectedMs ?? -1) >= 0);
    assert.deepEqual(mesh, { links: 1, unauthenticated: 0, refusals: {} });
    assert.deepEqual(listeners, { mesh: 60_611 });
  },
);

twoDaemons(
  "a daemon knows nodes by name and id, and what was decided",
  async ({ ann, bob }) => {
    const { members } = ann.client;
    const { node: self } = await bob.status();
    for (const text of ["bob", self.peer, self.peer.slice(0, 8)]) {
      assert.equal((await members.inspect(text)).node.peer, self.peer);
    }
    const { chain, decisions, source, isAdminPending } = await members.inspect(
      "bob",
    );
    assert.deepEqual(
      chain.map(({ role }) => role),
      ["member", "authority", "root"],
    );
    const { node: annNode } = await ann.status();
    assert.equal(chain[0]?.issuer, `authority of ${annNode.peer}`);
    assert.deepEqual(
      decisions.map(({ verdict, by }) => [verdict, by]),
      [["join", annNode.peer]],
    );
    assert.deepEqual([source, isAdminPending], ["grant", false]);
    await members.grant("bob", { properties: { zone: "home" } });
    const later = await members.inspect("bob");
    assert.deepEqual(later.node.properties, { zone: "home" });
    assert.equal(later.decisions.at(-1)?.verdict, "grant");
    await assert.rejects(members.inspect("carl"), (error: PlnError) => {
      assert.equal(error.code, "PLN_NOT_FOUND");
      return true;
    });
  },
);

twoDaemons(
  "a daemon pings the other node, and calls its seeds",
  async ({ ann, bob }) => {
    const { rttMs, name, address } = await bob.client.members.ping("ann");
    assert.ok(rttMs >= 0);
    assert.deepEqual([name, address.split(":")[1]], ["ann", "60611"]);
    assert.equal((await bob.client.members.ping("bob")).rttMs, 0);
    await ann.client.publishSeed("a", sampleModule(1), { config: {} });
    const target = { seed: "a", function: "tag" };
    const output = await bob.client.call(target, utf8(""), { on: "ann" });
    assert.equal(utf8TextLossy(output), sampleTag(1));
    const own = await ann.client.call(target, utf8(""), { on: "ann" });
    assert.equal(utf8TextLossy(own), sampleTag(1));
    await assert.rejects(
      bob.client.call(target, utf8(""), { on: "carl" }),
      (error: PlnError) => error.code === "PLN_NOT_FOUND",
    );
    const nobody = { ...target, seed: "nobody" };
    await assert.rejects(
      bob.client.call(nobody, utf8("")),
      (error: PlnError) => error.code === "PLN_NOT_FOUND",
    );
  },
);

twoDaemons(
  "a denied node is out at once, and both sides say why",
  async ({ ann, bob, shows }) => {
    const { members } = ann.client;
    await members.deny("bob", { reason: "lost laptop" });
    const row = await shows(ann, "denied");
    const { node } = await ann.status();
    assert.equal(row.reason, `by ${node.peer.slice(0, 12)}: lost laptop`);
    const { decisions } = await members.inspect("bob");
    assert.equal(decisions.at(-1)?.reason, "lost laptop");
    await shows(bob, "unreachable");
    await bob.process.clock.sleep(5_000, new AbortController().signal);
    const { alarms } = await bob.status();
    assert.match(alarms[0]?.message ?? "", /denied by .*lost laptop/);
    assert.match(alarms[0]?.hint ?? "", /pln allow/);
    assert.ok(((await ann.status()).mesh.refusals.denied ?? 0) > 0);
    await assert.rejects(members.ping("bob"), /is denied/);
    assert.equal((await members.allow("bob")).type, "done");
    await shows(ann, "connected");
    assert.deepEqual((await bob.status()).alarms, []);
  },
);

twoDaemons(
  "who is no admin decides nothing, and hears whom to ask",
  async ({ ann, bob }) => {
    const { members } = bob.client;
    const asked = [
      () => members.invite({}),
      () => members.grant("ann", { tier: "leaf" }),
      () => members.deny("ann", {}),
      () => members.allow("ann"),
      () => members.revokeInvite("abcd"),
    ];
    const { node } = await ann.status();
    for (const ask of asked) {
      await assert.rejects(ask(), (error: PlnError) => {
        assert.equal(error.outcome, "permission");
        assert.ok(error.hint?.includes(node.peer.slice(0, 8)), error.hint);
        return true;
      });
    }
  },
);

twoDaemons(
  "what only the root decides comes back as a request",
  async ({ ann, bob }) => {
    const { members } = ann.client;
    const { node } = await bob.status();
    const decision = await members.grant("bob", { tier: "admin" });
    assert.ok(decision.type === "needs-root");
    const request = parseRootRequest(decision.request);
    assert.deepEqual([request.subject, request.kind], [node.peer, "grant"]);
    assert.equal(encodeRootRequest(request), decision.request);
    const own = await members.grant("ann", { properties: { gpu: "1" } });
    assert.ok(own.type === "needs-root", "an admin is the root's to change");
    const said = parseRootRequest(own.request);
    assert.equal(said.kind === "grant" && said.tier, "admin", "and stays one");
  },
);

twoDaemons(
  "a node that leaves tells the others, and its daemon ends",
  async ({ ann, bob, shows }) => {
    await bob.client.members.leave();
    await bob.ended;
    const row = await shows(ann, "left");
    assert.equal(row.name, "bob");
    await assert.rejects(ann.client.members.ping("bob"));
  },
);

twoDaemons("settings of the mesh wait for a restart", async ({ ann }) => {
  const wanted = { port: 1_234, isPublic: true, ips: ["192.0.2.9"] };
  ann.settings = { ...settings, ...wanted };
  const { applied, needRestart } = await ann.client.reload();
  assert.deepEqual([applied, needRestart], [[], ["port", "public", "ips"]]);
});
