// Joining with an invite, from the token to the verified credential: at an
// admin, through a member that is none, and everything that a token, a time or
// a silence may be that leads to a refusal.

import assert from "node:assert/strict";
import { joinCluster } from "../../src/admission/mod.ts";
import {
  type InviteToken,
  type NodeKeys,
  signAuthorityKey,
} from "../../src/identity/mod.ts";
import {
  ClosedError,
  DeniedError,
  limits,
  type PeerId,
  peerIdOf,
  ReportedError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import {
  byRoot,
  dayMs,
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
  pause,
  signer,
} from "./admission_lab.ts";

const hourMs = 3_600_000;

type Options = {
  readonly keys?: NodeKeys;
  readonly name?: string;
  readonly signal?: AbortSignal;
  readonly clock?: { readonly wallOffsetMs: number };
};

/** Joins from a machine of its own. */
function join(lab: Lab, token: InviteToken, options: Options = {}) {
  const { keys = lab.newKeys(), clock, ...rest } = options;
  const needs = lab.making;
  const offsetMs = clock?.wallOffsetMs ?? 0;
  const own = {
    nowMs: () => needs.clock.nowMs(),
    wallMs: () => needs.clock.wallMs() + offsetMs,
    after: needs.clock.after.bind(needs.clock),
    sleep: needs.clock.sleep.bind(needs.clock),
  };
  return joinCluster({ ...needs, clock: own }, token, {
    keys,
    dialer: lab.dialer(),
    signal: never,
    ...rest,
  });
}

function peerOf(keys: NodeKeys): PeerId {
  return peerIdOf(keys.key.publicKey);
}

/** Ends what the nodes still serve. */
async function settle(lab: Lab): Promise<void> {
  for (const node of lab.nodes.values()) {
    await Promise.all(node.serving);
    assert.equal(node.enroller.underWay, 0);
  }
}

Deno.test("joinCluster() gets what the invite promises from its issuer", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const token = await inviteOf(admin, {
      tier: "publisher",
      properties: new Map([["zone", "north"]]),
      accessMs: 30 * dayMs,
    });
    const before = admin.clock.wallMs();
    const joined = await join(lab, token, { keys, name: "box" });
    const { facts } = joined;
    assert.equal(facts.peer, peerOf(keys));
    assert.equal(facts.tier, "publisher");
    assert.deepEqual([...facts.properties], [["zone", "north"]]);
    assert.equal(facts.issuedBy, admin.peer);
    assert.equal(facts.issue, 1);
    const deadline = facts.accessDeadlineMs ?? 0;
    assert.ok(deadline >= before + 30 * dayMs, "access begins with joining");
    assert.equal(joined.root.cluster, lab.root.cluster);
    assert.equal(joined.via, admin.peer);
    assert.deepEqual(joined.address, admin.address);
    assert.equal(joined.isAdminPending, false);
    const grant = admin.state.rights().grantOf(facts.peer);
    assert.equal(grant?.redemption, token.invite.terms.id);
    assert.equal(grant?.accessDeadlineMs, deadline, "the same on all nodes");
    await settle(lab);
  })());
});

Deno.test("joinCluster() publishes the redemption before it has the credential", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    let known = -1;
    admin.meddle = {
      down: (frame) => {
        if (frame.kind === 4) {
          known = other.state.rights().usesOf(token.invite.terms.id);
        }
        return frame;
      },
    };
    await join(lab, token);
    assert.equal(known, 1);
  })());
});

Deno.test("joinCluster() goes through a member that is no admin", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(admin);
  await lab.run((async () => {
    const token = await inviteOf(admin, { through: [member] });
    const joined = await join(lab, token);
    assert.equal(joined.via, member.peer);
    assert.equal(joined.redeemer, admin.peer);
    await settle(lab);
  })());
});

Deno.test("joinCluster() goes on to the next admin when one is silent", async () => {
  const lab = new Lab();
  const mute = lab.admin("mute");
  const gone = lab.admin("gone");
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  member.linked.push(mute, gone, admin);
  mute.isMute = true;
  gone.isUp = false;
  await lab.run((async () => {
    const token = await inviteOf(admin, { through: [member] });
    const joined = await join(lab, token);
    assert.equal(joined.redeemer, admin.peer);
  })());
});

