// `pln join` against real nodes in virtual time: it joins, says what it did and
// starts the daemon; or it refuses, and the directory is what it was. The token
// is a secret: it is shown nowhere and reaches no other process.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { limits, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import type { Disk } from "../../src/ports/mod.ts";
import {
  openWorld,
  SimCluster,
  type SimInvite,
  type SimMember,
} from "../../src/sim/mod.ts";
import { CliWorld, directory, type Ran, sampleStatus } from "./cli_world.ts";

const dayMs = 86_400_000;
const signer = openSigner();

type Lab = {
  readonly cluster: SimCluster;
  /** The first node of a cluster, up. */
  readonly ann: SimMember;
  /** A machine without a node, and a terminal on it. */
  readonly bob: SimMember;
  readonly terminal: CliWorld;
  invite(options?: SimInvite & { readonly subject?: string }): Promise<string>;
  /** `pln` on bob, in a process of its own. */
  run(...words: readonly string[]): Promise<Ran>;
  id(): Promise<Record<string, unknown>>;
};

function joinTest(name: string, test: (lab: Lab) => Promise<void>): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    const cluster = new SimCluster(world, { signer });
    const scenario = async () => {
      const ann = await cluster.found("ann");
      const bob = cluster.machine("bob");
      const terminal = new CliWorld();
      const run = (...words: readonly string[]) => runOn(bob, terminal, words);
      await test({
        ...{ cluster, ann, bob, terminal, run },
        invite: (options = {}) => inviteOf(ann, options),
        id: async () => JSON.parse((await run("id", "--json")).out),
      });
      await cluster.end();
    };
    await world.complete(scenario(), { withinMs: 30 * dayMs });
  };
  Deno.test({ name, permissions: "none", fn });
}

async function inviteOf(
  admin: SimMember,
  { subject, ...options }: SimInvite & { readonly subject?: string },
): Promise<string> {
  const made = await admin.node.members.invite({
    ...options,
    ...(subject === undefined ? {} : { subject: subject as never }),
  });
  return made.token;
}

async function runOn(
  member: SimMember,
  terminal: CliWorld,
  words: readonly string[],
): Promise<Ran> {
  return await member.once(async ({ ports }) => {
    terminal.platform = {
      openClock: () => Promise.resolve(ports.clock),
      openDisk: (root) => {
        assert.equal(root, directory);
        return Promise.resolve(ports.disk);
      },
      openNetwork: () => Promise.resolve(ports.network),
      openRandom: () => Promise.resolve(ports.random),
      openSigner: () => Promise.resolve(ports.signer),
    };
    return await terminal.run(...words);
  });
}

async function filesOf({ machine }: SimMember): Promise<readonly string[]> {
  const disk: Disk = machine.disk.mount();
  const found: string[] = [];
  for (const { name, type } of await disk.list("")) {
    if (type !== "directory") found.push(name);
    else {
      const inner = await disk.list(name);
      found.push(...inner.map((entry) => `${name}/${entry.name}`));
    }
  }
  return found;
}

const memberFiles = [
  ...["certs/member.pem", "certs/root.pem"],
  ...["keys/authority.pem", "keys/node.pem", "lock", "peers.json"],
];

joinTest(
  "pln join makes a directory a member, with the id that it showed",
  async (lab) => {
    const { bob, ann } = lab;
    const { peer } = await lab.id();
    const properties = new Map([["zone", "home"]]);
    const token = await lab.invite({ tier: "publisher", properties });
    const ran = await lab.run("join", token, "--no-up", "--json");
    assert.deepEqual([ran.code, ran.err], [0, ""]);
    const { cluster } = ann.node.identity;
    assert.deepEqual(JSON.parse(ran.out), {
      version: 1,
      peer,
      cluster,
      tier: "publisher",
      isAdminPending: false,
      wasMember: false,
      directory,
    });
    assert.deepEqual(await filesOf(bob), memberFiles);
    assert.deepEqual(await lab.id(), {
      version: 1,
      peer,
      cluster,
      tier: "publisher",
    });
    await bob.start();
    await lab.cluster.until(
      "bob has a link to ann",
      () => bob.node.members.peers().some(({ state }) => state === "connected"),
    );
  },
);

