// The CLI's end of the control API: what it sends, how errors of the daemon
// come back, and answers that no daemon of ours would give. An answer that is
// not understood is the daemon's fault, never the user's.

import assert from "node:assert/strict";
import { ControlClient } from "../../src/control/mod.ts";
import {
  ConflictError,
  CorruptError,
  DeniedError,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  type PlnError,
  ReportedError,
  UnreachableError,
  utf8,
} from "../../src/kernel/mod.ts";
import { ConnectionLostError, DiskError } from "../../src/ports/mod.ts";
import { SaturatedError, SeedError } from "../../src/threads/errors.ts";
import { version } from "../../src/version.ts";
import { sampleDetails, sampleStatus } from "./cli_world.ts";
import { controlTest } from "./control_lab.ts";

controlTest("ControlClient returns what the daemon answers", {
  call: (target, input, { timeoutMs }) =>
    Promise.resolve(
      utf8(JSON.stringify({ target, input: [...input], timeoutMs })),
    ),
  publishSeed: (name, module, request) =>
    Promise.resolve({
      name,
      digest: JSON.stringify(request),
      sizeBytes: module.length,
      functions: ["f"],
      replaces: "old",
    }),
}, async ({ client }) => {
  assert.equal(client.daemonVersion, undefined);
  assert.deepEqual(await client.status(), sampleStatus);
  assert.equal(client.daemonVersion, version);
  const request = {
    config: { "k=&?#%": "v\n\u00fc" },
    timeoutMs: 7,
    memoryBytes: 8,
    cpuMs: 9,
    isolation: "reuse",
    allowHosts: ["*.example", "[::1]"],
  } as const;
  assert.deepEqual(await client.publishSeed("a", utf8("mod"), request), {
    name: "a",
    digest: JSON.stringify(request),
    sizeBytes: 3,
    functions: ["f"],
    replaces: "old",
  });
  assert.deepEqual(
    await client.inspectSeed("a b/ü%"),
    { ...sampleDetails, name: "a b/ü%" },
  );
  const target = { seed: "a b/ü%", function: "\0?#&" };
  const output = await client.call(target, new Uint8Array([1, 2]), {
    timeoutMs: 5,
  });
  assert.deepEqual(JSON.parse(new TextDecoder().decode(output)), {
    target,
    input: [1, 2],
    timeoutMs: 5,
  });
  await client.unpublishSeed("a");
  await client.acceptLoss();
  assert.deepEqual(await client.reload(), {
    applied: ["log-level"],
    needRestart: ["http"],
  });
  await client.shutdown();
});

const failures: readonly PlnError[] = [
  new InputError("input", { hint: "do this" }),
  new LimitError("limit"),
  new NotFoundError("not found", { hint: "look there" }),
  new DeniedError("denied"),
  new ConflictError("conflict"),
  new CorruptError("corrupt"),
  new UnreachableError("unreachable"),
  new DiskError("full", "no space"),
  new SeedError("timeout", "too late"),
  new SeedError("no-function", "no such function"),
  new SaturatedError("busy", { hint: "later" }),
  new InputError('quotes " and \\ and \u2028 and \u0000'),
];

for (const [index, failure] of failures.entries()) {
  controlTest(
    `ControlClient throws what the daemon reports: ${failure.code} ${index}`,
    { unpublishSeed: () => Promise.reject(failure) },
    async ({ client, records }) => {
      await assert.rejects(client.unpublishSeed("a"), (error) => {
        assert.ok(error instanceof ReportedError);
        assert.equal(error.code, failure.code);
        assert.equal(error.kind, failure.kind);
        assert.equal(error.outcome, failure.outcome);
        assert.equal(error.message, failure.message);
        assert.equal(error.hint, failure.hint);
        return true;
      });
      assert.equal(client.daemonVersion, version);
      assert.deepEqual(records, []);
    },
  );
}

{
  let shutdowns = 0;
  controlTest("ControlClient sends no name that would be another path", {
    shutdown: () => void shutdowns++,
    acceptLoss: () => Promise.reject(new Error("never asked")),
  }, async ({ client }) => {
    // As a URL, /v1/calls/../shutdown is /v1/shutdown.
    const calls = [["..", "shutdown"], [".", "x"], ["a", ".."], [
      "..",
      "recover",
    ]];
    for (const [seed = "", fn = ""] of calls) {
      const target = { seed, function: fn };
      await assert.rejects(client.call(target, utf8("")), InputError);
    }
    for (const name of ["..", ".", "\ud800"]) {
      await assert.rejects(client.unpublishSeed(name), InputError);
      await assert.rejects(client.inspectSeed(name), InputError);
      const request = client.publishSeed(name, utf8(""), { config: {} });
      await assert.rejects(request, InputError);
    }
    assert.equal(shutdowns, 0);
  });
}

controlTest(
  "ControlClient refuses a request line that no server takes",
  {},
  async ({ client }) => {
    const config = { key: "x".repeat(limits.controlRequestBytesMax) };
    await assert.rejects(
      client.publishSeed("a", utf8(""), { config }),
      LimitError,
    );
    const target = { seed: "a".repeat(100_000), function: "f" };
    await assert.rejects(client.call(target, utf8("")), LimitError);
  },
);

