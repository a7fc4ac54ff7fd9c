// The control API about the cluster's state: each question reaches its handler
// with what was asked, and nothing else does. What is no moment, no count or no
// single name is refused before a handler hears of it.

import assert from "node:assert/strict";
import { type StateHandlers, statePaths } from "../../src/control/mod.ts";
import { ReportedError, UnreachableError } from "../../src/kernel/mod.ts";
import { sampleState } from "./cli_samples.ts";
import { controlTest, reportOf } from "./control_lab.ts";

/** What reached the handlers, in order. */
function recorder() {
  const asked: unknown[][] = [];
  const note = <K extends keyof StateHandlers>(name: K) =>
    ((...args: unknown[]) => {
      asked.push([
        name,
        ...args.filter((one) => !(one instanceof AbortSignal)),
      ]);
      return (sampleState[name] as (...args: unknown[]) => unknown)(...args);
    }) as unknown as StateHandlers[K];
  const state: StateHandlers = {
    history: note("history"),
    past: note("past"),
    diff: note("diff"),
    forget: note("forget"),
  };
  return { asked, state };
}

const every = recorder();
controlTest("StateClient asks each handler with what was asked for", {
  state: every.state,
}, async ({ client: { state } }) => {
  const odd = "a b/\u00fc%?#&";
  const history = await state.history({ sinceMs: 5, owner: odd, limit: 7 });
  assert.deepEqual(history, await sampleState.history({}));
  await state.history({});
  assert.deepEqual(await state.past(123), await sampleState.past(123));
  assert.equal((await state.diff(odd)).owners.length, 2);
  assert.equal((await state.forget(odd, { dryRun: true })).isDryRun, true);
  assert.deepEqual(every.asked, [
    ["history", { sinceMs: 5, owner: odd, limit: 7 }],
    ["history", { sinceMs: undefined, owner: undefined, limit: undefined }],
    ["past", 123],
    ["diff", odd],
    ["forget", odd, { dryRun: true }],
  ]);
});

const strict = recorder();
controlTest("the API about the state refuses what it cannot read", {
  state: strict.state,
}, async ({ ask }) => {
  for (
    const [method, path, body] of [
      ["GET", `${statePaths.history}?sinceMs=-1`],
      ["GET", `${statePaths.history}?limit=0`],
      ["GET", `${statePaths.history}?limit=10001`],
      ["GET", `${statePaths.history}?limit=1e3`],
      ["GET", statePaths.past],
      ["GET", `${statePaths.past}?atMs=now`],
      ["GET", `${statePaths.past}?atMs=99999999999999999999`],
      ["POST", `${statePaths.diffs}/a/b`],
      ["POST", `${statePaths.forgets}/a`, "no json"],
      ["POST", `${statePaths.forgets}/a`, '{"why":1}'],
      ["POST", `${statePaths.forgets}/a`, "[]"],
    ] as const
  ) {
    const answer = await ask(path, {
      method,
      ...(body === undefined ? {} : { body }),
    });
    assert.equal(answer.status, 400, `${method} ${path} ${body}`);
    assert.equal((await reportOf(answer)).outcome, "usage");
  }
  assert.deepEqual(strict.asked, []);
});

controlTest("StateClient brings refusals with their words and outcome", {
  state: {
    ...sampleState,
    diff: () => Promise.reject(new UnreachableError("Down", { hint: "Up" })),
  },
}, async ({ client }) => {
  await assert.rejects(
    client.state.diff("bob"),
    (cause) =>
      cause instanceof ReportedError && cause.outcome === "unreachable" &&
      cause.hint === "Up",
  );
});