joinTest(
  "pln join says what it reads, what it did and what comes next",
  async (lab) => {
    const { peer } = await lab.id();
    const token = await lab.invite({ tier: "admin", subject: String(peer) });
    const ran = await lab.run("join", token, "--no-up");
    const cluster = lab.ann.node.identity.cluster.slice(0, 12);
    const lines = ran.err.trimEnd().split("\n");
    assert.equal(lines.length, 2, ran.err);
    assert.ok(
      lines[0]?.startsWith(
        `An invite to cluster ${cluster} as a publisher, by ` +
          `${lab.ann.peer.slice(0, 12)}, until 20`,
      ),
      ran.err,
    );
    assert.equal(
      lines[1],
      `Joined cluster ${cluster} as a publisher; an admin with the root key ` +
        `goes on: pln grant ${String(peer).slice(0, 12)} --admin`,
    );
    assert.equal(ran.out, `peer       ${peer}\ndirectory  ${directory}\n`);
  },
);

joinTest(
  "pln join - starts the daemon, which never sees the token",
  async (lab) => {
    const { terminal } = lab;
    const token = await lab.invite();
    terminal.input = utf8(`${token}\n`);
    terminal.variables.set("PLN_LAUNCHER", "/opt/pln/launcher.sh");
    const pid = 4712;
    terminal.onLaunch = () => {
      terminal.serve({
        status: () => ({
          ...sampleStatus,
          node: { ...sampleStatus.node, processId: pid },
        }),
      });
      return { pid, exited: new Promise(() => {}) };
    };
    const flags = ["--name", "desk", "--port", "0", "--public"];
    const ran = await lab.run("join", "-", "--json", ...flags);
    assert.deepEqual([ran.code, ran.err], [0, ""]);
    const { cluster, tier, processId } = JSON.parse(ran.out);
    assert.deepEqual(
      [cluster, tier, processId],
      [lab.ann.node.identity.cluster, "leaf", pid],
    );
    const [launch] = terminal.launches;
    assert.deepEqual(launch?.args, [
      ...["up", "--quiet", "--json", "--dir", directory],
      ...["--name", "desk", "--port", "0", "--public"],
    ]);
    assert.ok(!JSON.stringify(launch).includes(token.slice(8, 40)));
    const { name } = lab.ann.node.members.peers()[1] ?? {};
    assert.equal(name, "desk", "the cluster knows it by its name");
  },
);

joinTest(
  "pln join - asks for the token on a terminal, and shows it not",
  async (lab) => {
    const { terminal } = lab;
    const token = await lab.invite();
    terminal.isTerminal = { ...terminal.isTerminal, stdin: true };
    terminal.answers = [` ${token} `];
    const ran = await lab.run("join", "-", "--no-up");
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.err, /^Paste the invite token \(it is not shown\): /);
    assert.ok(!`${ran.out}${ran.err}`.includes(token.slice(8, 40)));
  },
);

joinTest(
  "pln join refuses what is no token, and makes nothing",
  async (lab) => {
    const token = await lab.invite();
    const middle = Math.floor(token.length / 2);
    const flipped = token.slice(0, middle) +
      (token[middle] === "A" ? "B" : "A") + token.slice(middle + 1);
    const cases = [
      ["", /is no invite token\n {2}An admin makes one with "pln invite"/],
      ["hello", /is no invite token/],
      [token.slice(0, -10), /is incomplete or was changed\n {2}Copy all of it/],
      [flipped, /is incomplete or was changed/],
      [`${token}${token}`, /is incomplete or was changed/],
      ["x".repeat(limits.inviteTokenCharactersMax + 9), /is no invite token/],
    ] as const;
    for (const [text, says] of cases) {
      const ran = await lab.run("join", text, "--no-up");
      assert.deepEqual([ran.code, ran.out], [2, ""], text.slice(0, 20));
      assert.match(ran.err, says);
      assert.ok(!ran.err.includes(token.slice(8, 40)), ran.err);
    }
    const piped = [
      ["", /There is no invite token: nothing was given/],
      [`${token}\n${token}`, /is no invite token: it is not one line/],
      ["x".repeat(20_000), /is no invite token: it is too long/],
    ] as const;
    for (const [text, says] of piped) {
      lab.terminal.input = utf8(text);
      const ran = await lab.run("join", "-", "--no-up");
      assert.deepEqual([ran.code, ran.out], [2, ""]);
      assert.match(ran.err, says);
    }
    assert.equal((await lab.run("join")).code, 2);
    const port = await lab.run("join", token, "--port", "70000");
    assert.match(port.err, /--port must be a port/);
    assert.deepEqual(await filesOf(lab.bob), []);
  },
);

