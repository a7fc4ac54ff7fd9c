// The control API about members: each question reaches its handler with what
// was asked, and nothing else does. What a daemon would have to guess, it
// refuses; names travel whole, whatever they hold.

import assert from "node:assert/strict";
import {
  type MemberHandlers,
  memberPaths,
  type PeerDetails,
} from "../../src/control/mod.ts";
import {
  AmbiguousError,
  DeniedError,
  limits,
  type PlnError,
  ReportedError,
} from "../../src/kernel/mod.ts";
import {
  sampleInvite,
  sampleMembers,
  samplePeerDetails,
} from "./cli_samples.ts";
import { controlTest, reportOf } from "./control_lab.ts";

/** What reached the handlers, in order. */
function recorder() {
  const asked: unknown[][] = [];
  const note = <K extends keyof MemberHandlers>(name: K) =>
    ((...args: unknown[]) => {
      asked.push([
        name,
        ...args.filter((one) => !(one instanceof AbortSignal)),
      ]);
      return (sampleMembers[name] as (...args: unknown[]) => unknown)(...args);
    }) as unknown as MemberHandlers[K];
  const members: MemberHandlers = {
    inspectPeer: (peer): PeerDetails => {
      asked.push(["inspectPeer", peer]);
      return samplePeerDetails;
    },
    ping: note("ping"),
    invite: note("invite"),
    invites: note("invites"),
    revokeInvite: note("revokeInvite"),
    grant: note("grant"),
    deny: note("deny"),
    allow: note("allow"),
    applyStatement: note("applyStatement"),
    leave: note("leave"),
  };
  return { asked, members };
}

const every = recorder();
controlTest("MemberClient asks each handler with what was asked for", {
  members: every.members,
}, async ({ client: { members } }) => {
  const { asked } = every;
  const odd = "a b/\u00fc%?#";
  assert.deepEqual(await members.inspect(odd), samplePeerDetails);
  assert.equal((await members.ping("bob")).rttMs, 1.5);
  const wish = {
    subject: "b2".repeat(32),
    ttlMs: 1_000,
    tier: "publisher",
    properties: { zone: "a=b&c\n" },
    accessMs: 5,
    uses: 2,
  } as const;
  const made = await members.invite(wish);
  assert.deepEqual(made, { ...sampleInvite, token: "a-secret-token" });
  const { invites } = await members.invites();
  assert.deepEqual(invites, [sampleInvite]);
  assert.equal((await members.revokeInvite("3f9a")).state, "revoked");
  const granted = await members.grant("bob", { properties: { gpu: "" } });
  assert.deepEqual(granted.type === "done" && granted.properties, { gpu: "" });
  const denial = {
    reason: "lost",
    children: "keep",
    dropDenies: true,
  } as const;
  await members.deny("bob", denial);
  await members.allow("bob");
  await members.applyStatement("pln-root-statement:x");
  await members.leave();
  assert.deepEqual(asked, [
    ["inspectPeer", odd],
    ["ping", "bob"],
    ["invite", wish],
    ["invites"],
    ["revokeInvite", "3f9a"],
    ["grant", "bob", { properties: { gpu: "" } }],
    ["deny", "bob", denial],
    ["allow", "bob"],
    ["applyStatement", "pln-root-statement:x"],
    ["leave"],
  ]);
});

controlTest("MemberClient reads a decision that needs the root", {
  members: {
    ...sampleMembers,
    grant: (peer) =>
      Promise.resolve({ type: "needs-root", peer, request: "r" }),
  },
}, async ({ client }) => {
  assert.deepEqual(await client.members.grant("b2", { tier: "admin" }), {
    type: "needs-root",
    peer: "b2",
    request: "r",
  });
});