const strange: readonly (readonly [string, () => Response, RegExp])[] = [
  ["no JSON", () => new Response("<html>"), /makes no sense/],
  ["half of JSON", () => new Response('{"version":1'), /makes no sense/],
  ["an empty body", () => new Response(), /makes no sense/],
  ["another shape", () => Response.json({ version: 1 }), /makes no sense/],
  [
    "a later version",
    () => Response.json({ ...sampleStatus, version: 2 }),
    /makes no sense/,
  ],
  ["not UTF-8", () => new Response(new Uint8Array([0xff])), /makes no sense/],
  ["a bare 500", () => new Response(undefined, { status: 500 }), /HTTP 500/],
  ["a broken report", () => new Response("{", { status: 400 }), /HTTP 400/],
  [
    "a report of another shape",
    () => Response.json({ code: "X" }, { status: 404 }),
    /HTTP 404/,
  ],
  [
    "text with an error status",
    () => new Response("Not here\n", { status: 404 }),
    /HTTP 404/,
  ],
  [
    "a redirect",
    () => new Response(undefined, { status: 302, headers: { location: "/" } }),
    /HTTP 302/,
  ],
];

for (const [what, answer, message] of strange) {
  controlTest(
    `ControlClient blames the daemon for ${what}`,
    { handle: () => Promise.resolve(answer()) },
    async ({ client }) => {
      await assert.rejects(client.status(), (error) => {
        assert.ok(error instanceof UnreachableError);
        assert.match(error.message, message);
        assert.match(error.hint ?? "", /pln restart/);
        return true;
      });
      assert.equal(client.daemonVersion, undefined);
    },
  );
}

controlTest(
  "ControlClient takes members of a later version for no fault",
  { handle: () => Promise.resolve(Response.json({ ...sampleStatus, new: 1 })) },
  async ({ client }) => {
    assert.equal((await client.status()).node.name, "ann");
  },
);

controlTest(
  "S17: ControlClient reads what a daemon of 0.1 answers",
  {
    handle: (request) =>
      Promise.resolve(Response.json(
        request.method === "PUT"
          ? { name: "a", digest: "d", sizeBytes: 1, functions: ["f"] }
          : { ...sampleStatus, threads: { running: 2, abandoned: 1 } },
      )),
  },
  async ({ client }) => {
    const made = await client.publishSeed("a", utf8("m"), { config: {} });
    assert.deepEqual([made.limits, made.isolation], [undefined, undefined]);
    const { threads } = await client.status();
    assert.deepEqual(threads, { running: 2, lost: 0 });
  },
);

controlTest(
  "ControlClient takes an answer about something else for a fault",
  {
    handle: () =>
      Promise.resolve(Response.json({ ...sampleDetails, type: "orchard" })),
  },
  async ({ client }) => {
    await assert.rejects(client.inspectSeed("a"), /makes no sense/);
  },
);

controlTest(
  "ControlClient reads no endless answer",
  {
    handle: () => {
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(4_000_000)),
      });
      return Promise.resolve(new Response(body));
    },
  },
  async ({ client }) => {
    await assert.rejects(client.status(), LimitError);
  },
);

controlTest(
  "ControlClient says when no daemon listens",
  {},
  async ({ process }) => {
    const client = new ControlClient(process.ports.web, "/run/other.sock");
    await assert.rejects(client.status(), UnreachableError);
  },
);

controlTest(
  "ControlClient says when the daemon goes away while it answers",
  {
    handle: () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(utf8('{"version"')),
        pull: (controller) => controller.error(new Error("killed")),
      });
      return Promise.resolve(new Response(body));
    },
  },
  async ({ client }) => {
    await assert.rejects(client.status(), (error) => {
      assert.ok(error instanceof UnreachableError);
      assert.match(error.message, /went away while it answered/);
      assert.match(error.hint ?? "", /pln logs/);
      return true;
    });
  },
);

controlTest(
  "ControlClient says that nobody knows what became of a call",
  {
    handle: async (request) => {
      if (new URL(request.url).pathname.endsWith("half")) {
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) => controller.error(new Error("killed")),
        });
        return new Response(body);
      }
      return await new Promise(() => {});
    },
  },
  async ({ client, cut, world }) => {
    const call = (fn: string) =>
      client.call({ seed: "a", function: fn }, utf8(""));
    const isUnknown = (error: unknown) => {
      assert.ok(error instanceof ConnectionLostError);
      assert.match(error.message, /middle of the call: its outcome is unknown/);
      assert.match(error.hint ?? "", /before you call again/);
      return true;
    };
    await assert.rejects(call("half"), isUnknown);
    world.after(5, () => void cut());
    await assert.rejects(call("f"), isUnknown);
    await assert.rejects(call("f"), /Nobody listens/);
  },
);

controlTest(
  "ControlClient takes a bare 503 for a node that stopped",
  { handle: () => Promise.resolve(new Response(undefined, { status: 503 })) },
  async ({ client }) => {
    await assert.rejects(client.status(), (error) => {
      assert.ok(error instanceof UnreachableError);
      assert.match(error.message, /^The node stopped before it answered$/);
      assert.match(error.hint ?? "", /when it is up/);
      return true;
    });
  },
);

controlTest(
  "ControlClient gives up with the signal's reason",
  { call: () => new Promise(() => {}) },
  async ({ client, world }) => {
    const leave = new AbortController();
    const target = { seed: "a", function: "f" };
    const { signal } = leave;
    const calling = client.call(target, utf8(""), { signal });
    world.after(5, () => leave.abort(new Error("enough")));
    await assert.rejects(calling, /enough/);
    const late = client.call(target, utf8(""), { signal });
    await assert.rejects(late, /enough/);
  },
);
