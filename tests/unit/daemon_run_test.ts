// A daemon's life: ready, one per directory, told what to do while it runs, and
// ended. Over simulated ports, in virtual time. It either starts whole or says
// why not and leaves nothing behind.

import assert from "node:assert/strict";
import {
  ConflictError,
  InputError,
  limits,
  type PlnError,
  ReportedError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { SeedRequest } from "../../src/control/mod.ts";
import { openSimWeb } from "../../src/sim/mod.ts";
import { version } from "../../src/version.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import {
  type DaemonLab,
  daemonTest,
  eventsOf,
  settings,
  startDaemon,
  stopDaemon,
} from "./daemon_lab.ts";

/** Where every daemon listens unless told. */
const mesh = { mesh: 60_611 };

daemonTest("runDaemon() answers when it is ready, and ends", async (lab) => {
  const daemon = await startDaemon(lab);
  const status = await daemon.status();
  assert.equal(status.node.name, "ann");
  assert.equal(status.node.version, version);
  assert.equal(status.node.processId, 4711);
  assert.equal(status.node.directory, "n");
  assert.equal(status.node.residentBytes, 12_345_678);
  assert.deepEqual(status.alarms, []);
  assert.deepEqual(status.seeds, []);
  assert.deepEqual(status.listeners, mesh);
  daemon.stop();
  await daemon.ended;
  await assert.rejects(daemon.status(), UnreachableError);
  const events = eventsOf(lab);
  assert.ok(events.includes("daemon.ready"));
  assert.equal(events.at(-1), "daemon.stopped");
});

daemonTest("runDaemon() publishes, calls and unpublishes", async (lab) => {
  const { client, ...daemon } = await startDaemon(lab);
  const config = { next: "b" };
  const made = await client.publishSeed("a", sampleModule(1), { config });
  assert.equal(made.replaces, undefined);
  assert.deepEqual(made.limits, {
    timeoutMs: 30_000,
    memoryBytes: 67_108_864,
    cpuMs: 10_000,
  });
  assert.deepEqual(made.isolation, { asked: "restore", inEffect: "restore" });
  assert.deepEqual(made.allowHosts, []);
  assert.ok(made.functions.includes("tag"));
  assert.equal(await daemon.call("a", "tag"), sampleTag(1));
  assert.equal(await daemon.call("a", "config"), "b");
  const next = await client.publishSeed("a", sampleModule(2), { config: {} });
  assert.equal(next.replaces, made.digest);
  assert.equal(await daemon.call("a", "tag"), sampleTag(2));
  await assert.rejects(daemon.call("a", "trap"), ReportedError);
  const [seed] = (await client.status()).seeds;
  assert.equal(seed?.digest, next.digest);
  assert.deepEqual([seed?.calls, seed?.errors, seed?.running], [4, 1, 0]);
  await client.unpublishSeed("a");
  await assert.rejects(client.unpublishSeed("a"), (error: PlnError) => {
    assert.equal(error.code, "PLN_NOT_FOUND");
    assert.equal(error.hint, "Publish one: pln seed ./module.wasm");
    return true;
  });
  await client.shutdown();
  await daemon.ended;
});

daemonTest("R05: runDaemon() publishes under no bad name", async (lab) => {
  const { client, ...daemon } = await startDaemon(lab);
  const names = ["", "a/b", "\0", "A", "a..b", "seed", "ü", "x".repeat(10_000)];
  for (const name of names) {
    const made = client.publishSeed(name, sampleModule(), { config: {} });
    await assert.rejects(made, (error: PlnError) => {
      assert.equal(error.outcome, "usage", name.slice(0, 40));
      assert.match(error.message, /is no seed name/);
      return true;
    });
  }
  for (const timeoutMs of [0, limits.callTimeoutMsMax + 1]) {
    const options = { config: {}, timeoutMs };
    await assert.rejects(
      client.publishSeed("a", sampleModule(), options),
      /timeout is from 1ms/,
    );
  }
  const refused: readonly (readonly [Partial<SeedRequest>, RegExp])[] = [
    [{ memoryBytes: limits.guestMemoryBytesMin - 1 }, /from 1MiB to 1GiB/],
    [{ memoryBytes: limits.guestMemoryBytesMax + 1 }, /from 1MiB to 1GiB/],
    [{ cpuMs: 0 }, /from 1ms to 1h/],
    [{ cpuMs: limits.callTimeoutMsMax + 1 }, /from 1ms to 1h/],
    [{ allowHosts: ["*"] }, /"\*" is no host to allow/],
    [{ allowHosts: ["a.example:0"] }, /"a\.example:0" is no host to allow/],
    [{ allowHosts: ["https://a.example"] }, /it has a scheme/],
    [{ allowHosts: manyHosts }, /16 hosts, not 17/],
  ];
  for (const [options, message] of refused) {
    const made = client.publishSeed("a", sampleModule(), {
      config: {},
      ...options,
    });
    await assert.rejects(made, (error: PlnError) => {
      assert.match(error.message, message);
      assert.ok(error.hint !== undefined, "and says what to type");
      return true;
    });
  }
  const config = { key: "x".repeat(limits.seedConfigBytesMax) };
  await assert.rejects(
    client.publishSeed("a", sampleModule(), { config }),
    /configuration may have/,
  );
  assert.deepEqual((await client.status()).seeds, []);
  await client.shutdown();
  await daemon.ended;
});

