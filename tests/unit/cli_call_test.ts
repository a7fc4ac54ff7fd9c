// `pln call`: where its input comes from, how its output goes out, and that a
// call is repeated only when it surely did not run.

import assert from "node:assert/strict";
import {
  type Bytes,
  type ErrorKind,
  PlnError,
  UnreachableError,
  utf8,
  utf8Text,
} from "../../src/kernel/mod.ts";
import { AbsentError, StoppedError } from "../../src/control/refusals.ts";
import { ConnectionLostError } from "../../src/ports/mod.ts";
import { CliWorld, sampleStatus } from "./cli_world.ts";

class SaturatedError extends PlnError {
  readonly code = "PLN_SATURATED";
  readonly kind: ErrorKind = "peer";
}

class TimeoutError extends PlnError {
  readonly code = "PLN_TIMEOUT";
  readonly kind: ErrorKind = "peer";
}

/** A daemon that fails with each of `failures` and then echoes. */
function callWorld(...failures: Error[]) {
  const world = new CliWorld();
  const calls: { seed: string; fn: string; input: Bytes }[] = [];
  const timeouts: (number | undefined)[] = [];
  world.serve({
    call: (target, input, options) => {
      calls.push({ seed: target.seed, fn: target.function, input });
      timeouts.push(options.timeoutMs);
      const failure = failures.shift();
      return failure === undefined
        ? Promise.resolve(input)
        : Promise.reject(failure);
    },
  });
  return { world, calls, timeouts };
}

Deno.test("pln call sends its argument and prints the raw output", async () => {
  const { world, calls, timeouts } = callWorld();
  const ran = await world.run("call", "hello", "greet", '{"name":"world"}');
  assert.deepEqual([ran.code, ran.out, ran.err], [0, '{"name":"world"}', ""]);
  assert.equal(calls[0]?.seed, "hello");
  assert.equal(calls[0]?.fn, "greet");
  assert.deepEqual(timeouts, [undefined]);
});

Deno.test("pln call takes a name with the start of its owner's id", async () => {
  const { world, calls } = callWorld();
  for (const seed of ["hello@1a2b", `hello@${"0f".repeat(32)}`]) {
    assert.equal((await world.run("call", seed, "greet", "x")).code, 0);
    assert.equal(calls.at(-1)?.seed, seed);
  }
  const wrong = ["hello@", "hello@1a2", "hello@bob", "@1a2b", "hello@1A2B"];
  const twice = ["hello@1a2b@1a2b", `hello@${"a".repeat(65)}`, "a..b@1a2b"];
  for (const seed of [...wrong, ...twice]) {
    const ran = await world.run("call", seed, "greet", "x");
    assert.equal(ran.code, 2, seed);
    assert.match(ran.err, /is not the start of an id|is no seed name/);
  }
  assert.equal(calls.length, 2, "the daemon hears of none of these");
});

Deno.test("pln call reads a pipe, and nothing from a terminal", async () => {
  const { world, calls } = callWorld();
  world.input = utf8("piped");
  assert.equal((await world.run("call", "hello", "greet")).out, "piped");
  assert.equal((await world.run("call", "hello", "greet", "-")).out, "piped");
  world.isTerminal = { ...world.isTerminal, stdin: true };
  assert.equal((await world.run("call", "hello", "greet")).out, "");
  assert.equal(calls[2]?.input.length, 0);
});

Deno.test("pln call writes bytes that are no text unchanged", async () => {
  const { world } = callWorld();
  world.input = new Uint8Array([0xff, 0x00, 0x0a, 0xfe]);
  const ran = await world.run("call", "hello", "greet");
  assert.deepEqual(ran.bytes, world.input);
  const json = await world.run("call", "hello", "greet", "--json");
  assert.deepEqual(JSON.parse(json.out), {
    version: 1,
    encoding: "base64",
    output: "/wAK/g==",
  });
});

Deno.test("pln call ends an open line on a terminal only", async () => {
  const { world } = callWorld();
  world.isTerminal = { ...world.isTerminal, stdout: true };
  const call = async (input: string) =>
    (await world.run("call", "hello", "greet", input)).out;
  assert.equal(await call("text"), "text\n");
  assert.equal(await call("text\n"), "text\n");
});

Deno.test("pln call --json gives text as text", async () => {
  const { world } = callWorld();
  const ran = await world.run("call", "hello", "greet", "ä", "--json");
  assert.deepEqual(JSON.parse(ran.out), {
    version: 1,
    encoding: "utf8",
    output: "ä",
  });
});

Deno.test("pln call refuses an input over 4 MiB, however it comes", async () => {
  const { world, calls } = callWorld();
  const large = "x".repeat(4 * 1024 * 1024 + 1);
  const typed = await world.run("call", "hello", "greet", large);
  assert.equal(typed.code, 1);
  assert.match(typed.err, /The input is over 4\.0 MiB\n {2}Pass large data/);
  world.input = utf8(large);
  assert.equal((await world.run("call", "hello", "greet")).err, typed.err);
  assert.deepEqual(calls, []);
});

