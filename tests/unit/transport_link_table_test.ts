// The engine that keeps one connection per peer: values in, effects out.

import assert from "node:assert/strict";
import { type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import {
  type Candidate,
  type LinkEffect,
  LinkTable,
} from "../../src/transport/links.ts";
import { closeCodes } from "../../src/transport/protocols.ts";

const small = peerIdOf(new Uint8Array(32).fill(1));
const large = peerIdOf(new Uint8Array(32).fill(2));
const boots = [1, 2].map((byte) => new Uint8Array(16).fill(byte));

/** A connection as one of its two ends sees it. */
function seen(
  own: PeerId,
  { dialer, id, boot = 0, replaces = [] }: {
    readonly dialer: PeerId;
    readonly id: string;
    readonly boot?: number;
    readonly replaces?: readonly string[];
  },
): Candidate {
  return {
    peer: own === small ? large : small,
    id,
    isDialer: dialer === own,
    bootId: boots[boot] ?? new Uint8Array(16),
    replaces,
  };
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest])
  );
}

function types(effects: readonly LinkEffect[]): string[] {
  return effects.map(({ type, id }) => `${type} ${id}`);
}

Deno.test("LinkTable keeps the same connection at both ends, whatever the order in which they see them", () => {
  const connections = [
    { dialer: small, id: "b" },
    { dialer: large, id: "a" },
    { dialer: small, id: "c" },
    { dialer: large, id: "d" },
  ];
  const kept = new Set<string | undefined>();
  for (const own of [small, large]) {
    for (const order of permutations(connections)) {
      const table = new LinkTable(own);
      for (const connection of order) table.add(seen(own, connection));
      kept.add(table.current(own === small ? large : small));
    }
  }
  assert.deepEqual([...kept], ["b"]);
});

Deno.test("LinkTable serves the first connection at once and drains the loser", () => {
  const table = new LinkTable(small);
  const first = table.add(seen(small, { dialer: large, id: "a" }));
  assert.deepEqual(types(first), ["serve a"]);
  const better = table.add(seen(small, { dialer: small, id: "b" }));
  assert.deepEqual(types(better), ["serve b", "drain a"]);
  const worse = table.add(seen(small, { dialer: large, id: "c" }));
  assert.deepEqual(types(worse), ["drain c"]);
});

Deno.test("LinkTable drops what a new connection replaces, of that peer only", () => {
  const table = new LinkTable(small);
  const other = peerIdOf(new Uint8Array(32).fill(3));
  table.add({ ...seen(small, { dialer: large, id: "theirs" }), peer: other });
  table.add(seen(small, { dialer: small, id: "a" }));
  const effects = table.add(
    seen(small, { dialer: large, id: "b", replaces: ["a", "theirs", "x"] }),
  );
  assert.deepEqual(types(effects), ["close a", "serve b"]);
  assert.equal(table.current(other), "theirs");
});

Deno.test("LinkTable replaces a connection of the peer's former process that does not answer", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: small, id: "old" }));
  const effects = table.add(seen(small, { dialer: large, id: "new", boot: 1 }));
  assert.deepEqual(types(effects), ["probe old"]);
  assert.equal(table.current(large), "old");
  assert.deepEqual(types(table.probed("old", false)), [
    "close old",
    "serve new",
  ]);
});

Deno.test("LinkTable closes the newcomer as a clone when the former process answers", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: large, id: "old" }));
  table.add(seen(small, { dialer: large, id: "new", boot: 1 }));
  const [effect] = table.probed("old", true);
  assert.ok(effect?.type === "close" && effect.id === "new");
  assert.equal(effect.code, closeCodes.clone);
  assert.equal(table.current(large), "old");
});

Deno.test("LinkTable serves who waits for a probe as soon as the old connection ends", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: large, id: "old" }));
  table.add(seen(small, { dialer: large, id: "new", boot: 1 }));
  const effects = table.ended("old", { isKnown: false });
  assert.deepEqual(types(effects), ["serve new"]);
  assert.deepEqual(table.probed("old", false), []);
  assert.equal(table.current(large), "new");
});

Deno.test("LinkTable keeps a link whose probe is late when the newcomer has gone", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: large, id: "old" }));
  table.add(seen(small, { dialer: large, id: "new", boot: 1 }));
  table.ended("new", { isKnown: true });
  assert.deepEqual(table.probed("old", false), []);
  assert.equal(table.current(large), "old");
});

Deno.test("LinkTable probes again after the probed connection gave way to a better one", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: large, id: "old" }));
  table.add(seen(small, { dialer: large, id: "new", boot: 1 }));
  const effects = table.add(seen(small, { dialer: small, id: "best" }));
  assert.deepEqual(types(effects), ["serve best", "probe best", "drain old"]);
  assert.deepEqual(types(table.probed("best", false)), [
    "close best",
    "serve new",
  ]);
});

Deno.test("LinkTable names in the next dial what was lost without the peer's word", () => {
  const table = new LinkTable(small);
  for (const id of ["a", "b", "c", "d", "e"]) {
    table.add(seen(small, { dialer: small, id }));
    table.ended(id, { isKnown: id === "e" });
  }
  assert.deepEqual(table.replacedBy(large), []);
  table.add(seen(small, { dialer: small, id: "f" }));
  table.ended("f", { isKnown: false });
  assert.deepEqual(table.replacedBy(large), ["f"]);
  table.add(seen(small, { dialer: small, id: "g" }));
  assert.deepEqual(table.replacedBy(large), [], "the peer knows now");
});

Deno.test("LinkTable forgets a peer whose connections have all ended", () => {
  const table = new LinkTable(small);
  table.add(seen(small, { dialer: small, id: "a" }));
  table.add(seen(small, { dialer: small, id: "b" }));
  table.ended("a", { isKnown: true });
  table.ended("b", { isKnown: true });
  assert.equal(table.size, 0);
  assert.equal(table.current(large), undefined);
});