joinTest(
  "pln join by nobody who answers exits with 6, and can be repeated",
  async (lab) => {
    const token = await lab.invite();
    await lab.ann.stop();
    const alone = await lab.run("join", token, "--no-up");
    assert.deepEqual([alone.code, alone.out], [6, ""]);
    const tried = new RegExp(
      `No node .* answers: tried ${lab.ann.peer.slice(0, 8)}`,
    );
    assert.match(alone.err, tried);
    assert.match(alone.err, /\n {2}\S.*\n$/, "and what to look at");
    const { peer, cluster } = await lab.id();
    assert.equal(cluster, undefined);
    await lab.ann.start();
    const again = await lab.run("join", token, "--no-up", "--json");
    assert.equal(again.code, 0, again.err);
    assert.equal(JSON.parse(again.out).peer, peer, "the same joiner");
  },
);

joinTest(
  "pln join that is refused exits with 4, in the words of who refuses",
  async (lab) => {
    const used = await lab.invite();
    await lab.cluster.machine("cleo").join(used);
    const open = await lab.invite({ ttlMs: 1_000 });
    const other = await lab.invite({ subject: "ab".repeat(32) });
    await lab.cluster.pause(10); // it is the newest
    const revoked = await lab.invite();
    const { members } = lab.ann.node;
    await members.revokeInvite(members.invites()[0]?.id ?? "");
    const cases = [
      [used, /was used already/],
      [other, /is for node abababab, and this is/],
      [revoked, /was revoked/],
      [open, /The invite expired at /],
    ] as const;
    for (const [token, says] of cases) {
      if (token === open) await lab.cluster.pause(400_000);
      const ran = await lab.run("join", token, "--no-up");
      assert.deepEqual([ran.code, ran.out], [4, ""], ran.err);
      assert.match(ran.err, says);
      assert.match(ran.err, /\n {2}\S.*\n$/, "and what to do");
    }
    assert.equal((await lab.id()).cluster, undefined);
  },
);

joinTest("a node that was denied waits for no root", async (lab) => {
  const { peer } = await lab.id();
  const token = await lab.invite({ tier: "admin", subject: String(peer) });
  assert.equal((await lab.run("join", token, "--no-up")).code, 0);
  const { members } = lab.ann.node;
  assert.equal(members.inspect(String(peer)).isAdminPending, true);
  await members.deny(String(peer), {});
  assert.equal(members.inspect(String(peer)).isAdminPending, false);
});

/** Bob is a member that does not run, and has lost where the others are. */
async function joinedAndLost(lab: Lab): Promise<Record<string, unknown>> {
  assert.equal((await lab.run("join", await lab.invite(), "--no-up")).code, 0);
  await lab.bob.machine.disk.mount().remove("peers.json");
  return await lab.id();
}

joinTest(
  "pln join of a member's own cluster takes the addresses alone",
  async (lab) => {
    const before = await joinedAndLost(lab);
    const token = await lab.invite({ tier: "publisher" });
    const ran = await lab.run("join", token, "--no-up", "--json");
    assert.deepEqual([ran.code, ran.err], [0, ""]);
    assert.deepEqual(JSON.parse(ran.out), {
      ...before,
      isAdminPending: false,
      wasMember: true,
      directory,
    });
    const told = await lab.run("join", token, "--no-up");
    const cluster = String(before.cluster).slice(0, 12);
    assert.ok(
      told.err.endsWith(
        `Already a member of cluster ${cluster}; took the invite's ` +
          "addresses; the invite was not used\n",
      ),
      told.err,
    );
    assert.deepEqual(await lab.id(), before);
    const [invite] = lab.ann.node.members.invites();
    assert.equal(invite?.used, 0, "and the invite can still be used");
    await lab.bob.start();
    await lab.cluster.until(
      "bob has a link to ann again",
      () => bobsPeers(lab).some(({ state }) => state === "connected"),
    );
  },
);

