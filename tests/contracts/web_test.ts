// The Web contract for the real adapter and for the simulated one, and what
// only a file system has: stale sockets, modes, other files in the way. It
// leaves no file and no listener behind.

import assert from "node:assert/strict";
import { claimSocket } from "../../src/adapters/unix_socket.ts";
import { openWeb } from "../../src/adapters/web.ts";
import {
  ConflictError,
  DeniedError,
  InputError,
  limits,
} from "../../src/kernel/mod.ts";
import { DiskError, type WebAddress } from "../../src/ports/mod.ts";
import { openSimWeb } from "../../src/sim/web.ts";
import { SteppedClock } from "./stepped_clock.ts";
import { testWeb, type WebSubject } from "./web_contract.ts";

type RealSubject = WebSubject & {
  readonly directory: string;
  readonly path: string;
};

async function openReal(): Promise<RealSubject> {
  const directory = await Deno.makeTempDir({ prefix: "pln-web-" });
  const path = `${directory}/pln.sock`;
  const errors: unknown[] = [];
  const web = openWeb({ onError: (cause) => errors.push(cause) });
  return {
    web,
    errors,
    directory,
    path,
    socket: { type: "unix", path },
    async [Symbol.asyncDispose]() {
      await web[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function openSimulated(): Promise<WebSubject> {
  const clock = new SteppedClock();
  const errors: unknown[] = [];
  return Promise.resolve({
    web: openSimWeb({ clock, onError: (cause) => errors.push(cause) }),
    errors,
    socket: { type: "unix", path: "/sim/pln.sock" },
    [Symbol.asyncDispose]: () => clock.idle(),
  });
}

testWeb("Web (Deno)", openReal);
testWeb("Web (simulated)", openSimulated);

const answerOk = () => Promise.resolve(new Response("ok"));

Deno.test("openWeb() makes its socket 0600 and nothing else", async () => {
  await using subject = await openReal();
  const { web, path, directory } = subject;
  await using _server = await web.serve({ type: "unix", path }, answerOk);
  assert.equal(((await Deno.lstat(path)).mode ?? 0) & 0o777, 0o600);
  assert.deepEqual(names(directory), ["pln.sock"]);
});

Deno.test("openWeb() removes its socket when disposed", async () => {
  await using subject = await openReal();
  const { web, path, directory } = subject;
  const server = await web.serve({ type: "unix", path }, answerOk);
  await server[Symbol.asyncDispose]();
  assert.deepEqual(names(directory), []);
});

Deno.test("openWeb() replaces a socket whose server died", async () => {
  await using subject = await openReal();
  const { web, path, socket } = subject;
  leaveStaleSocket(path);
  await using server = await web.serve(socket, answerOk);
  const request = new Request("http://pln.internal/");
  assert.equal(await (await web.request(server.address, request)).text(), "ok");
});

Deno.test("openWeb() refuses other files at its path, by name", async () => {
  await using subject = await openReal();
  const { web, directory } = subject;
  await Deno.writeTextFile(`${directory}/file`, "precious");
  await Deno.mkdir(`${directory}/dir`);
  await Deno.symlink("nowhere", `${directory}/link`);
  const kinds = { file: "regular file", dir: "directory", link: "symbolic" };
  for (const [name, kind] of Object.entries(kinds)) {
    const path = `${directory}/${name}`;
    await assert.rejects(
      web.serve({ type: "unix", path }, answerOk),
      (cause) =>
        cause instanceof ConflictError && cause.message.includes(path) &&
        cause.message.includes(kind),
    );
  }
  assert.equal(await Deno.readTextFile(`${directory}/file`), "precious");
});

Deno.test("openWeb() refuses a socket path that is too long", async () => {
  await using subject = await openReal();
  const { web, directory } = subject;
  const name = "x".repeat(limits.socketPathBytesMax - directory.length - 1);
  const address: WebAddress = { type: "unix", path: `${directory}/${name}` };
  const isHelpful = (cause: unknown) =>
    cause instanceof InputError && cause.hint === "Choose a shorter --dir";
  await assert.rejects(web.serve(address, answerOk), isHelpful);
  const request = new Request("http://pln.internal/");
  await assert.rejects(web.request(address, request), isHelpful);
});

Deno.test("openWeb() serves the longest path it allows", async () => {
  await using subject = await openReal();
  const { web, directory } = subject;
  const name = "x".repeat(limits.socketPathBytesMax - directory.length - 2);
  await using server = await web.serve(
    { type: "unix", path: `${directory}/${name}` },
    answerOk,
  );
  const request = new Request("http://pln.internal/");
  assert.equal(await (await web.request(server.address, request)).text(), "ok");
});

Deno.test("openWeb() keeps few clients, and serves all paths", async () => {
  await using subject = await openReal();
  const { web, directory } = subject;
  await using stack = new AsyncDisposableStack();
  for (let index = 0; index < limits.socketClientsMax + 4; index++) {
    const path = `${directory}/s${index}`;
    const server = await web.serve({ type: "unix", path }, answerOk);
    stack.use(server);
    const request = new Request("http://pln.internal/");
    const response = await web.request(server.address, request);
    assert.equal(await response.text(), "ok");
  }
});

Deno.test("openWeb() leaves no server when its socket gets no place", async () => {
  await using subject = await openReal();
  const { web, path, directory, socket } = subject;
  const refusal = new Deno.errors.PermissionDenied("refused");
  for (const step of ["chmodSync", "renameSync"] as const) {
    using stack = new DisposableStack();
    const real = { [step]: Deno[step] };
    stack.defer(() => void Object.assign(Deno, real));
    Object.assign(Deno, {
      [step]: () => {
        throw refusal;
      },
    });
    await assert.rejects(
      web.serve(socket, answerOk),
      (cause) => cause instanceof DeniedError && cause.cause === refusal,
    );
    assert.deepEqual(names(directory), []);
  }
  // A server that went on would be found by the resource sanitizer.
  await using _server = await web.serve({ type: "unix", path }, answerOk);
});

Deno.test("claimSocket() closes what it bound when its place is taken", async () => {
  await using subject = await openReal();
  const { path, directory } = subject;
  const closed: Deno.Listener[] = [];
  await assert.rejects(
    claimSocket(path, {
      bind: (boundPath) => {
        Deno.mkdirSync(path);
        return Deno.listen({ transport: "unix", path: boundPath });
      },
      close: (listener) => {
        closed.push(listener);
        listener.close();
        return Promise.resolve();
      },
    }),
    DiskError,
  );
  assert.equal(closed.length, 1);
  assert.deepEqual(names(directory), ["pln.sock"]);
});

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

/** A listener removes its own path: give the socket another name first. */
function leaveStaleSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.a` });
  Deno.renameSync(`${path}.a`, path);
  listener.close();
}