const manyHosts = Array.from({ length: 17 }, (_, at) => `h${at}.example`);

daemonTest(
  "runDaemon() shows all of a seed to who inspects it",
  async (lab) => {
    const { client, ...daemon } = await startDaemon(lab);
    await client.publishSeed("a", sampleModule(1), {
      config: { next: "secret", greeting: "secret" },
      timeoutMs: 60_000,
      memoryBytes: 1_048_576,
      cpuMs: 50,
      isolation: "fresh",
      allowHosts: ["B.example", "*.a.example:8443", "b.example"],
    });
    const { publishedMs, digest, owner, functions, usage, ...before } =
      await client.inspectSeed("a");
    const status = await client.status();
    const [seed] = status.seeds;
    assert.deepEqual(
      [publishedMs, digest, owner],
      [seed?.publishedMs, seed?.digest, status.node.peer],
    );
    assert.ok(functions?.includes("tag"));
    assert.deepEqual([usage.threads, usage.cpuMs], [1, 0]);
    assert.deepEqual(before, {
      version: 1,
      type: "seed",
      name: "a",
      ownerName: "ann",
      address: `a@${owner.slice(0, 8)}`,
      state: "ready",
      sizeBytes: sampleModule(1).length,
      configKeys: ["greeting", "next"],
      limits: { timeoutMs: 60_000, memoryBytes: 1_048_576, cpuMs: 50 },
      isolation: { asked: "fresh", inEffect: "fresh" },
      allowHosts: ["*.a.example:8443", "b.example"],
      calls: 0,
      errors: 0,
      errorsByReason: {},
      running: 0,
    });
    assert.equal(await daemon.call("a", "tag"), sampleTag(1));
    await assert.rejects(daemon.call("a", "trap"), ReportedError);
    await assert.rejects(daemon.call("a", "spin"), /50 ms of processor time/);
    await assert.rejects(daemon.call("a", "nothing"), ReportedError);
    const after = await client.inspectSeed("a");
    assert.deepEqual([after.calls, after.errors, after.running], [4, 3, 0]);
    assert.deepEqual(after.errorsByReason, {
      "trap": 1,
      "timeout": 1,
      "no-function": 1,
    });
    assert.ok(after.p50Ms !== undefined && after.p99Ms !== undefined);
    assert.ok(after.usage.cpuMs >= 50, `${after.usage.cpuMs} ms`);
    assert.ok(after.usage.peakBytes >= 65_536, `${after.usage.peakBytes}`);
    await client.shutdown();
    await daemon.ended;
  },
);

daemonTest(
  "runDaemon() tells what a replaced version ran with",
  async (lab) => {
    const { client, ...daemon } = await startDaemon(lab);
    const first = await client.publishSeed("a", sampleModule(1), {
      config: { next: "secret", greeting: "secret" },
      memoryBytes: 1_048_576,
      isolation: "fresh",
      allowHosts: ["a.example"],
    });
    assert.equal(first.before, undefined);
    const plain = { config: {} };
    const next = await client.publishSeed("a", sampleModule(1), plain);
    assert.deepEqual(next.before, {
      limits: {
        timeoutMs: limits.callTimeoutMsDefault,
        memoryBytes: 1_048_576,
        cpuMs: limits.callCpuMsDefault,
      },
      isolation: { asked: "fresh" },
      allowHosts: ["a.example"],
      configKeys: ["greeting", "next"],
    });
    assert.deepEqual(next.allowHosts, []);
    await client.shutdown();
    await daemon.ended;
  },
);