function bobsPeers({ bob }: Lab) {
  return bob.node.members.peers();
}

joinTest(
  "pln join of a member starts its node, and tells that it was denied",
  async (lab) => {
    const { terminal } = lab;
    await joinedAndLost(lab);
    const pid = 4712;
    const message = "This node was denied by a1: lost\u001b";
    const hint = "An admin can take that back: pln allow b2";
    terminal.variables.set("PLN_LAUNCHER", "/opt/pln/launcher.sh");
    let asked = 0;
    terminal.onLaunch = () => {
      terminal.serve({
        status: () => ({
          ...sampleStatus,
          node: { ...sampleStatus.node, processId: pid },
          nodes: [],
          // Its peers say so when it reaches them.
          alarms: asked++ < 5 ? [] : [{ message, hint }],
        }),
      });
      return { pid, exited: new Promise(() => {}) };
    };
    const ran = await lab.run("join", await lab.invite());
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.out, /^process +4712$/m);
    assert.match(
      ran.err,
      /\npln: This node was denied by a1: lost\ufffd\n {2}An admin can take/,
    );
  },
);

joinTest("pln join of a member that runs changes nothing", async (lab) => {
  await joinedAndLost(lab);
  lab.terminal.serve();
  const ran = await lab.run("join", await lab.invite());
  assert.deepEqual([ran.code, ran.out], [1, ""]);
  assert.match(
    ran.err,
    /cluster already, and its daemon runs\n {2}.*run "pln down", then this/,
  );
  assert.ok(!(await filesOf(lab.bob)).includes("peers.json"));
});

joinTest("pln join --name keeps the name in config.yaml", async (lab) => {
  const configOf = async () => {
    const disk = lab.bob.machine.disk.mount();
    const bytes = await disk.read("config.yaml", { bytesMax: 10_000 });
    return utf8TextLossy(bytes);
  };
  const disk = lab.bob.machine.disk.mount();
  await disk.writeAtomic("config.yaml", utf8("# mine\nhttp: 8081\n"));
  const join = async (name: string) =>
    await lab.run("join", await lab.invite(), "--no-up", "--name", name);
  assert.equal((await join("desk")).code, 0);
  assert.equal(await configOf(), "# mine\nhttp: 8081\nname: desk\n");
  assert.equal((await join("lamp")).code, 0, "a member is renamed too");
  assert.equal(await configOf(), "# mine\nhttp: 8081\nname: lamp\n");
});

joinTest(
  "S16: pln join again, after its certificate expired, is the same node",
  async (lab) => {
    assert.equal(
      (await lab.run("join", await lab.invite(), "--no-up")).code,
      0,
    );
    const before = await lab.id();
    lab.cluster.skip(8 * dayMs);
    await lab.cluster.pause(3_700_000); // for ann to see that it has to renew
    const token = await lab.invite({ tier: "publisher" });
    const ran = await lab.run("join", token, "--no-up", "--json");
    assert.equal(ran.code, 0, ran.err);
    assert.equal(JSON.parse(ran.out).peer, before.peer);
    assert.deepEqual(await filesOf(lab.bob), memberFiles);
    await lab.bob.start();
  },
);

/** Bob is the first node of a cluster of his own. */
async function foundAtBob(lab: Lab): Promise<Record<string, unknown>> {
  assert.equal((await lab.run("init")).code, 0);
  return await lab.id();
}