Deno.test("joinCluster() redeems at another admin than the issuer", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [issuer, redeemer] });
    issuer.isUp = false;
    const joined = await join(lab, token);
    assert.equal(joined.redeemer, redeemer.peer);
    const { state } = issuer;
    assert.equal(state.rights().usesOf(token.invite.terms.id), 1);
  })());
});

Deno.test("joinCluster() with an invite that has expired is refused by every admin after 2 minutes", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    const through = [redeemer];
    const late = await inviteOf(issuer, { through, uses: 2 });
    await pause(lab.world, 300_000 + 60_000);
    await join(lab, late); // the two clocks may differ
    await pause(lab.world, 60_001);
    const says =
      /^The invite expired at 2026-.*Z; this clock says 2026-.*:07:00\.\d+Z$/;
    await refused(lab, late, { says });
    // Nor does a redeemer help whose clock is far behind.
    const token = await inviteOf(issuer, { through });
    redeemer.clock.setWallOffset(-hourMs);
    await refused(lab, token, { says: /valid only from .* this clock says/ });
  })());
});

Deno.test("joinCluster() with keys that were here before gives a newer certificate than theirs", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const former = lab.member("former", admin, { issue: 41 });
  await lab.run((async () => {
    const keys = former.identity;
    const joined = await join(lab, await inviteOf(admin), { keys });
    assert.equal(joined.facts.peer, former.peer);
    assert.equal(joined.facts.issue, 42);
  })());
});

Deno.test("joinCluster() lets an admin's invite in as a publisher, pending", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const token = await inviteOf(admin, {
      tier: "admin",
      subject: peerOf(keys),
    });
    const joined = await join(lab, token, { keys });
    assert.equal(joined.facts.tier, "publisher");
    assert.equal(joined.isAdminPending, true);
    assert.deepEqual(
      admin.state.rights().candidateOf(peerOf(keys)),
      signAuthorityKey({ signer }, { cluster: lab.root.cluster, ...keys }),
    );
  })());
});

Deno.test("joinCluster() gives a credential again when the answer was lost", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const token = await inviteOf(admin);
    let lost = 0;
    admin.meddle = {
      down: (frame) => frame.kind === 4 && lost++ === 0 ? undefined : frame,
    };
    const joined = await join(lab, token, { keys });
    assert.equal(lost, 2, "asked once more by itself");
    assert.equal(joined.facts.peer, peerOf(keys));
    const { id } = token.invite.terms;
    assert.equal(admin.state.rights().usesOf(id), 1);
    const redemptions = admin.state.published.flat()
      .filter(({ section }) => section === "redemptions");
    assert.equal(redemptions.length, 1, "nothing is written twice");
  })());
});

Deno.test("joinCluster() gives a credential again to a joiner killed before it came", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const killed = new AbortController();
    admin.meddle = {
      down: (frame) => {
        if (frame.kind !== 4) return frame;
        killed.abort(new UnreachableError("killed"));
        return undefined;
      },
    };
    await failure(join(lab, token, { keys, signal: killed.signal }));
    assert.equal(admin.state.rights().usesOf(token.invite.terms.id), 1);
    admin.meddle = {};
    const joined = await join(lab, token, { keys });
    assert.equal(joined.facts.peer, peerOf(keys));
    const other = await failure(join(lab, token));
    assert.match(other.message, /was used already/);
  })());
});

async function refused(
  lab: Lab,
  token: InviteToken,
  options: Options & { readonly says: RegExp },
): Promise<void> {
  const error = await failure(join(lab, token, options));
  assert.ok(error instanceof ReportedError, String(error));
  assert.match(error.message, options.says);
  assert.equal(error.outcome, "permission");
  assert.ok(error.hint !== undefined, "says what to do");
}

Deno.test("joinCluster() is refused with a used, a revoked and an expired invite", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const used = await inviteOf(admin);
    await join(lab, used);
    await refused(lab, used, { says: /was used already$/ });
    const revoked = await inviteOf(admin);
    await admin.admins.revokeInvite(revoked.invite.terms.id);
    await refused(lab, revoked, { says: /was revoked$/ });
    const expired = await inviteOf(admin, { ttlMs: 60_000 });
    await pause(lab.world, 60_001);
    await refused(lab, expired, { says: /expired at 20.*clock says 20/ });
    await settle(lab);
  })());
});

Deno.test("joinCluster() takes as many uses as the invite has", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin, { uses: 2 });
    await join(lab, token);
    await join(lab, token);
    await refused(lab, token, { says: /was used 2 times already$/ });
  })());
});