daemonTest("runDaemon() inspects a seed after a restart", async (lab) => {
  const first = await startDaemon(lab);
  await first.client.publishSeed("a", sampleModule(1), {
    config: {},
    isolation: "reuse",
    allowHosts: ["a.example"],
  });
  const before = await first.client.inspectSeed("a");
  await stopDaemon(first);
  const second = await startDaemon(lab);
  assert.equal((await second.status()).threads.running, 0, "nothing is loaded");
  const after = await second.client.inspectSeed("a");
  assert.deepEqual({ ...after, usage: before.usage }, before);
  assert.equal(after.isolation.asked, "reuse");
  await stopDaemon(second);
});

daemonTest(
  "runDaemon() says which seed a name may mean that means none",
  async (lab) => {
    const { client, ...daemon } = await startDaemon(lab);
    for (const name of ["hello", "shout"]) {
      await client.publishSeed(name, sampleModule(), { config: {} });
    }
    const hints = {
      "helo": 'Did you mean "hello"?',
      "shuot": 'Did you mean "shout"?',
      "orchard": "There is: hello, shout",
      "\0": "There is: hello, shout",
    };
    for (const [name, hint] of Object.entries(hints)) {
      const asked = [client.inspectSeed(name), client.unpublishSeed(name)];
      for (const ask of asked) {
        await assert.rejects(ask, (error: PlnError) => {
          assert.equal(error.outcome, "not-found");
          assert.equal(error.hint, hint, name);
          return true;
        });
      }
    }
    await client.shutdown();
    await daemon.ended;
  },
);

daemonTest(
  "R13: runDaemon() refuses what is no module, stores nothing",
  async (lab) => {
    const { client, ...daemon } = await startDaemon(lab);
    const whole = sampleModule();
    const bad = [
      new Uint8Array(0),
      new TextEncoder().encode("#!/bin/sh\n"),
      whole.slice(0, 4),
      whole.slice(0, 8),
      whole.slice(0, whole.length / 2),
    ];
    for (const [index, module] of bad.entries()) {
      const made = client.publishSeed("a", module, { config: {} });
      await assert.rejects(made, (error: PlnError) => {
        assert.equal(error.code, "PLN_SEED_INVALID", `${index}`);
        return true;
      });
    }
    assert.deepEqual(await lab.machine.disk.mount().list("store"), []);
    await client.shutdown();
    await daemon.ended;
  },
);

daemonTest(
  "runDaemon() refuses a directory that another holds",
  async (lab) => {
    const first = await startDaemon(lab);
    const process = lab.machine.spawn();
    await assert.rejects(startDaemon(lab, { process }), (error) => {
      assert.ok(error instanceof ConflictError);
      assert.match(error.message, /A daemon already runs in "n"/);
      assert.match(error.hint ?? "", /pln down/);
      return true;
    });
    assert.equal((await first.status()).node.name, "ann");
    await stopDaemon(first);
    const second = await startDaemon(lab);
    assert.equal((await second.status()).node.name, "ann");
    await stopDaemon(second);
  },
);

daemonTest("runDaemon() ends at once when it was told before", async (lab) => {
  const daemon = await startDaemon(lab, { isStopped: true });
  await daemon.ended;
  assert.equal(lab.world.nowMs < 1_000, true);
});

daemonTest("runDaemon() waits for calls under way", async (lab) => {
  const daemon = await startDaemon(lab);
  await daemon.client.publishSeed("a", sampleModule(), { config: {} });
  const nap = daemon.call("a", "nap", "zzz");
  const called = lab.world.nowMs;
  await daemon.process.clock.sleep(500, new AbortController().signal);
  daemon.stop();
  assert.equal(await nap, "");
  assert.ok(lab.world.nowMs - called >= 3_000);
  await daemon.ended;
  assert.ok(lab.world.nowMs - called < 3_500);
  assert.ok(!eventsOf(lab).includes("daemon.drain_late"));
});

