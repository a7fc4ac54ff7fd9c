// Lies about who has what, questions without end, and frames that mean nothing.
// In comes a court; honest nodes lose no time over any of them, and no link to
// each other.

import { limits } from "../../kernel/mod.ts";
import {
  encodeAged,
  encodePlaces,
  headsMessage,
  kinds,
  prefixOf,
  signRecord,
} from "../../gossip/mod.ts";
import type { Lie } from "./court.ts";

/** Words of the protocol rather than documents. */
export const protocolLies: readonly Lie[] = [
  ["places that nobody has", async (court) => {
    const items = [...court.honest, court.mal].map(({ peer }) => ({
      prefix: prefixOf(peer),
      generation: 2 ** 40,
      seq: 7,
    }));
    const strangers = Array.from({ length: 500 }, (_, index) => ({
      prefix: index.toString(16).padStart(16, "0"),
      generation: 1,
      seq: 1,
    }));
    const body = encodePlaces([...items, ...strangers]);
    for (const member of court.honest) {
      await court.liar.say(member, { kind: kinds.announce, body });
    }
    await court.cluster.pause(10_000);
  }],
  ["that the others wrote more than they did", async (court) => {
    for (const member of court.honest) {
      const { peer: owner } = member;
      const heads = [{ owner, generation: 2 ** 40, seq: 7 }];
      const body = headsMessage.encode({ heads });
      await court.liar.say(member, { kind: kinds.heads, body });
    }
    await court.cluster.pause(10_000);
  }],
  ["digests for ever", async (court) => {
    const body = new Uint8Array(limits.stateBuckets * 8);
    await court.flood({ kind: kinds.digests, body });
  }],
  ["wants for ever", async (court) => {
    const places = Array.from({ length: limits.gossipWantItemsMax }, () => ({
      prefix: prefixOf(court.victim.peer),
      generation: 0,
      seq: 0,
    }));
    await court.flood({ kind: kinds.want, body: encodePlaces(places) });
  }],
  ["wants for documents that nobody has", async (court) => {
    const places = Array.from({ length: 64 }, (_, index) => ({
      prefix: (index + 1).toString(16).padStart(16, "a"),
      generation: 0,
      seq: 0,
    }));
    await court.flood({ kind: kinds.want, body: encodePlaces(places) });
  }],
  ["follows for ever", async (court) => {
    for (let index = 0; index < 50; index++) {
      const body = Uint8Array.of(index);
      await court.liar.say(court.victim, { kind: kinds.follow, body });
    }
  }],
  ["a fork that is none", async (court) => {
    const copies = await court.copyOf(court.victim.peer);
    const [first] = copies;
    const second = court.liar.signed(
      court.base({ owner: court.victim.peer, generation: 1, seq: 1 }),
    );
    if (first === undefined) return;
    const frames = [first, first, first, second].map((body) => ({
      kind: kinds.fork,
      body,
    }));
    for (const member of court.honest) {
      await court.liar.say(member, ...frames);
    }
    await court.cluster.pause(2_000);
    court.stage.expect(court.forks === 0, "nobody was voided");
  }],
  ["somebody else's record, and its own from the future", async (court) => {
    const { signer } = court.mal.process.ports;
    const by = { ...court.liar.identity, signer };
    const record = {
      ...{ generation: 2 ** 40, seq: 2 ** 40, periodMs: 1, wallMs: 2 ** 47 },
      load: {
        ...{ permille: 0, cores: 1, freeBytes: 0, totalBytes: 0 },
        callsUnderWay: 0,
      },
      ...{ seeds: [], rtts: [] },
    };
    for (const { peer: owner } of [court.victim, court.mal]) {
      const body = encodeAged(0, signRecord(by, { ...record, owner }));
      for (const member of court.honest) {
        await court.liar.say(member, { kind: kinds.record, body });
      }
    }
    await court.cluster.pause(30_000);
    for (const member of court.honest) {
      const rows = member.node.members.peers();
      const row = rows.find(({ peer }) => peer === court.victim.peer);
      const isThere = row?.state !== "unreachable";
      court.stage.expect(isThere, "the victim is still there");
    }
  }],
  ["nothing at all", async (court) => {
    await court.cluster.pause(20_000);
  }],
];