Deno.test("joinCluster() refuses a token for another node before it asks anybody", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const subject = peerOf(lab.newKeys());
    const token = await inviteOf(admin, { subject });
    const streams = admin.streams;
    const error = await failure(join(lab, token));
    assert.ok(error instanceof DeniedError);
    assert.match(error.hint ?? "", /pln invite [0-9a-f]{64}/);
    assert.equal(admin.streams, streams);
  })());
});

Deno.test("joinCluster() is refused by an admin that does not know the issuer", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [redeemer] });
    redeemer.state.documents.delete(issuer.peer);
    await refused(lab, token, { says: /is not known here$/ });
  })());
});

Deno.test("joinCluster() is refused with the invite of a denied admin", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [redeemer] });
    const asked = await redeemer.admins.deny(issuer.peer);
    await byRoot(lab, redeemer, asked);
    await refused(lab, token, { says: /was denied$/ });
  })());
});

Deno.test("joinCluster() does not bring back who was denied", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    await join(lab, await inviteOf(admin), { keys });
    await admin.admins.deny(peerOf(keys), { reason: "lost laptop" });
    const token = await inviteOf(admin);
    const error = await failure(join(lab, token, { keys }));
    assert.equal(error.code, "PLN_DENIED");
    assert.match(error.hint ?? "", /pln allow [0-9a-f]{64}/);
    assert.equal(admin.state.rights().usesOf(token.invite.terms.id), 0);
    await admin.admins.allow(peerOf(keys));
    const joined = await join(lab, token, { keys });
    assert.equal(joined.facts.peer, peerOf(keys));
  })());
});

Deno.test("joinCluster() lists what it tried when nobody answers", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const other = lab.admin("other");
  await lab.run((async () => {
    const token = await inviteOf(admin, { through: [admin, other] });
    admin.isUp = false;
    other.isUp = false;
    const startMs = lab.world.nowMs;
    const error = await failure(join(lab, token));
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /192\.0\.2\.1:7444.*192\.0\.2\.2:7444/);
    assert.match(error.hint ?? "", /UDP/);
    const tookMs = lab.world.nowMs - startMs;
    assert.equal(tookMs, 2 * limits.dialMsMax);
  })());
});

Deno.test("joinCluster() says the clock when nobody answers and it is off", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    await pause(lab.world, 10 * dayMs); // after the day of the build
    const token = await inviteOf(admin);
    admin.isUp = false;
    for (const wallOffsetMs of [-2 * hourMs, 2 * dayMs]) {
      const error = await failure(
        join(lab, token, { clock: { wallOffsetMs } }),
      );
      assert.equal(error.outcome, "unreachable");
      assert.match(error.hint ?? "", /clock says 20/);
    }
  })());
});

Deno.test("joinCluster() joins with a clock an hour off, and with ten years off says the clock and uses nothing up", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin, { uses: 2 });
    const { id } = token.invite.terms;
    for (const wallOffsetMs of [-10 * 365 * dayMs, 10 * 365 * dayMs]) {
      const error = await failure(
        join(lab, token, { clock: { wallOffsetMs } }),
      );
      assert.equal(error.code, "PLN_CREDENTIAL");
      assert.match(error.message, /clock/);
      // Before this program was made: nobody has to be asked.
      assert.equal(admin.streams, wallOffsetMs < 0 ? 0 : 1);
    }
    assert.equal(admin.state.rights().usesOf(id), 0);
    await join(lab, token, { clock: { wallOffsetMs: -hourMs } });
    await join(lab, token, { clock: { wallOffsetMs: hourMs } });
  })());
});

Deno.test("joinCluster() stops when its caller does", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    admin.isMute = true;
    const stop = new AbortController();
    const reason = new ClosedError("enough");
    lab.world.after(1_000, () => stop.abort(reason));
    await assert.rejects(
      join(lab, token, { signal: stop.signal }),
      (error) => error === reason,
    );
    assert.ok(lab.world.nowMs < 2_000);
  })());
});