controlTest("MemberClient brings refusals with their words and outcome", {
  members: {
    ...sampleMembers,
    inspectPeer: () => {
      throw new AmbiguousError("Two are meant", { hint: "Say more" });
    },
    allow: () => Promise.reject(new DeniedError("No admin", { hint: "Ask" })),
  },
}, async ({ client: { members } }) => {
  const refusal = (asked: Promise<unknown>) =>
    asked.then(() => assert.fail("answered"), (cause: PlnError) => cause);
  const both = await refusal(members.inspect("bob"));
  assert.ok(both instanceof ReportedError);
  assert.deepEqual(
    [both.outcome, both.message, both.hint],
    ["ambiguous", "Two are meant", "Say more"],
  );
  const denied = await refusal(members.allow("bob"));
  assert.deepEqual(
    [denied.outcome, denied.message, denied.hint],
    ["permission", "No admin", "Ask"],
  );
});

const strict = recorder();
controlTest("ControlServer refuses what it would have to guess of members", {
  members: strict.members,
}, async ({ ask }) => {
  const post = (path: string, body: unknown) =>
    ask(path, { method: "POST", body: JSON.stringify(body) });
  const refused = [
    await post(memberPaths.invites, { tier: "owner" }),
    await post(memberPaths.invites, { uses: -1 }),
    await post(memberPaths.invites, { ttlMs: 1.5 }),
    await post(memberPaths.invites, { ttl: 1 }),
    await post(memberPaths.invites, { properties: { a: 1 } }),
    await post(memberPaths.invites, []),
    await post(`${memberPaths.grants}/bob`, { publisher: true }),
    await post(`${memberPaths.denials}/bob`, { children: "all" }),
    await post(memberPaths.statements, { statement: 5 }),
    await post(memberPaths.statements, { statement: "x", force: true }),
    await ask(memberPaths.invites, { method: "POST", body: "{" }),
    await ask(`${memberPaths.peers}/a/b`),
    await ask(`${memberPaths.peers}/%zz`),
    await post(`${memberPaths.pings}/a/b`, {}),
  ];
  for (const [at, answer] of refused.entries()) {
    assert.equal(answer.status, 400, `${at}`);
    assert.equal((await reportOf(answer)).code, "PLN_INPUT", `${at}`);
  }
  const unknown = [
    await ask(memberPaths.peers),
    await post(memberPaths.grants, {}),
    await ask(`${memberPaths.invites}/x`, { method: "PATCH" }),
    await ask(memberPaths.leave),
  ];
  for (const answer of unknown) assert.equal(answer.status, 404);
  assert.deepEqual(strict.asked, [], "no handler heard of any");
});

const browsers = recorder();
controlTest("R22: no browser reaches what decides about members", {
  members: browsers.members,
}, async ({ ask }) => {
  const headers = { origin: "https://evil.example" };
  const requests = [
    [memberPaths.leave, "POST"],
    [`${memberPaths.grants}/bob`, "POST"],
    [memberPaths.invites, "POST"],
    [`${memberPaths.invites}/3f9a`, "DELETE"],
  ] as const;
  for (const [path, method] of requests) {
    assert.equal((await ask(path, { method, headers })).status, 403, path);
  }
  assert.deepEqual(browsers.asked, []);
});

const large = recorder();
controlTest("ControlServer reads no endless request about members", {
  members: large.members,
}, async ({ ask }) => {
  const statement = "x".repeat(limits.controlRequestBytesMax);
  const answer = await ask(memberPaths.statements, {
    method: "POST",
    body: JSON.stringify({ statement }),
  });
  assert.equal((await reportOf(answer)).code, "PLN_LIMIT");
  assert.deepEqual(large.asked, []);
});

const calls: unknown[] = [];
controlTest("ControlClient names the node that a call runs on", {
  call: (_target, input, { on, timeoutMs }) => {
    calls.push([on, timeoutMs]);
    return Promise.resolve(input);
  },
}, async ({ client }) => {
  const target = { seed: "hello", function: "greet" };
  await client.call(target, new Uint8Array(), { on: "a&b=c", timeoutMs: 5 });
  await client.call(target, new Uint8Array());
  assert.deepEqual(calls, [["a&b=c", 5], [undefined, undefined]]);
});