Deno.test("pln call refuses function names it cannot send", async () => {
  const { world, calls } = callWorld();
  for (
    const fn of ["", ".", "..", "a\0b", "f".repeat(256), "f".repeat(10_000)]
  ) {
    const ran = await world.run("call", "hello", "--", fn);
    assert.equal(ran.code, 2);
    assert.match(ran.err, /A function's name has 1 to 255 characters/);
  }
  for (const fn of ["f/../g", "...", "a b", "ü", "f?x=1#y"]) {
    const ran = await world.run("call", "hello", "--", fn, "");
    assert.equal(ran.code, 0, ran.err);
    assert.equal(calls.at(-1)?.fn, fn, "names arrive as they were typed");
  }
});

Deno.test("pln call passes its timeout on", async () => {
  const { world, timeouts } = callWorld();
  await world.run("call", "hello", "greet", "x", "--timeout", "1.5s");
  assert.deepEqual(timeouts, [1_500]);
  for (const timeout of ["0ms", "61m", "x"]) {
    const words = ["call", "hello", "greet", "x", "--timeout", timeout];
    assert.equal((await world.run(...words)).code, 2, timeout);
  }
});

Deno.test("pln call --retries repeats a call that was refused before it ran", async () => {
  const { world, calls } = callWorld(
    new SaturatedError("full"),
    new UnreachableError("gone"),
  );
  const words = ["call", "hello", "greet", "x", "--retries", "2"];
  const ran = await world.run(...words);
  assert.deepEqual([ran.code, ran.out], [0, "x"]);
  assert.equal(calls.length, 3);
  assert.equal(world.nowMs, 300, "it waits longer each time");
});

Deno.test("pln call gives up after its retries", async () => {
  const failures = [1, 2, 3].map(() => new SaturatedError("full"));
  const { world, calls } = callWorld(...failures);
  const words = ["call", "hello", "greet", "x", "--retries", "2"];
  const ran = await world.run(...words);
  assert.deepEqual([ran.code, ran.err, calls.length], [1, "pln: full\n", 3]);
});

Deno.test("pln call never repeats a call that may have run", async () => {
  const failures = [
    new TimeoutError("too slow"),
    new StoppedError(),
    new ConnectionLostError("gone"),
  ];
  const codes: number[] = [];
  for (const failure of failures) {
    const { world, calls } = callWorld(failure);
    // What leaves no report is lost on the way.
    if (failure instanceof ConnectionLostError) world.breaksCalls = true;
    const words = ["call", "hello", "greet", "x", "--retries", "5"];
    codes.push((await world.run(...words)).code);
    assert.equal(calls.length, 1, failure.name);
  }
  assert.deepEqual(codes, [1, 6, 6]);
});

Deno.test("pln call says that nobody knows what became of a call", async () => {
  const { world } = callWorld();
  world.breaksCalls = true;
  const ran = await world.run("call", "hello", "greet", "x");
  assert.equal(ran.code, 6);
  assert.match(
    ran.err,
    /in the middle of the call: its outcome is unknown\n {2}Look at "pln status"/,
  );
});

Deno.test("pln call --retries waits for a node that is starting", async () => {
  const { world, calls } = callWorld();
  let asked = 0;
  world.serve({
    status: () => {
      if (asked++ === 0) throw new AbsentError("starting", 99);
      return sampleStatus;
    },
    call: (target, input) => {
      calls.push({ seed: target.seed, fn: target.function, input });
      return Promise.resolve(input);
    },
  });
  const words = ["call", "hello", "greet", "x", "--retries", "2"];
  const ran = await world.run(...words);
  assert.deepEqual([ran.code, ran.out, calls.length, asked], [0, "x", 1, 2]);
});

Deno.test("pln call --retries waits for a daemon that starts", async () => {
  const { world, calls } = callWorld();
  world.stopServing();
  world.onSleep = (number) => {
    if (number === 1) {
      world.serve({
        call: (target, input) => {
          calls.push({ seed: target.seed, fn: target.function, input });
          return Promise.resolve(utf8(`${utf8Text(input)}!`));
        },
      });
    }
  };
  const words = ["call", "hello", "greet", "x", "--retries", "5"];
  const ran = await world.run(...words);
  assert.deepEqual([ran.code, ran.out, calls.length], [0, "x!", 1]);
});

Deno.test("pln call refuses a number of retries out of its range", async () => {
  const { world } = callWorld();
  for (const retries of ["11", "-1", "x", "1.5", ""]) {
    const words = ["call", "hello", "greet", "x", `--retries`, retries];
    assert.equal((await world.run(...words)).code, 2, retries);
  }
});