daemonTest(
  "runDaemon() waits 10 s for a call, and says what ended it",
  async (lab) => {
    const daemon = await startDaemon(lab);
    await daemon.client.publishSeed("a", sampleModule(), { config: {} });
    const nap = assert.rejects(
      daemon.call("a", "nap", "z".repeat(25)),
      isReport("PLN_STOPPED", /^The node stopped before the call ended$/),
    );
    const { clock } = daemon.process;
    const { signal } = new AbortController();
    await clock.sleep(500, signal);
    const stopped = lab.world.nowMs;
    daemon.stop();
    await clock.sleep(1, signal);
    await assert.rejects(
      daemon.status(),
      isReport("PLN_STOPPING", /^The node is stopping \(process 4711\)$/),
    );
    await daemon.ended;
    await nap;
    const tookMs = lab.world.nowMs - stopped;
    assert.ok(tookMs >= limits.drainMsMax && tookMs < 11_000, `${tookMs}`);
    assert.ok(eventsOf(lab).includes("daemon.drain_late"));
    await assert.rejects(daemon.status(), /Nobody listens/);
  },
);

function isReport(code: string, message: RegExp) {
  return (error: PlnError) => {
    assert.match(error.message, message);
    assert.deepEqual([error.code, error.outcome], [code, "unreachable"]);
    assert.ok(error.hint !== undefined, "and says what to do");
    return true;
  };
}

daemonTest(
  "runDaemon() says that it is starting until it is ready",
  async (lab) => {
    const process = lab.machine.boot();
    const { web } = process.ports;
    const early = Promise.withResolvers<Response>();
    const asking: typeof web = {
      request: web.request.bind(web),
      serve: async (address, handle) => {
        const server = await web.serve(address, handle);
        if (address.type === "unix") {
          early.resolve(await handle(new Request("http://pln/v1/status")));
        }
        return server;
      },
    };
    const daemon = await startDaemon(lab, { process, needs: { web: asking } });
    const answer = await early.promise;
    assert.equal(answer.headers.get("pln-version"), version);
    const { code, message } = await answer.json();
    assert.equal(code, "PLN_STARTING");
    assert.equal(message, "The node is starting (process 4711)");
    assert.equal((await daemon.status()).node.processId, 4711);
    await stopDaemon(daemon);
  },
);

async function scrape(
  { machine: _ }: DaemonLab,
  daemon: Awaited<ReturnType<typeof startDaemon>>,
  { port, path }: { readonly port: number; readonly path: string },
): Promise<Response> {
  const ip = path === "/site" ? "0.0.0.0" : "127.0.0.1";
  const { web } = daemon.process.ports;
  const request = new Request(`http://${ip}:${port}${path}`);
  return await web.request({ type: "tcp", ip, port }, request);
}

daemonTest("runDaemon() takes over settings at a reload", async (lab) => {
  const daemon = await startDaemon(lab);
  assert.deepEqual(await daemon.client.reload(), {
    applied: [],
    needRestart: [],
  });
  daemon.settings = {
    name: "bob",
    logLevel: "debug",
    http: 8081,
    staticHttp: 8080,
  };
  const reloaded = await daemon.client.reload();
  assert.deepEqual([...reloaded.applied].sort(), [
    "http",
    "log-level",
    "static-http",
  ]);
  assert.deepEqual(reloaded.needRestart, ["name"]);
  assert.equal(daemon.logLevels.at(-1), "debug");
  const { listeners, node } = await daemon.status();
  assert.deepEqual(listeners, { ...mesh, "http": 8081, "static-http": 8080 });
  assert.equal(node.name, "ann");
  const metrics = await scrape(lab, daemon, { port: 8081, path: "/metrics" });
  assert.match(metrics.headers.get("content-type") ?? "", /version=0\.0\.4/);
  assert.match(await metrics.text(), /^pln_uptime_seconds /m);
  const health = await scrape(lab, daemon, { port: 8081, path: "/healthz" });
  assert.equal(await health.text(), "ok\n");
  const other = await scrape(lab, daemon, { port: 8081, path: "/x" });
  assert.equal(other.status, 404);
  const site = await scrape(lab, daemon, { port: 8080, path: "/site" });
  assert.equal(site.status, 421);
  daemon.settings = settings;
  assert.equal((await daemon.client.reload()).applied.length, 3);
  assert.deepEqual((await daemon.status()).listeners, mesh);
  await stopDaemon(daemon);
});