Deno.test("joinCluster() ends within its total time when everybody is mute", async () => {
  const lab = new Lab();
  const nodes: LabNode[] = Array.from(
    { length: limits.inviteBootstrapsMax },
    (_, index) => lab.admin(`admin ${index}`),
  );
  await lab.run((async () => {
    const [first] = nodes;
    assert.ok(first !== undefined);
    const token = await inviteOf(first, { through: nodes });
    for (const node of nodes) node.isMute = true;
    const startMs = lab.world.nowMs;
    const error = await failure(join(lab, token));
    assert.equal(error.outcome, "unreachable");
    assert.ok(lab.world.nowMs - startMs <= limits.joinTotalMsMax + 1);
  })());
});

Deno.test("joinCluster() tells the refusal of one rather than the silence of others", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const redeemer = lab.admin("redeemer");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [redeemer, issuer] });
    await redeemer.admins.revokeInvite(token.invite.terms.id);
    issuer.isUp = false;
    await refused(lab, token, { says: /was revoked$/ });
  })());
});

Deno.test("joinCluster() says so when no admin can be reached", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  await lab.run((async () => {
    const token = await inviteOf(admin, { through: [member] });
    const error = await failure(join(lab, token));
    assert.equal(error.outcome, "unreachable");
    assert.match(error.message, /^No admin can be reached from node/);
  })());
});

Deno.test("joinCluster() takes the issuer's refusal as the last word", async () => {
  const lab = new Lab();
  const issuer = lab.admin("issuer");
  const other = lab.admin("other");
  await lab.run((async () => {
    const token = await inviteOf(issuer, { through: [issuer, other] });
    await issuer.admins.revokeInvite(token.invite.terms.id);
    await refused(lab, token, { says: /was revoked$/ });
    assert.equal(other.streams, 0);
  })());
});

Deno.test("joinCluster() asks again when the redeemer took too long to write", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  await lab.run((async () => {
    const token = await inviteOf(admin);
    const publish = admin.state.publish.bind(admin.state);
    admin.state.publish = async (changes) => {
      admin.state.publish = publish;
      await pause(lab.world, 2 * limits.joinMsMax);
      await publish(changes);
    };
    const joined = await join(lab, token);
    assert.equal(joined.redeemer, admin.peer);
    assert.equal(admin.state.rights().usesOf(token.invite.terms.id), 1);
  })());
});

Deno.test("joinCluster() comes again when a node is busy", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const count = limits.joinsBurstMax + 24;
  await lab.run((async () => {
    const token = await inviteOf(admin, { uses: count });
    const joins = Array.from(
      { length: count },
      (_, index) =>
        joinCluster(lab.making, token, {
          keys: lab.newKeys(),
          dialer: lab.dialer(`203.0.113.${index}`),
          signal: never,
        }),
    );
    const joined = await Promise.all(joins);
    assert.equal(joined.length, count);
    assert.ok(admin.logged("enroll.busy").length > 0, "some had to wait");
  })());
});

Deno.test("joinCluster() lets nobody in whose access ended before it came", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const subject = peerOf(keys);
    const token = await inviteOf(admin);
    await admin.admins.grant(subject, { accessMs: 60_000 });
    await pause(lab.world, 60_001);
    const error = await failure(join(lab, token, { keys }));
    assert.match(error.message, /^The access of node \w+ ended at/);
    assert.match(String(error.hint), /pln grant \w+ --expire-after/);
    const { id } = token.invite.terms;
    assert.equal(admin.state.rights().usesOf(id), 0, "nothing is used up");
    const useless = await failure(inviteOf(admin, { subject }));
    assert.match(useless.message, /^The access of node \w+ ended at/);
    await join(lab, token);
  })());
});

Deno.test("joinCluster() does not prolong an access that ended with another invite", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    const first = await inviteOf(admin, { accessMs: 60_000 });
    await join(lab, first, { keys });
    await pause(lab.world, 60_001);
    const token = await inviteOf(admin);
    const error = await failure(join(lab, token, { keys }));
    assert.match(error.message, /^The access of node \w+ ended at/);
    await join(lab, token);
  })());
});

Deno.test("joinCluster() gives what was granted before, not what the invite says", async () => {
  const lab = new Lab();
  const admin = lab.admin("admin");
  const keys = lab.newKeys();
  await lab.run((async () => {
    await admin.admins.grant(peerOf(keys), {
      tier: "publisher",
      properties: new Map([["zone", "south"]]),
    });
    const token = await inviteOf(admin);
    const { facts } = await join(lab, token, { keys });
    assert.equal(facts.tier, "publisher");
    assert.deepEqual([...facts.properties], [["zone", "south"]]);
  })());
});
