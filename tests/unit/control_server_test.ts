// The daemon's end of the control API: every route, and every way in which a
// request can be malformed. Requests are raw, as a stranger would send them.
// Each refusal is a report with a code and the status of its outcome.

import assert from "node:assert/strict";
import {
  type CallRun,
  ControlServer,
  versionHeader,
} from "../../src/control/mod.ts";
import {
  LimitError,
  limits,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { version } from "../../src/version.ts";
import {
  sampleDaemon,
  sampleDetails,
  sampleStatus,
  silentLog,
} from "./cli_world.ts";
import { type ControlLab, controlTest, reportOf } from "./control_lab.ts";

type Refused = {
  readonly status: number;
  readonly code: string;
  readonly message: RegExp;
};

async function assertRefused(answer: Response, wanted: Refused): Promise<void> {
  const report = await reportOf(answer);
  assert.match(report.message, wanted.message);
  assert.equal(report.code, wanted.code);
  assert.equal(answer.status, wanted.status);
  assert.equal(answer.headers.get(versionHeader), version);
}

const denied: Refused = {
  status: 403,
  code: "PLN_DENIED",
  message: /does not answer browsers/,
};
const unknown: Refused = {
  status: 404,
  code: "PLN_NOT_FOUND",
  message: /^The daemon has no /,
};
const malformed: Refused = {
  status: 400,
  code: "PLN_INPUT",
  message: /./,
};

/** Handlers that note what reached them. */
function noting() {
  const seen: unknown[] = [];
  const note = (value: unknown) => {
    seen.push(value);
    return Promise.resolve();
  };
  return {
    seen,
    publishSeed: async (name: string, module: Uint8Array, spec: object) => {
      await note({ name, bytes: module.length, spec });
      return { name, digest: "d", sizeBytes: module.length, functions: [] };
    },
    inspectSeed: async (name: string) => {
      await note({ inspect: name });
      return { ...sampleDetails, name };
    },
    unpublishSeed: note,
    call: async (
      target: { seed: string; function: string },
      input: Uint8Array<ArrayBuffer>,
      { timeoutMs }: CallRun,
    ) => {
      await note({
        ...target,
        input: utf8TextLossy(input),
        timeoutMs,
      });
      return input;
    },
    reload: async () => {
      await note("reload");
      return { applied: [], needRestart: [] };
    },
    acceptLoss: () => note("recover"),
    shutdown: () => void note("shutdown"),
  };
}

{
  const handlers = noting();
  controlTest(
    "ControlServer answers each of its routes",
    handlers,
    async (lab) => {
      const { ask } = lab;
      const status = await ask("/v1/status");
      assert.deepEqual(await status.json(), structuredClone(sampleStatus));
      assert.equal(status.headers.get(versionHeader), version);
      const terms = {
        config: { a: "b" },
        timeoutMs: 5,
        memoryBytes: 6,
        cpuMs: 7,
        isolation: "fresh",
        allowHosts: ["a.example"],
      };
      const spec = encodeURIComponent(JSON.stringify(terms));
      const body = utf8("module");
      const put = { method: "PUT", body };
      assert.equal((await ask(`/v1/seeds/a?spec=${spec}`, put)).status, 200);
      const details = await ask("/v1/seeds/a");
      assert.deepEqual(await details.json(), { ...sampleDetails, name: "a" });
      assert.equal(
        (await ask("/v1/seeds/a", { method: "DELETE" })).status,
        200,
      );
      const call = await ask("/v1/calls/a/b?timeoutMs=9", {
        method: "POST",
        body: utf8("in"),
      });
      assert.equal(await call.text(), "in");
      for (const path of ["reload", "recover", "shutdown"]) {
        const answer = await ask(`/v1/${path}`, { method: "POST" });
        assert.equal(answer.status, 200, path);
      }
      assert.deepEqual(handlers.seen, [
        { name: "a", bytes: 6, spec: terms },
        { inspect: "a" },
        "a",
        { seed: "a", function: "b", input: "in", timeoutMs: 9 },
        "reload",
        "recover",
        "shutdown",
      ]);
    },
  );
}

{
  const handlers = noting();
  controlTest(
    "ControlServer knows no other method or path, and does nothing",
    handlers,
    async ({ ask }) => {
      const routes: readonly (readonly [string, string])[] = [
        ["GET", "/"],
        ["GET", "/v1"],
        ["GET", "/v2/status"],
        ["GET", "/v1/status/"],
        ["GET", "/v1/status/x"],
        ["HEAD", "/v1/status"],
        ["POST", "/v1/status"],
        ["GET", "/v1/shutdown"],
        ["POST", "/v1/shutdown/now"],
        ["POST", "/v1/shutdown/"],
        ["POST", "/v1/reload/x"],
        ["POST", "/v1/recover/x"],
        ["POST", "//v1/shutdown"],
        ["POST", "/v1//shutdown"],
        ["POST", "/v1/SHUTDOWN"],
        ["POST", "/v1/seeds/a"],
        ["GET", "/v1/seeds"],
        ["PUT", "/v1/seeds"],
        ["DELETE", "/v1/seeds"],
        ["GET", "/v1/calls/a/b"],
        ["POST", "/v1/calls"],
        ["OPTIONS", "/v1/status"],
        ["GET", "/metrics"],
      ];
      for (const [method, path] of routes) {
        const answer = await ask(path, { method });
        if (method === "HEAD") assert.equal(answer.status, 404);
        else await assertRefused(answer, unknown);
      }
      assert.deepEqual(handlers.seen, []);
    },
  );
}

{
  const handlers = noting();
  controlTest(
    "ControlServer refuses paths and numbers that are malformed",
    handlers,
    async ({ ask }) => {
      const cases: readonly (readonly [string, string, RegExp])[] = [
        ["DELETE", "/v1/seeds/%zz", /URL-encoded/],
        ["DELETE", "/v1/seeds/%ff", /URL-encoded/],
        ["DELETE", "/v1/seeds/a/b", /names one seed/],
        ["GET", "/v1/seeds/a/b", /names one seed/],
        ["PUT", "/v1/seeds/a/b", /names one seed/],
        ["POST", "/v1/calls/a", /a seed and a function/],
        ["POST", "/v1/calls/", /a seed and a function/],
        ["POST", "/v1/calls/a/b/c", /a seed and a function/],
        ["POST", "/v1/calls/a/b?timeoutMs=-1", /"timeoutMs" must be a whole/],
        ["POST", "/v1/calls/a/b?timeoutMs=1.5", /whole number/],
        ["POST", "/v1/calls/a/b?timeoutMs=1e3", /whole number/],
        ["POST", "/v1/calls/a/b?timeoutMs=", /whole number/],
        ["POST", "/v1/calls/a/b?timeoutMs=9999999999999", /whole number/],
        ["POST", "/v1/calls/a/b?timeoutMs=NaN", /"timeoutMs" must be/],
        ["POST", "/v1/calls/a/b?timeoutMs=%2B1", /"timeoutMs" must be/],
      ];
      for (const [method, path, message] of cases) {
        await assertRefused(await ask(path, { method }), {
          ...malformed,
          message,
        });
      }
      assert.deepEqual(handlers.seen, []);
    },
  );
}

{
  const handlers = noting();
  controlTest(
    "R05: ControlServer hands names on decoded, for their owner to judge",
    handlers,
    async ({ ask }) => {
      const names = [
        "a/b",
        "\0",
        "..a",
        "%2e%2e",
        "a b",
        "ü",
        "x".repeat(10_000),
      ];
      for (const name of names) {
        const path = `/v1/seeds/${encodeURIComponent(name)}`;
        await ask(path, { method: "DELETE" });
      }
      await ask("/v1/seeds/", { method: "DELETE" });
      assert.deepEqual(handlers.seen, [...names, ""]);
    },
  );
}

{
  const handlers = noting();
  controlTest(
    "ControlServer refuses a seed's spec that is malformed",
    handlers,
    async ({ ask }) => {
      const specs: readonly (readonly [string, RegExp])[] = [
        ["{", /not JSON/],
        ["", /not JSON/],
        ["null", /The seed's spec/],
        ["[]", /The seed's spec/],
        ["{}", /"config"/],
        ['{"config":{"a":1}}', /"config\.a"/],
        ['{"config":{},"timeoutMs":-1}', /"timeoutMs"/],
        ['{"config":{},"timeoutMs":1.5}', /"timeoutMs"/],
        ['{"config":{},"timeoutMs":"5"}', /"timeoutMs"/],
        ['{"config":{},"timeoutMs":1e400}', /"timeoutMs"/],
        ['{"config":{},"memoryBytes":-1}', /"memoryBytes"/],
        ['{"config":{},"memoryBytes":"64MiB"}', /"memoryBytes"/],
        ['{"config":{},"cpuMs":0.5}', /"cpuMs"/],
        ['{"config":{},"isolation":"enclave"}', /"isolation"/],
        ['{"config":{},"isolation":["fresh"]}', /"isolation"/],
        ['{"config":{},"allowHosts":"a.example"}', /"allowHosts"/],
        ['{"config":{},"allowHosts":[1]}', /"allowHosts\.0"/],
        ['{"config":{},"other":1}', /"other"/],
      ];
      for (const [spec, message] of specs) {
        const path = `/v1/seeds/a?spec=${encodeURIComponent(spec)}`;
        await assertRefused(await ask(path, { method: "PUT", body: "x" }), {
          ...malformed,
          message,
        });
      }
      assert.deepEqual(handlers.seen, []);
    },
  );
}

controlTest("R22: ControlServer refuses browsers", {}, async ({ ask }) => {
  const rows: readonly Record<string, string>[] = [
    { host: "localhost" },
    { host: "pln.evil.example" },
    { host: "pln:80" },
    { host: "" },
    { host: "127.0.0.1" },
    { origin: "http://pln" },
    { origin: "null" },
    { "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
  ];
  for (const headers of rows) {
    await assertRefused(await ask("/v1/status", { headers }), denied);
    const post = { method: "POST", headers };
    await assertRefused(await ask("/v1/shutdown", post), denied);
  }
  const fine = await ask("/v1/status", { headers: { host: "pln" } });
  assert.equal(fine.status, 200);
});

/** A body of `parts` times 64 KiB that counts what was taken of it. */
function stream(parts: number) {
  let taken = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (taken === parts) return controller.close();
      taken++;
      controller.enqueue(new Uint8Array(65_536));
    },
  }, { highWaterMark: 0 });
  return { body, taken: () => taken };
}

const tooLarge: Refused = {
  status: 500,
  code: "PLN_LIMIT",
  message: /^The input of a call may have 4194304 bytes, not /,
};

{
  const handlers = noting();
  controlTest(
    "R06: ControlServer reads no more of a body than its limit",
    handlers,
    async ({ ask }) => {
      const path = "/v1/calls/a/b";
      const post = async (init: RequestInit) =>
        await ask(path, { method: "POST", ...init });
      const endless = stream(10_000);
      await assertRefused(await post({ body: endless.body }), tooLarge);
      assert.ok(endless.taken() * 65_536 < limits.callInputBytesMax + 200_000);
      const declared = stream(10_000);
      const headers = { "content-length": "5000000" };
      const answer = await post({ body: declared.body, headers });
      await assertRefused(answer, tooLarge);
      assert.ok(declared.taken() <= 1, `${declared.taken()}`);
      const huge = { "content-length": "99999999999999999999" };
      await assertRefused(
        await post({ body: stream(100).body, headers: huge }),
        tooLarge,
      );
      const lying = { "content-length": "5" };
      await assertRefused(
        await post({ body: stream(100).body, headers: lying }),
        tooLarge,
      );
      const odd = { "content-length": "x" };
      await assertRefused(
        await post({ body: stream(100).body, headers: odd }),
        tooLarge,
      );
      assert.deepEqual(handlers.seen, []);
      const most = await post({ body: stream(64).body });
      assert.equal((await most.bytes()).length, limits.callInputBytesMax);
    },
  );
}

controlTest(
  "ControlServer takes a body that breaks off for no bug",
  {},
  async (lab) => {
    const body = new ReadableStream({
      pull: (controller) => controller.error(new TypeError("reset")),
    });
    const init = { method: "POST", body };
    await assertRefused(await lab.ask("/v1/calls/a/b", init), {
      status: 503,
      code: "PLN_UNREACHABLE",
      message: /broke off/,
    });
    assert.deepEqual(lab.records, []);
  },
);

controlTest(
  "ControlServer reports what nobody planned for, and logs it",
  {
    status: () => {
      throw new RangeError("a secret of ours");
    },
  },
  async (lab: ControlLab) => {
    const answer = await lab.ask("/v1/status");
    await assertRefused(answer, {
      status: 500,
      code: "PLN_INTERNAL",
      message: /Internal error/,
    });
    const [record] = lab.records;
    assert.equal(record?.event, "control.bug");
    assert.equal(record?.level, "error");
  },
);

/** Calls and publishes that wait until the gate opens. */
function gated() {
  const gate = Promise.withResolvers<void>();
  return {
    open: gate.resolve,
    handlers: {
      call: async (_target: object, input: Uint8Array<ArrayBuffer>) => {
        await gate.promise;
        return input;
      },
      publishSeed: async (name: string) => {
        await gate.promise;
        return { name, digest: "d", sizeBytes: 0, functions: [] };
      },
    },
  };
}

/** Lets what was sent arrive. */
async function arrival({ world }: ControlLab): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(1, resolve);
  await promise;
}

