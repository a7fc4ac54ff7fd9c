// peers.json: what a node remembers over restarts, on disks that fail and after
// people or power have been at the file.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { limits, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import {
  openPeersFile,
  type PeersFile,
  rememberPeers,
} from "../../src/mesh/peers_file.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimDisk } from "../../src/sim/disk.ts";
import { openSimLog } from "../../src/sim/log.ts";
import { openWorld, type World } from "../../src/sim/world.ts";
import { peerNumber } from "./mesh_world.ts";

const path = "peers.json";
const peer = peerNumber(7);
const there = { ip: "10.0.0.7", port: 60_611 };

function openLab() {
  const world = openWorld(1, { turn: openTurn() });
  const disk = openSimDisk(world);
  const log = openSimLog(world);
  const mount = () => ({
    clock: openSimClock(world),
    disk: disk.mount(),
    log,
  });
  return { world, disk, log, mount };
}

type Lab = ReturnType<typeof openLab>;

async function openFile(lab: Lab): Promise<PeersFile> {
  return await lab.world.complete(openPeersFile(lab.mount()));
}

async function close(world: World, file: PeersFile): Promise<void> {
  await world.complete(file[Symbol.asyncDispose]());
}

function meet(file: PeersFile): void {
  file.book.met(peer, { remote: there, tier: "publisher", atMs: 4_711 });
}

async function write(lab: Lab, text: string): Promise<void> {
  const work = lab.disk.mount().writeAtomic(path, utf8(text));
  await lab.world.complete(work);
}

async function textOf(lab: Lab, name = path): Promise<string> {
  const bytesMax = limits.peersFileBytesMax;
  const work = lab.disk.mount().read(name, { bytesMax });
  return utf8TextLossy(await lab.world.complete(work));
}

function events(lab: Lab): readonly string[] {
  return lab.log.records.map(({ event }) => event);
}

Deno.test("PeersFile brings a book back as it was", async () => {
  const lab = openLab();
  const first = await openFile(lab);
  meet(first);
  first.book.named(peer, "web");
  first.book.note(peer, [{ ip: "fd00::7", port: 1 }], { source: "said" });
  first.book.note(peer, [{ ip: "10.9.9.9", port: 1 }], { source: "told" });
  first.book.note(peerNumber(8), [there], { source: "said" });
  first.book.markLeft(peerNumber(8));
  await close(lab.world, first);
  const second = await openFile(lab);
  assert.deepEqual([...second.book.records()], [...first.book.records()]);
  assert.deepEqual(events(lab), []);
});

Deno.test("PeersFile does not save what was only heard", async () => {
  const lab = openLab();
  const first = await openFile(lab);
  meet(first);
  first.book.note(peerNumber(9), [there], { source: "told" });
  await close(lab.world, first);
  const second = await openFile(lab);
  assert.deepEqual([...second.book.records()].map((one) => one.peer), [peer]);
});

Deno.test("PeersFile saves within 5 s, and not for each change", async () => {
  const lab = openLab();
  const file = await openFile(lab);
  const writes = () =>
    lab.world.trace.lines.filter((line) => line.includes('"write"')).length;
  for (let port = 1; port <= 1_000; port++) {
    const address = { ip: "10.0.0.1", port };
    file.book.met(peer, { remote: address, tier: "leaf", atMs: port });
    await lab.world.run(lab.world.nowMs + 10);
  }
  const isRationed = writes() >= 1 && writes() <= 2;
  assert.ok(isRationed, `${writes()} writes in 10 s`);
  await lab.world.run(lab.world.nowMs + limits.peersSaveMs);
  assert.match(await textOf(lab), /"port":1000,/);
  await close(lab.world, file);
});

Deno.test("PeersFile saves the first peer soon, the next ones later", async () => {
  const lab = openLab();
  const file = await openFile(lab);
  const meetAt = (port: number) => {
    const remote = { ip: "10.0.0.1", port };
    file.book.met(peer, { remote, tier: "leaf", atMs: port });
  };
  meetAt(1);
  await lab.world.run(lab.world.nowMs + limits.peersSaveMsMin);
  assert.match(await textOf(lab), /"port":1,/);
  meetAt(2);
  await lab.world.run(lab.world.nowMs + limits.peersSaveMs / 2);
  assert.doesNotMatch(await textOf(lab), /"port":2,/);
  await lab.world.run(lab.world.nowMs + limits.peersSaveMs);
  assert.match(await textOf(lab), /"port":2,/);
  await close(lab.world, file);
});

Deno.test("PeersFile writes nothing when nothing changed", async () => {
  const lab = openLab();
  await close(lab.world, await openFile(lab));
  await assert.rejects(textOf(lab), { fault: "not-found" });
});

const damages: readonly (readonly [string, string])[] = [
  ["no JSON", "{"],
  ["an empty file", ""],
  ["another format", '{"version":2,"peers":[]}'],
  ["no object", "[1,2]"],
  ["no list", '{"version":1,"peers":{}}'],
];

