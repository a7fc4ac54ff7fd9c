// `pln grant`, `deny`, `allow` and `props`: what they ask the daemon for, how
// its decision reads, and which lines of flags are mistakes. What needs the root
// key has tests of its own.

import assert from "node:assert/strict";
import type {
  DenyRequest,
  GrantRequest,
  MemberHandlers,
} from "../../src/control/mod.ts";
import {
  AmbiguousError,
  DeniedError,
  NotFoundError,
} from "../../src/kernel/mod.ts";
import { CliWorld, sampleMembers, samplePeer } from "./cli_world.ts";

const bob = { type: "done", peer: "b2".repeat(32), name: "bob" } as const;
const shown = "bob (b2b2b2b2b2b2)";

function serving(members: Partial<MemberHandlers>): CliWorld {
  const world = new CliWorld();
  world.serve({ members: { ...sampleMembers, ...members } });
  return world;
}

/** A daemon that grants anything, and what it was asked for. */
function granting() {
  const asked: [string, GrantRequest][] = [];
  const world = serving({
    grant: (peer, request) => {
      asked.push([peer, request]);
      const { tier = "leaf", properties = {} } = request;
      return Promise.resolve({ ...bob, tier, properties, isChanged: true });
    },
  });
  return { world, asked };
}

Deno.test("pln grant asks for what is named, and for nothing else", async () => {
  const { world, asked } = granting();
  const lines: [string[], GrantRequest][] = [
    [["--publisher"], { tier: "publisher" }],
    [["--leaf", "--expire-after", "90m"], {
      tier: "leaf",
      accessMs: 5_400_000,
    }],
    [["--no-expire"], { accessMs: 0 }],
    [["--prop", "zone=home", "--prop", "gpu="], {
      properties: { zone: "home", gpu: "" },
    }],
  ];
  for (const [flags] of lines) {
    const ran = await world.run("grant", "bob", ...flags);
    assert.equal(ran.code, 0, ran.err);
  }
  assert.deepEqual(asked, lines.map(([, request]) => ["bob", request]));
});

Deno.test("pln grant says what the node is now, or was already", async () => {
  const world = serving({
    grant: () =>
      Promise.resolve({
        ...bob,
        tier: "publisher",
        properties: { zone: "home", note: "a\u001b[2J" },
        accessDeadlineMs: 1_790_000_000_000,
        isChanged: true,
      }),
  });
  const ran = await world.run("grant", "bob", "--publisher");
  assert.equal(
    ran.out,
    `${shown} is a publisher now, with zone=home, note=a\ufffd[2J, ` +
      "until 2026-09-21 14:13:20Z\n",
  );
  const same = serving({
    grant: () =>
      Promise.resolve({
        type: "done",
        peer: bob.peer,
        tier: "admin",
        isChanged: false,
      }),
  });
  const again = await same.run("grant", "b2b2", "--admin");
  assert.equal(again.out, "b2b2b2b2b2b2 is an admin already\n");
});

Deno.test("pln grant --request of what needs no root is done, and says so", async () => {
  const { world } = granting();
  const ran = await world.run("grant", "bob", "--leaf", "--request");
  assert.deepEqual(
    [ran.code, ran.out, ran.err],
    [0, `${shown} is a leaf now\n`, "This needed no root key: it is done\n"],
  );
});

