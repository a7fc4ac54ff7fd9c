// `pln up`, `down` and `restart`: the daemon in the foreground with its
// signals, and the starter with every way in which a start can end. In the
// foreground the node is the real one, over ports in memory.

import assert from "node:assert/strict";
import {
  ConflictError,
  InputError,
  reportError,
  UnreachableError,
  utf8,
} from "../../src/kernel/mod.ts";
import type { Launched } from "../../src/cli/mod.ts";
import {
  CliWorld,
  directory,
  sampleDaemon,
  sampleStatus,
  socketPath,
} from "./cli_world.ts";

const pid = 99;
/** Each start has one of its own, by the id of its process. */
const errorFile = "pln.err.4711";
const errorPath = `${directory}/${errorFile}`;

async function initialised(): Promise<CliWorld> {
  const world = new CliWorld();
  assert.equal((await world.run("init")).code, 0);
  world.variables.set("PLN_LAUNCHER", "/opt/pln/launcher.sh");
  return world;
}

const running: Launched = { pid, exited: new Promise(() => {}) };

function ended(code: number | undefined, signal?: string): Launched {
  return { pid, exited: Promise.resolve({ code, signal }) };
}

Deno.test("pln up runs a daemon until a signal, and drains", async () => {
  const world = await initialised();
  const up = world.run("up");
  await world.served;
  const status = await world.run("status", "--json");
  assert.equal(status.code, 0, status.err);
  const { node } = JSON.parse(status.out);
  assert.deepEqual(
    [node.processId, node.name, node.directory],
    [4711, "ann-s-laptop", directory],
  );
  world.signal("SIGTERM");
  const ran = await up;
  assert.deepEqual([ran.code, ran.out], [0, ""]);
  assert.equal((await world.run("status")).code, 6);
});

Deno.test("pln up makes a cluster where there is none, and says so", async () => {
  const world = new CliWorld();
  const up = world.run("up", "--name", "first");
  await world.served;
  const status = JSON.parse((await world.run("status", "--json")).out);
  assert.equal(status.node.name, "first");
  world.signal("SIGINT");
  const ran = await up;
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.err, /There was no node in .*: made cluster [0-9a-f]{12}/);
  assert.ok(ran.err.includes(status.node.peer.slice(0, 12)));
  assert.match(ran.err, /Back up keys\/ and certs\//);
});

Deno.test("pln up ends at once with 130 on the second signal", async () => {
  const world = await initialised();
  const up = world.run("up");
  await world.served;
  world.signal("SIGINT");
  world.signal("SIGINT");
  assert.equal((await up).code, 130);
  await world.released;
});

Deno.test("pln down stops a daemon and returns when its lock is free", async () => {
  const world = await initialised();
  const up = world.run("up");
  await world.served;
  // Each look at the lock waits until the real daemon has ended.
  world.onSleep = async () => void await up;
  const down = await world.run("down");
  assert.deepEqual([down.code, down.out], [0, "Stopped process 4711\n"]);
  assert.equal((await up).code, 0);
  await using lock = await world.disk().lock("lock");
  assert.ok(lock !== undefined, "the lock is free");
});

Deno.test("pln down waits for the lock, and names who keeps it", async () => {
  const world = await initialised();
  let asked = 0;
  world.serve({ shutdown: () => void asked++ });
  const lock = await world.disk().lock("lock");
  const stuck = await world.run("down");
  assert.equal(stuck.code, 1);
  assert.match(stuck.err, /Process 99 is still there after 15 s\n.*kill -9 99/);
  world.onSleep = () => lock?.[Symbol.asyncDispose]();
  const ran = await world.run("down", "--json");
  assert.deepEqual(JSON.parse(ran.out), { version: 1, processId: pid });
  assert.equal(asked, 2);
});

Deno.test("a second pln up names the first's process and exits 1", async () => {
  const world = await initialised();
  world.serve();
  for (const words of [["up"], ["up", "-d"], ["up", "--detach"]]) {
    const ran = await world.run(...words);
    assert.equal(ran.code, 1);
    assert.match(ran.err, /A daemon runs in .* already \(process 99\)\n.*down/);
  }
  assert.deepEqual(world.launches, []);
});

Deno.test("pln up refuses a directory that another process holds", async () => {
  const world = await initialised();
  await using _lock = await world.disk().lock("lock");
  const ran = await world.run("up");
  assert.equal(ran.code, 1);
  assert.equal(world.isServing, false);
});