for (const [what, text] of damages) {
  Deno.test(`PeersFile sets aside what is ${what}`, async () => {
    const lab = openLab();
    await write(lab, text);
    const file = await openFile(lab);
    assert.equal(file.book.size, 0);
    assert.deepEqual(events(lab), ["peers.damaged"]);
    assert.equal(await textOf(lab, "peers.json.damaged"), text);
    meet(file);
    await close(lab.world, file);
    assert.equal((await openFile(lab)).book.size, 1);
  });
}

Deno.test("PeersFile sets a file of more than 16 MiB aside", async () => {
  const lab = openLab();
  await write(lab, " ".repeat(limits.peersFileBytesMax + 1));
  assert.equal((await openFile(lab)).book.size, 0);
  assert.deepEqual(events(lab), ["peers.damaged"]);
});

const good = { ip: "10.0.0.1", port: 1, source: "said" };
/** R05: each with one thing wrong, beside a good one. */
const strangeEntries: readonly unknown[] = [
  ...[1, "x", [], {}, { peer }],
  { peer: "../x", addresses: [good] },
  { peer: peer.toUpperCase().replace("0", "A"), addresses: [good] },
  { peer, addresses: "10.0.0.1" },
  { peer, addresses: Array.from({ length: 17 }, () => good) },
  { peer, addresses: [{ ...good, ip: "web.example" }] },
  { peer, addresses: [{ ...good, port: "1" }] },
  { peer, addresses: [{ ...good, port: 0 }] },
  { peer, addresses: [{ ...good, source: "me" }] },
  { peer, addresses: [{ ...good, ip: "1".repeat(100_000) }] },
];

Deno.test("PeersFile leaves out entries that do not fit (R05)", async () => {
  const lab = openLab();
  const kept = { peer: peerNumber(8), addresses: [good] };
  const peers = [...strangeEntries, kept];
  await write(lab, JSON.stringify({ version: 1, peers }));
  const file = await openFile(lab);
  assert.deepEqual([...file.book.records()].map((one) => one.peer), [
    kept.peer,
  ]);
  assert.deepEqual(
    lab.log.records.map(({ event, fields }) => [event, fields]),
    [
      ["peers.dropped", { entries: strangeEntries.length }],
    ],
  );
});

Deno.test("PeersFile keeps an entry whose name is none, without it", async () => {
  const lab = openLab();
  const entry = {
    ...{ peer, addresses: [good, { ip: "no" }], name: "\u001b[31m" },
    ...{ tier: "king", lastSeenMs: -1, hasLeft: "yes", more: 1 },
  };
  await write(lab, JSON.stringify({ version: 1, peers: [entry] }));
  assert.deepEqual((await openFile(lab)).book.get(peer), {
    ...{ peer, addresses: [good], name: undefined },
    ...{ tier: undefined, lastSeenMs: undefined, hasLeft: false },
  });
});

Deno.test("PeersFile goes on when the disk is full, and saves later", async () => {
  const lab = openLab();
  const file = await openFile(lab);
  const full = lab.disk.fail("full");
  meet(file);
  await lab.world.run(lab.world.nowMs + 60_000);
  assert.deepEqual(events(lab), ["peers.unsaved"], "told once");
  full[Symbol.dispose]();
  await lab.world.run(lab.world.nowMs + 2 * limits.peersSaveMs);
  assert.match(await textOf(lab), /10\.0\.0\.7/);
  await close(lab.world, file);
});

Deno.test("PeersFile does not overwrite what it could not read", async () => {
  const lab = openLab();
  const first = await openFile(lab);
  meet(first);
  await close(lab.world, first);
  const broken = lab.disk.fail("io", { path });
  const file = await openFile(lab);
  broken[Symbol.dispose]();
  file.book.note(peerNumber(9), [there], { source: "said" });
  await close(lab.world, file);
  const third = await openFile(lab);
  assert.deepEqual([...third.book.records()].map((one) => one.peer), [peer]);
});

Deno.test("PeersFile closes when the disk hangs", async () => {
  const lab = openLab();
  const disk = {
    ...lab.disk.mount(),
    read: () => Promise.resolve(utf8('{"version":1,"peers":[]}')),
    writeAtomic: () => new Promise<never>(() => {}),
  };
  const clock = openSimClock(lab.world);
  const needs = { clock, disk, log: lab.log };
  const file = await lab.world.complete(openPeersFile(needs));
  meet(file);
  await lab.world.complete(file[Symbol.asyncDispose](), {
    withinMs: limits.peersCloseMsMax,
  });
});

Deno.test("rememberPeers() adds to what a directory knows", async () => {
  const lab = openLab();
  const file = await openFile(lab);
  meet(file);
  await close(lab.world, file);
  const invited = { peer: peerNumber(9), addresses: [there] };
  await lab.world.complete(rememberPeers(lab.mount(), [invited]));
  const { book } = await openFile(lab);
  assert.deepEqual([...book.records()].map((one) => one.peer), [
    peer,
    invited.peer,
  ]);
});
