// The honest handshake: what both engines end with, versions, refusals and how
// they are worded. Attacks are in transport_handshake_attack_test.ts.

import assert from "node:assert/strict";
import { CredentialError } from "../../src/identity/mod.ts";
import {
  DeniedError,
  type ErrorReport,
  InternalError,
  limits,
  type PeerId,
  peerIdOf,
} from "../../src/kernel/mod.ts";
import type { HandshakeStep } from "../../src/transport/handshake.ts";
import { Refuse } from "../../src/transport/handshake_messages.ts";
import { closeCodes, controlKinds } from "../../src/transport/mod.ts";
import { exchange, HandshakeLab } from "./handshake_lab.ts";
import { dayMs, startMs } from "./identity_world.ts";

const bytesMax = limits.authFrameBytesMax;

/** What the server told the client. */
function told({ send }: HandshakeStep): ErrorReport {
  assert.equal(send?.kind, controlKinds.refuse);
  return Refuse.decode(send.body, { bytesMax }).report;
}

Deno.test("a handshake tells both ends who the other is", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const heads = [{ admin: alice.peer, generation: 3, rev: 17 }];
  const bootId = new Uint8Array(16).fill(7);
  const given = { bootId, heads };
  const { client, server } = exchange(
    lab.client(alice, { expected: bob.peer, changes: given }),
    lab.server(bob, { heads: [] }),
  );
  assert.equal(client.done?.peer, bob.peer);
  assert.equal(client.done.facts.peer, bob.peer);
  assert.deepEqual(client.done.heads, []);
  assert.equal(server.done?.peer, alice.peer);
  assert.equal(server.done.facts.tier, "leaf");
  assert.deepEqual(server.done.heads, heads);
  assert.deepEqual(server.done.bootId, bootId);
  assert.equal(server.done.id, client.done.id);
  assert.match(server.done.id, /^[0-9a-f]{128}$/);
  assert.equal(server.done.version, 1);
});

Deno.test("a handshake takes one round trip of three frames", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const server = lab.server(bob);
  const client = lab.client(alice, { expected: bob.peer });
  const challenge = server.challenge();
  const { send: auth } = client.onFrame(challenge);
  assert(auth !== undefined);
  const { send: ok, done } = server.onFrame(auth);
  assert(ok !== undefined && done !== undefined);
  const last = client.onFrame(ok);
  assert(last.done !== undefined && last.send === undefined);
  for (const { body } of [challenge, auth, ok]) {
    assert(body.length <= limits.authFrameBytesMax);
  }
});

Deno.test("a client tells the server which connections it has given up", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const replaces = ["ab".repeat(64), "cd".repeat(64)];
  const { server, client } = exchange(
    lab.client(alice, { expected: bob.peer, replaces }),
    lab.server(bob),
  );
  assert.deepEqual(server.done?.replaces, replaces);
  assert.deepEqual(client.done?.replaces, []);
});

Deno.test("a handshake with full heads and credentials fits its limit", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const most = 2 ** 48 - 1;
  const heads = Array.from({ length: limits.rightsHeadsMax }, (_, at) => ({
    admin: peerIdOf(new Uint8Array(32).fill(at)),
    generation: most,
    rev: most,
  }));
  const replaces = Array.from(
    { length: limits.replacesMax },
    (_, at) => at.toString(16).padStart(128, "0"),
  );
  const options = { expected: bob.peer, replaces, changes: { heads } };
  const { server, auth } = exchange(
    lab.client(alice, options),
    lab.server(bob, { heads }),
  );
  assert.deepEqual(server.done?.heads, heads);
  assert(auth !== undefined);
  const rest = auth.body.length -
    lab.side(alice).credential.length;
  assert(rest + limits.credentialBytesMax <= limits.authFrameBytesMax);
});

Deno.test("both ends take the highest version that both speak", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const versionOf = (
    own: readonly [number, number],
    other: readonly [number, number],
  ) => {
    const range = ([min, max]: readonly [number, number]) => ({
      versions: { min, max },
    });
    const { client, server } = exchange(
      lab.client(alice, { expected: bob.peer, changes: range(own) }),
      lab.server(bob, range(other)),
    );
    assert.equal(client.done?.version, server.done?.version);
    return client.done?.version ?? client.refuse?.error;
  };
  assert.equal(versionOf([1, 1], [1, 2]), 1);
  assert.equal(versionOf([1, 2], [1, 1]), 1);
  assert.equal(versionOf([1, 3], [2, 4]), 3);
  assert.equal(versionOf([2, 2], [2, 2]), 2);
});

Deno.test("a client without a common version says who has to upgrade", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const refusal = (min: number, max: number) =>
    exchange(
      lab.client(alice, {
        expected: bob.peer,
        changes: { versions: { min: 3, max: 4 } },
      }),
      lab.server(bob, { versions: { min, max } }),
    ).client.refuse;
  assert.equal(refusal(1, 2)?.report.code, "PLN_UPGRADE");
  assert.equal(refusal(1, 2)?.report.hint, "Upgrade pln on the other node");
  assert.equal(refusal(5, 6)?.report.hint, "Upgrade pln on this node");
  assert.equal(refusal(2, 1)?.report.code, "PLN_UPGRADE");
});

Deno.test("a server refuses a version it does not speak", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const server = lab.server(bob, { versions: { min: 1, max: 1 } });
  const other = lab.server(bob, { versions: { min: 7, max: 7 } });
  const client = lab.client(alice, {
    expected: bob.peer,
    changes: { versions: { min: 7, max: 7 } },
  });
  const { send } = client.onFrame(other.challenge());
  assert(send !== undefined);
  const step = server.onFrame(send);
  assert.equal(step.done, undefined);
  assert.equal(told(step).code, "PLN_UPGRADE");
});