Deno.test("pln up -d starts the launcher and returns when it answers", async () => {
  const world = await initialised();
  world.variables.set("PLN_HTTP", "off");
  world.variables.set("SECRET", "s");
  world.onLaunch = () => running;
  world.onSleep = (number) => {
    if (number === 3) world.serve();
  };
  const ran = await world.run("up", "-d", "--static-http", "8080", "--json");
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual(
    [JSON.parse(ran.out).processId, JSON.parse(ran.out).socket],
    [pid, socketPath],
  );
  assert.deepEqual(world.launches, [{
    command: "/opt/pln/launcher.sh",
    args: [
      ...["up", "--quiet", "--json", "--dir", directory],
      ...["--static-http", "8080"],
    ],
    env: { HOME: "/home/ann", PLN_HTTP: "off" },
    logPath: errorPath,
  }]);
});

Deno.test("pln up -d makes a cluster before it starts anything", async () => {
  const world = new CliWorld();
  world.variables.set("PLN_LAUNCHER", "/opt/pln/launcher.sh");
  world.onLaunch = () => {
    world.serve();
    return running;
  };
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.err, /made cluster/);
  assert.equal((await world.disk().list("keys")).length, 3);
});

Deno.test("pln up -d gives the daemon's own reason and exit code", async () => {
  const world = await initialised();
  const failure = new InputError("config.yaml:2: bad", { hint: "Edit it" });
  const line = JSON.stringify({ error: reportError(failure) });
  world.onLaunch = async () => {
    await world.disk().writeAtomic(errorFile, utf8(`noise\n${line}\n`));
    return ended(2);
  };
  const ran = await world.run("up", "-d");
  assert.deepEqual(
    [ran.code, ran.err],
    [2, "pln: config.yaml:2: bad\n  Edit it\n"],
  );
  assert.deepEqual(await errorFiles(world), [], "it was told");
});

Deno.test("pln up -d shows the last line of a daemon that died without one", async () => {
  const world = await initialised();
  const deaths = [
    [ended(70), /The daemon ended with exit code 70: thread panicked/, 70],
    [ended(undefined, "SIGSEGV"), /was ended by SIGSEGV: thread panicked/, 1],
    [ended(0), /ended with exit code 0: thread panicked/, 1],
  ] as const;
  for (const [launched, says, code] of deaths) {
    world.onLaunch = async () => {
      await world.disk().writeAtomic(
        errorFile,
        utf8("thread panicked\u001b\n\n"),
      );
      return launched;
    };
    const ran = await world.run("up", "-d");
    assert.equal(ran.code, code);
    assert.match(ran.err, says);
    assert.match(ran.err, /See .*\/pln\.err\.4711 and "pln logs"/);
    assert.ok(!ran.err.includes("\u001b"));
  }
});

async function errorFiles(world: CliWorld): Promise<readonly string[]> {
  const names = (await world.disk().list("")).map(({ name }) => name);
  return names.filter((name) => name.startsWith("pln.err"));
}

Deno.test("pln up -d takes no other start's daemon for its own", async () => {
  const world = await initialised();
  const failure = new ConflictError("A daemon runs here already");
  const line = JSON.stringify({ error: reportError(failure) });
  const end = Promise.withResolvers<Awaited<Launched["exited"]>>();
  world.onLaunch = async () => {
    await world.disk().writeAtomic("pln.err", utf8("the winner's\n"));
    await world.disk().writeAtomic(errorFile, utf8(`${line}\n`));
    world.serve(); // process 99: another start was faster
    return { pid: 100, exited: end.promise };
  };
  world.onSleep = (number) => {
    if (number === 2) end.resolve({ code: 1, signal: undefined });
  };
  const ran = await world.run("up", "-d", "--http", "39472");
  assert.deepEqual(
    [ran.code, ran.out, ran.err],
    [1, "", "pln: A daemon runs here already\n"],
  );
  assert.deepEqual(await errorFiles(world), ["pln.err"], "the winner's stays");
});

Deno.test("pln up -d names the faster start that removed its file", async () => {
  const world = await initialised();
  world.onLaunch = () => {
    world.serve();
    return { ...ended(1), pid: 100 };
  };
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /A daemon runs in .* already \(process 99\)\n.*down/);
  world.stopServing();
  world.onLaunch = () => ended(70);
  const alone = await world.run("up", "-d");
  assert.equal(alone.code, 70);
  assert.match(alone.err, /The daemon ended with exit code 70\n.*pln logs/);
});