daemonTest(
  "runDaemon() keeps its settings when new ones are bad",
  async (lab) => {
    const daemon = await startDaemon(lab, {
      settings: { ...settings, http: 8081 },
    });
    daemon.settings = new InputError("config.yaml:3: unknown key");
    await assert.rejects(daemon.client.reload(), /config.yaml:3/);
    assert.deepEqual((await daemon.status()).listeners, {
      ...mesh,
      http: 8081,
    });
    assert.deepEqual(daemon.logLevels, []);
    await stopDaemon(daemon);
  },
);

daemonTest("runDaemon() takes reloads at once one by one", async (lab) => {
  const daemon = await startDaemon(lab);
  daemon.settings = { ...settings, http: 8081 };
  const all = [daemon.client.reload(), daemon.client.reload()];
  daemon.settings = { ...settings, http: 8082 };
  all.push(daemon.client.reload());
  await Promise.all(all);
  const status = await daemon.status();
  assert.deepEqual(status.listeners, { ...mesh, http: 8082 });
  assert.deepEqual(status.alarms, []);
  await stopDaemon(daemon);
});

daemonTest("runDaemon() runs on without a port that is in use", async (lab) => {
  const process = lab.machine.boot();
  const address = { type: "tcp", ip: "127.0.0.1", port: 80 } as const;
  const other = await process.ports.web.serve(
    address,
    () => Promise.resolve(new Response("other")),
  );
  const daemon = await startDaemon(lab, {
    process,
    settings: { ...settings, http: 80 },
  });
  const { alarms, listeners } = await daemon.status();
  assert.deepEqual(listeners, mesh);
  assert.match(alarms[0]?.message ?? "", /^http cannot listen: .* in use$/);
  assert.equal(alarms[0]?.hint, "Choose another port: pln set http <port>");
  // A reload that cannot apply a port does not say that it did.
  daemon.settings = { ...settings, logLevel: "warn", staticHttp: 8080 };
  assert.equal((await daemon.client.reload()).applied.length, 3);
  daemon.settings = { ...settings, http: 80 };
  const { applied } = await daemon.client.reload();
  assert.deepEqual([...applied].sort(), ["log-level", "static-http"]);
  await other[Symbol.asyncDispose]();
  await daemon.client.reload();
  const mended = await daemon.status();
  assert.deepEqual(mended.alarms, []);
  assert.deepEqual(mended.listeners, { ...mesh, http: 80 });
  await stopDaemon(daemon);
});

daemonTest(
  "runDaemon() fails when its socket is taken, and frees all",
  async (lab) => {
    const process = lab.machine.boot();
    const web = openSimWeb({ clock: process.clock, onError: () => {} });
    const blocked = {
      request: web.request.bind(web),
      serve: (
        address: Parameters<typeof web.serve>[0],
        handle: Parameters<typeof web.serve>[1],
      ) =>
        address.type === "unix"
          ? Promise.reject(new ConflictError("Address is in use"))
          : web.serve(address, handle),
    };
    const failing = startDaemon(lab, {
      process,
      settings: { ...settings, http: 8081 },
      needs: { web: blocked },
    });
    await assert.rejects(failing, /Address is in use/);
    const address = { type: "tcp", ip: "127.0.0.1", port: 8081 } as const;
    const request = new Request("http://127.0.0.1:8081/healthz");
    await assert.rejects(web.request(address, request), UnreachableError);
    process.end();
    await stopDaemon(await startDaemon(lab)); // the lock is free too
  },
);

daemonTest("runDaemon() sweeps the directory under its lock", async (lab) => {
  const swept: (AsyncDisposable | undefined)[] = [];
  const sweepDirectory = async () => {
    swept.push(await lab.machine.disk.mount().lock("lock"));
    return 3;
  };
  await stopDaemon(await startDaemon(lab, { needs: { sweepDirectory } }));
  assert.deepEqual(swept, [undefined]);
  const record = lab.machine.log.records.find(({ event }) =>
    event === "directory.swept"
  );
  assert.deepEqual(record?.fields, { files: 3 });
});

daemonTest("runDaemon() starts although the sweep fails", async (lab) => {
  const daemon = await startDaemon(lab, {
    needs: { sweepDirectory: () => Promise.reject(new Error("denied")) },
  });
  assert.deepEqual((await daemon.status()).alarms, []);
  await stopDaemon(daemon);
  assert.ok(eventsOf(lab).includes("daemon.task_failed"));
});