Deno.test("pln grant refuses flags that contradict, and asks nobody", async () => {
  const { world, asked } = granting();
  const cases = [
    [[], /Nothing is said about what to grant\n {2}Such as "pln grant/],
    [["--leaf", "--admin"], /--leaf and --admin exclude each other/],
    [["--expire-after", "1d", "--no-expire"], /exclude each other/],
    [["--expire-after", "never"], /--expire-after takes a duration/],
    [["--prop", "=x"], /--prop takes key=value/],
    [["--prop", "Zone=x"], /is no property name/],
  ] as const;
  for (const [flags, says] of cases) {
    const ran = await world.run("grant", "bob", ...flags);
    assert.deepEqual([ran.code, ran.out], [2, ""], flags.join(" "));
    assert.match(ran.err, says);
    assert.match(ran.err, /\n {2}\S/);
  }
  assert.equal((await world.run("grant", "--leaf")).code, 2);
  assert.equal((await world.run("grant", "a", "b", "--leaf")).code, 2);
  assert.deepEqual(asked, []);
});

Deno.test("pln deny passes its reason and what becomes of members on", async () => {
  const asked: [string, DenyRequest][] = [];
  const world = serving({
    deny: (peer, request) => {
      asked.push([peer, request]);
      return Promise.resolve({
        ...bob,
        isChanged: true,
        kept: asked.length - 1,
      });
    },
  });
  const plain = await world.run("deny", "bob");
  const back =
    `${shown} is denied; this takes it back: pln allow b2b2b2b2b2b2\n`;
  assert.deepEqual([plain.code, plain.out], [0, back]);
  const kept = await world.run("deny", "bob", "--reason", "lost", "--keep");
  assert.equal(kept.out, `${back}1 of its members stays\n`);
  await world.run("deny", "bob", "--cascade", "--drop-denies");
  assert.deepEqual(asked, [
    ["bob", {}],
    ["bob", { reason: "lost", children: "keep" }],
    ["bob", { children: "cascade", dropDenies: true }],
  ]);
  const both = await world.run("deny", "bob", "--keep", "--cascade");
  assert.deepEqual([both.code, asked.length], [2, 3]);
});

Deno.test("pln deny says how many members go with an admin", async () => {
  for (
    const [gone, says] of [[1, "1 of its members goes"], [
      2,
      "2 of its members go",
    ]]
  ) {
    const world = serving({
      deny: () =>
        Promise.resolve({ ...bob, isChanged: true, gone: Number(gone) }),
    });
    const ran = await world.run("deny", "bob", "--cascade");
    assert.ok(ran.out.endsWith(`\n${says} too\n`), ran.out);
  }
});

Deno.test("pln deny and allow of what is so already say that", async () => {
  const same = () => Promise.resolve({ ...bob, isChanged: false });
  const world = serving({ deny: same, allow: same });
  assert.equal(
    (await world.run("deny", "bob")).out,
    `${shown} is denied already\n`,
  );
  assert.equal(
    (await world.run("allow", "bob")).out,
    `${shown} is not denied\n`,
  );
  const allowed = await serving({}).run("allow", "bob");
  assert.equal(allowed.out, `${shown} may come back\n`);
});

Deno.test("decisions keep the exit code of their refusal", async () => {
  const refusals = [
    [3, new NotFoundError("There is no node", { hint: "Look" })],
    [4, new DeniedError("No admin", { hint: "Ask" })],
    [5, new AmbiguousError("Two nodes", { hint: "Say more" })],
  ] as const;
  for (const [code, error] of refusals) {
    const refuse = () => Promise.reject(error);
    const world = serving({ grant: refuse, deny: refuse, allow: refuse });
    const lines = [["grant", "x", "--leaf"], ["deny", "x"], ["allow", "x"]];
    for (const words of [...lines, ["props", "x", "a=b"]]) {
      const ran = await world.run(...words);
      assert.deepEqual(
        [ran.code, ran.out, ran.err],
        [code, "", `pln: ${error.message}\n  ${error.hint}\n`],
      );
    }
  }
});

Deno.test("pln props shows the properties of a node, or of this one", async () => {
  const peers: string[] = [];
  const world = serving({
    inspectPeer: (peer) => {
      peers.push(peer);
      return sampleMembers.inspectPeer("bob");
    },
  });
  assert.equal((await world.run("props", "bob")).out, "zone  away\ngpu   1\n");
  assert.equal((await world.run("props")).code, 0);
  assert.deepEqual(peers, ["bob", samplePeer]);
  const bare = serving({
    inspectPeer: () => {
      const details = sampleMembers.inspectPeer("bob");
      return { ...details, node: { ...details.node, properties: {} } };
    },
  });
  assert.equal((await bare.run("props")).out, `${shown} has no properties\n`);
});

Deno.test("pln props changes what its pairs name", async () => {
  const { world, asked } = granting();
  const ran = await world.run("props", "bob", "zone=home", "gpu=");
  assert.deepEqual([ran.code, ran.out], [0, "zone  home\ngpu   \n"]);
  await world.run("props", "zone=a=b");
  assert.deepEqual(asked, [
    ["bob", { properties: { zone: "home", gpu: "" } }],
    [samplePeer, { properties: { zone: "a=b" } }],
  ]);
  const mixed = await world.run("props", "bob", "zone");
  assert.equal(mixed.code, 2);
  assert.match(mixed.err, /pln props takes key=value, not "zone"/);
  const twice = await world.run("props", "a=1", "a=2");
  assert.match(twice.err, /pln props names "a" twice/);
});

Deno.test("pln props of an admin says what the root has to be asked", async () => {
  const world = serving({
    grant: () =>
      Promise.resolve({ type: "needs-root", peer: bob.peer, request: "r" }),
  });
  const ran = await world.run("props", "bob", "zone=home", "say=it's $HOME");
  assert.deepEqual([ran.code, ran.out], [4, ""]);
  const words = "--prop zone=home --prop 'say=it'\\''s $HOME'";
  assert.ok(
    ran.err.endsWith(`\n  Run "pln grant b2b2b2b2b2b2 ${words}"\n`),
    ran.err,
  );
});