Deno.test("pln up -d keeps its daemon's error file and no older one", async () => {
  const world = await initialised();
  for (const name of ["pln.err", "pln.err.12", "pln.errors"]) {
    await world.disk().writeAtomic(name, utf8("old"));
  }
  world.onLaunch = async () => {
    await world.disk().writeAtomic(errorFile, utf8("new"));
    world.serve();
    return running;
  };
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual(await errorFiles(world), ["pln.err", "pln.errors"]);
  const kept = await world.disk().read("pln.err", { bytesMax: 10 });
  assert.deepEqual(kept, utf8("new"));
});

Deno.test("pln up -d gives up after 30 s", async () => {
  const world = await initialised();
  world.onLaunch = () => running;
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /Process 99 does not answer after 30 s/);
  assert.ok(world.nowMs >= 30_000 && world.nowMs < 31_000);
});

Deno.test("pln up -d without a launcher says what is missing", async () => {
  const world = await initialised();
  world.variables.delete("PLN_LAUNCHER");
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /Nothing is known that could start[^]*PLN_LAUNCHER/);
});

Deno.test("pln restart stops what runs and starts it again", async () => {
  const world = await initialised();
  world.serve({ ...sampleDaemon, shutdown: () => world.stopServing() });
  world.onLaunch = () => {
    world.serve();
    return running;
  };
  const ran = await world.run("restart", "--log-level", "debug");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.err, /^Stopped process 99\n$/);
  assert.deepEqual(world.launches[0]?.args.slice(-2), ["--log-level", "debug"]);
  assert.match(ran.out, /^node +ann\n[^]*process +99\n/);
});

Deno.test("pln restart starts a node that did not run", async () => {
  const world = await initialised();
  world.onLaunch = () => {
    world.serve();
    return running;
  };
  const ran = await world.run("restart");
  assert.deepEqual([ran.code, ran.err], [0, "No daemon ran\n"]);
});

Deno.test("pln restart makes no node where there is none", async () => {
  const world = new CliWorld();
  const ran = await world.run("restart");
  assert.deepEqual([ran.code, ran.out], [3, ""]);
  assert.match(ran.err, /There is no node in .* to restart\n {2}.*pln up -d/);
  assert.deepEqual(await world.disk().list(""), []);
  assert.deepEqual(world.launches, []);
});

Deno.test("pln up makes no cluster for a node that was to join one", async () => {
  for (const words of [["up"], ["up", "-d"]]) {
    const world = new CliWorld();
    const id = await world.run("id");
    const ran = await world.run(...words);
    assert.deepEqual([ran.code, ran.out], [1, ""]);
    assert.match(ran.err, /is in no cluster yet\n {2}.*pln join.*"pln init"/);
    assert.deepEqual(await world.disk().list("certs"), []);
    const made = await world.run("init", "--json");
    assert.equal(`${JSON.parse(made.out).peer}\n`, id.out);
  }
});

Deno.test("pln up goes on with a cluster that was made halfway", async () => {
  const world = await initialised();
  await world.disk().remove("certs/member.pem");
  world.onLaunch = () => {
    world.serve();
    return running;
  };
  const ran = await world.run("up", "-d");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.err, /made cluster/);
});

Deno.test("pln restart does not stop a daemon that could not start again", async () => {
  const world = await initialised();
  let stopped = 0;
  world.serve({ shutdown: () => void stopped++ });
  const ran = await world.run("restart", "--http", "x");
  assert.deepEqual([ran.code, stopped], [2, 0]);
});

Deno.test("pln recover --accept-loss tells the daemon", async () => {
  const world = new CliWorld();
  const hint = 'Run "pln recover --accept-loss"';
  let accepted = 0;
  world.serve({
    status: () => ({
      ...sampleStatus,
      alarms: accepted === 0 ? [{ message: "Records are damaged", hint }] : [],
    }),
    acceptLoss: () => {
      accepted++;
      return Promise.resolve();
    },
  });
  const ran = await world.run("recover", "--accept-loss");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /^The node goes on without what was lost; see "pln st/);
  const again = await world.run("recover", "--accept-loss");
  assert.deepEqual([again.code, again.out], [
    0,
    "Nothing of the node's state was lost: nothing was given up\n",
  ]);
  world.serve({
    acceptLoss: () => Promise.reject(new UnreachableError("closing")),
  });
  assert.equal((await world.run("recover", "--accept-loss")).code, 6);
});