const perSeed = limits.controlCallsPerSeedMax;
const callsMax = limits.controlRequestsMax - limits.controlRequestsKept;

{
  const { open, handlers } = gated();
  controlTest(
    "ControlServer keeps places that no call takes, and seeds for each other",
    handlers,
    async (lab) => {
      const call = (seed: string) =>
        lab.ask(`/v1/calls/${seed}/f`, { method: "POST" });
      const refusedCall = async (seed: string, message: RegExp) =>
        await assertRefused(await call(seed), {
          status: 503,
          code: "PLN_SATURATED",
          message,
        });
      const many = (seed: string) =>
        Array.from({ length: perSeed }, () => call(seed));
      const held = many("a");
      await arrival(lab);
      await refusedCall("a", /^Seed "a" has 480 calls under way already$/);
      held.push(...many("b"));
      await arrival(lab);
      assert.equal(held.length, callsMax);
      await refusedCall("c", /^This node has 960 calls under way already$/);
      const others: readonly (readonly [string, string])[] = [
        ["GET", "/v1/status"],
        ["GET", "/v1/seeds/a"],
        ["DELETE", "/v1/seeds/a"],
        ["POST", "/v1/shutdown"],
      ];
      for (const [method, path] of others) {
        assert.equal((await lab.ask(path, { method })).status, 200, path);
      }
      open();
      for (const answer of await Promise.all(held)) {
        assert.equal(answer.status, 200);
      }
      for (const seed of ["a", "c"]) {
        assert.equal((await call(seed)).status, 200);
      }
    },
  );
}