Deno.test("a node does not begin a handshake with itself", () => {
  const lab = new HandshakeLab();
  const alice = lab.member();
  assert.throws(() => lab.client(alice, { expected: alice.peer }), {
    code: "PLN_INPUT",
    message: "A node cannot dial itself",
  });
});

Deno.test("a denied client is told why, and closed as revoked", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const { client, server } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob, {
      admit: () => {
        throw new DeniedError("This node was denied", { hint: "Ask an admin" });
      },
    }),
  );
  assert.equal(server.refuse?.closeCode, closeCodes.revoked);
  assert.equal(server.refuse.peer, alice.peer);
  assert.equal(told(server).code, "PLN_DENIED");
  const { report } = client.refuse ?? {};
  assert.equal(report?.code, "PLN_DENIED");
  assert.equal(report.outcome, "permission");
  assert.equal(report.hint, "Ask an admin");
  const who = bob.peer.slice(0, 8);
  assert.equal(
    report.message,
    `Node ${who} refuses this node: This node was denied`,
  );
});

Deno.test("S16: an expired credential is refused with both clocks in mind", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const wallMs = startMs + 8 * dayMs;
  const { client, server } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob, {
      wallMs,
      admit: (credential) => lab.admit(credential, wallMs),
    }),
  );
  assert.equal(server.refuse?.closeCode, closeCodes.authFailed);
  const { message, hint } = told(server);
  assert.match(message, /^The member certificate expired at 2026-03-08T12/);
  assert.match(hint ?? "", /clock says 2026-03-09T12:00:00\.000Z/);
  assert.match(hint ?? "", /renew the credential or rejoin/);
  assert.equal(client.refuse?.report.hint, hint);
});

Deno.test("S15: a server of another time is refused with both clocks in mind", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const wallMs = startMs - 10 * 365 * dayMs;
  const changes = {
    wallMs,
    admit: (credential: typeof bob.credential) => lab.admit(credential, wallMs),
  };
  const { client } = exchange(
    lab.client(alice, { expected: bob.peer, changes }),
    lab.server(bob),
  );
  const { report, error } = client.refuse ?? {};
  assert(error instanceof CredentialError);
  assert.equal(error.check, "time");
  const who = bob.peer.slice(0, 8);
  assert.match(error.message, new RegExp(`^Node ${who} is not believed: `));
  assert.match(report?.hint ?? "", /clock says 2016-03-03/);
});

Deno.test("a refused client learns nothing of the server's own failures", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const secret = "/home/bob/.pln/keys/identity.pem";
  for (const cause of [new InternalError(secret), new Error(secret)]) {
    const { client, server } = exchange(
      lab.client(alice, { expected: bob.peer }),
      lab.server(bob, {
        admit: () => {
          throw cause;
        },
      }),
    );
    assert.match(server.refuse?.report.message ?? "", /identity\.pem/);
    assert(!JSON.stringify(told(server)).includes("identity"));
    assert.equal(client.refuse?.report.code, "PLN_INTERNAL");
  }
});

Deno.test("a refusal holds code, kind, outcome, message and hint only", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const { server } = exchange(
    lab.client(alice, { expected: bob.peer }),
    lab.server(bob, {
      admit: () => {
        const cause = new Error("the cause stays here");
        throw new DeniedError("No", { cause, hint: "Ask" });
      },
    }),
  );
  const members = Object.keys(told(server)).sort();
  assert.deepEqual(members, ["code", "hint", "kind", "message", "outcome"]);
});

Deno.test("a stranger is not told which cluster it has knocked at", () => {
  const [lab, other] = [new HandshakeLab(), new HandshakeLab("elsewhere")];
  const [stranger, bob] = [other.member(), lab.member()];
  const { server } = exchange(
    other.client(stranger, { expected: bob.peer }),
    lab.server(bob),
  );
  const report = told(server);
  assert.equal(report.code, "PLN_CREDENTIAL");
  const cluster = lab.mint.root.cluster.slice(0, 8);
  assert(!JSON.stringify(report).includes(cluster));
  assert.match(server.refuse?.report.message ?? "", new RegExp(cluster));
});

Deno.test("a server asks who may enter only about who has proven a key", () => {
  const lab = new HandshakeLab();
  const [alice, bob, mallory] = [lab.member(), lab.member(), lab.member()];
  const asked: PeerId[] = [];
  const server = lab.server(bob, {
    admit: (credential) => {
      asked.push(peerIdOf(credential.member.publicKey));
      return lab.admit(credential);
    },
  });
  const thief = { ...alice, key: mallory.key };
  exchange(lab.client(thief, { expected: bob.peer }), server);
  assert.deepEqual(asked, []);
});

Deno.test("frames of unknown kinds are skipped, but only a few", () => {
  const lab = new HandshakeLab();
  const [alice, bob] = [lab.member(), lab.member()];
  const unknown = { kind: 200, body: new Uint8Array(3) };
  const server = lab.server(bob);
  const client = lab.client(alice, { expected: bob.peer });
  for (let i = 0; i < limits.handshakeSkipsMax; i++) {
    assert.deepEqual(server.onFrame(unknown), {});
    assert.deepEqual(client.onFrame(unknown), {});
  }
  const { client: done } = exchange(client, server);
  assert.equal(done.done?.peer, bob.peer);
  const flooded = lab.server(bob);
  for (let i = 0; i < limits.handshakeSkipsMax; i++) flooded.onFrame(unknown);
  assert.equal(flooded.onFrame(unknown).refuse?.report.code, "PLN_INPUT");
});