joinTest(
  "pln join of another cluster asks, and stays without a yes",
  async (lab) => {
    const before = await foundAtBob(lab);
    const own = String(before.cluster).slice(0, 12);
    const token = await lab.invite();
    const unasked = await lab.run("join", token, "--no-up");
    assert.equal(unasked.code, 2);
    assert.ok(
      unasked.err.endsWith(
        `pln: This node stays in cluster ${own}: nobody can be asked\n` +
          '  Add "--yes"\n',
      ),
      unasked.err,
    );
    lab.terminal.isTerminal = { ...lab.terminal.isTerminal, stdin: true };
    lab.terminal.answers = ["n"];
    const no = await lab.run("join", token, "--no-up");
    assert.equal(no.code, 2);
    assert.match(
      no.err,
      new RegExp(`in cluster ${own}\\. Leave that for clust`),
    );
    assert.deepEqual(await lab.id(), before);
    lab.terminal.answers = ["y"];
    assert.equal((await lab.run("join", token, "--no-up")).code, 0);
    const after = await lab.id();
    assert.equal(after.cluster, lab.ann.node.identity.cluster);
    assert.notEqual(after.peer, before.peer);
    const place = `old/${own.slice(0, 8)}-1`;
    const disk = lab.bob.machine.disk.mount();
    const kept = (await disk.list(`${place}/keys`)).map(({ name }) => name);
    assert.deepEqual(kept, ["authority.pem", "node.pem", "root.pem"]);
    const peers = await disk.read("peers.json", { bytesMax: 100_000 });
    assert.ok(utf8TextLossy(peers).includes(lab.ann.peer));
  },
);

joinTest(
  "pln join of another cluster that fails costs nothing",
  async (lab) => {
    const before = await foundAtBob(lab);
    const files = await filesOf(lab.bob);
    const token = await lab.invite();
    await lab.ann.stop();
    const ran = await lab.run("join", token, "--yes", "--no-up");
    assert.equal(ran.code, 6);
    assert.deepEqual(await lab.id(), before);
    assert.deepEqual(await filesOf(lab.bob), files);
  },
);

joinTest(
  "pln join by an invite for the node's present id keeps that id",
  async (lab) => {
    const before = await foundAtBob(lab);
    const token = await lab.invite({ subject: String(before.peer) });
    const ran = await lab.run("join", token, "--yes", "--no-up");
    assert.equal(ran.code, 0, ran.err);
    const after = await lab.id();
    assert.equal(after.peer, before.peer);
    assert.notEqual(after.cluster, before.cluster);
    await lab.bob.start();
  },
);

joinTest("pln join touches no directory that another holds", async (lab) => {
  const before = await foundAtBob(lab);
  const token = await lab.invite();
  await using _lock = await lab.bob.machine.disk.mount().lock("lock");
  const ran = await lab.run("join", token, "--yes", "--no-up");
  assert.deepEqual([ran.code, ran.out], [1, ""]);
  assert.match(ran.err, /\npln: Another pln command uses .*\n {2}Try again/);
  assert.deepEqual(await lab.id(), before);
  lab.terminal.serve();
  const running = await lab.run("join", token, "--yes", "--no-up");
  assert.equal(running.code, 1);
  assert.match(running.err, /A daemon uses .*\n {2}Stop it with "pln down"/);
});

joinTest(
  "pln join refuses a directory whose identity was lost",
  async (lab) => {
    await foundAtBob(lab);
    const disk = lab.bob.machine.disk.mount();
    await disk.writeAtomic("journal/00000001.log", utf8("PLNJ"));
    await disk.remove("certs/member.pem");
    const ran = await lab.run("join", await lab.invite(), "--no-up");
    assert.deepEqual([ran.code, ran.out], [1, ""]);
    assert.match(ran.err, /member\.pem" is missing, but a node ran here/);
  },
);

joinTest(
  "Ctrl-C while pln join waits exits with 130, and nothing is joined",
  async (lab) => {
    const token = await lab.invite();
    await lab.ann.stop();
    const joining = lab.run("join", token, "--no-up");
    await lab.cluster.pause(1_000);
    lab.terminal.signal("SIGINT");
    const ran = await joining;
    assert.deepEqual([ran.code, ran.out], [130, ""]);
    assert.match(
      ran.err,
      /Got SIGINT before the node had joined\n {2}Run the same/,
    );
    assert.equal((await lab.id()).cluster, undefined);
  },
);