{
  const { open, handlers } = gated();
  controlTest(
    "ControlServer refuses requests beyond its limit, and takes them again",
    handlers,
    async (lab) => {
      const status = () => lab.ask("/v1/status");
      const put = () => lab.ask("/v1/seeds/a", { method: "PUT" });
      const held = Array.from({ length: limits.controlRequestsMax }, put);
      await arrival(lab);
      await assertRefused(await status(), {
        status: 500,
        code: new LimitError("").code,
        message: /More than 1024 requests/,
      });
      open();
      for (const answer of await Promise.all(held)) {
        assert.equal(answer.status, 200);
      }
      assert.equal((await status()).status, 200);
    },
  );
}

{
  const { open, handlers } = gated();
  const all = { ...sampleDaemon, ...handlers };
  const request = (method: string, path: string) =>
    new Request(`http://pln/v1/${path}`, { method });
  Deno.test("ControlServer.drain() refuses what comes, and ends what is there", async () => {
    const server = new ControlServer({ log: silentLog, handlers: all });
    const call = server.handle(request("POST", "calls/a/f"));
    const publish = server.handle(request("PUT", "seeds/a"));
    let isDrained = false;
    const drained = server.drain().then(() => isDrained = true);
    await assertRefused(await server.handle(request("GET", "status")), {
      status: 503,
      code: "PLN_STOPPING",
      message: /^The node is stopping \(process 99\)$/,
    });
    server.endCalls();
    await assertRefused(await call, {
      status: 503,
      code: "PLN_STOPPED",
      message: /^The node stopped before the call ended$/,
    });
    assert.equal(isDrained, false, "a publish is waited for");
    open();
    assert.equal((await publish).status, 200);
    await drained;
    await new ControlServer({ log: silentLog, handlers: all }).drain();
  });
}

{
  const aborted = Promise.withResolvers<void>();
  controlTest(
    "ControlServer tells a call that its caller went away",
    {
      call: (_target, input, { signal }) => {
        signal.addEventListener("abort", () => aborted.resolve());
        return aborted.promise.then(() => input);
      },
    },
    async ({ ask, world }) => {
      const leave = new AbortController();
      const asked = ask("/v1/calls/a/b", {
        method: "POST",
        signal: leave.signal,
      });
      world.after(5, () => leave.abort(new Error("gone")));
      await assert.rejects(asked, /gone/);
      await aborted.promise;
    },
  );
}
