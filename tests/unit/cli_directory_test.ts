// Commands on the directory: init, id, set, unset, config show and purge. The
// identity is the real one, on a disk in memory.

import assert from "node:assert/strict";
import { identityFiles } from "../../src/identity/mod.ts";
import { utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import { CliWorld, directory, samplePeer } from "./cli_world.ts";

async function textOf(world: CliWorld, path: string): Promise<string> {
  const bytes = await world.disk().read(path, { bytesMax: 65_536 });
  return utf8TextLossy(bytes);
}

async function initialised(): Promise<CliWorld> {
  const world = new CliWorld();
  const ran = await world.run("init");
  assert.equal(ran.code, 0, ran.err);
  return world;
}

Deno.test("pln init makes a cluster and says what to back up", async () => {
  const world = new CliWorld();
  const ran = await world.run("init", "--prop", "zone=home", "--json");
  assert.equal(ran.code, 0, ran.err);
  const made = JSON.parse(ran.out);
  assert.match(made.peer, /^[0-9a-f]{64}$/);
  assert.match(made.cluster, /^[0-9a-f]{64}$/);
  assert.deepEqual(
    { ...made, peer: "", cluster: "" },
    {
      version: 1,
      peer: "",
      cluster: "",
      directory,
      rootKey: `${directory}/${identityFiles.rootKey}`,
      isProtected: false,
    },
  );
  assert.match(
    await textOf(world, identityFiles.rootKey),
    /^-----BEGIN PRIVATE KEY-----/,
  );
  const text = (await initialised()).run("id");
  assert.equal((await text).code, 0);
});

Deno.test("pln init twice changes nothing", async () => {
  const world = await initialised();
  const before = await textOf(world, identityFiles.rootKey);
  const again = await world.run("init");
  assert.deepEqual([again.code, again.out], [1, ""]);
  assert.match(again.err, /There is a node in .* already\n {2}Run "pln up"/);
  assert.equal(await textOf(world, identityFiles.rootKey), before);
});

Deno.test("pln init refuses properties it cannot certify", async () => {
  const cases = [
    ["zone", /--prop takes key=value/],
    ["=home", /--prop takes key=value/],
    ["Zone=home", /no property name/],
    ["pln.zone=home", /Property "pln\.zone" is reserved/],
  ] as const;
  for (const [property, says] of cases) {
    const world = new CliWorld();
    const ran = await world.run("init", "--prop", property);
    assert.equal(ran.code, 2);
    assert.match(ran.err, says);
    assert.deepEqual(await world.disk().list("keys"), []);
  }
});

Deno.test("pln init --passphrase-file protects the root key", async () => {
  const world = new CliWorld();
  world.files.set("/home/ann/work/secret", utf8("correct horse\n"));
  const ran = await world.run("init", "--passphrase-file", "secret");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /root key +\S+ \(protected\)\n/);
  assert.doesNotMatch(
    await textOf(world, identityFiles.rootKey),
    /BEGIN PRIVATE KEY/,
  );
});

Deno.test("pln init refuses a passphrase file without a passphrase", async () => {
  const world = new CliWorld();
  for (const bytes of [new Uint8Array(0), utf8("\n"), new Uint8Array([0xff])]) {
    world.files.set("/s", bytes);
    const ran = await world.run("init", "--passphrase-file", "/s");
    assert.equal(ran.code, 2);
    assert.match(ran.err, /\/s holds no passphrase/);
  }
  assert.deepEqual(await world.disk().list("keys"), []);
});

Deno.test("pln init --passphrase asks twice, on a terminal only", async () => {
  const world = new CliWorld();
  const piped = await world.run("init", "--passphrase");
  assert.equal(piped.code, 2);
  assert.match(piped.err, /needs a terminal[^]*--passphrase-file/);
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.answers = ["one", "two"];
  const differ = await world.run("init", "--passphrase");
  assert.match(differ.err, /The passphrases differ/);
  world.answers = ["", ""];
  const empty = await world.run("init", "--passphrase");
  assert.match(empty.err, /The passphrase is empty/);
  world.answers = ["same", "same"];
  const ran = await world.run("init", "--passphrase");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /\(protected\)/);
  assert.ok(!(ran.out + ran.err).includes("same"));
});

Deno.test("Ctrl-C at a question exits 130 and changes nothing", async () => {
  const world = new CliWorld();
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.interruptsQuestions = true;
  const ran = await world.run("init", "--passphrase");
  assert.equal(ran.code, 130);
  assert.deepEqual(await world.disk().list("keys"), []);
});

Deno.test("pln init leaves a directory alone that a daemon holds", async () => {
  const world = new CliWorld();
  await using _lock = await world.disk().lock("lock");
  const ran = await world.run("init");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /A daemon uses .*\n {2}Stop it with "pln down"/);
});

Deno.test("pln init on a read-only directory exits 4", async () => {
  const world = new CliWorld();
  using _fault = world.simDisk().fail("read-only");
  const ran = await world.run("init");
  assert.equal(ran.code, 4);
  assert.match(ran.err, /mounted read-only/);
});

Deno.test("pln id asks the daemon, else reads the certificates", async () => {
  const world = await initialised();
  const alone = await world.run("id");
  assert.match(alone.out, /^[0-9a-f]{64}\n$/);
  for (const key of [identityFiles.nodeKey, identityFiles.authorityKey]) {
    await world.disk().remove(key);
  }
  assert.deepEqual(await world.run("id"), alone, "it reads no key");
  world.serve();
  assert.equal((await world.run("id")).out, `${samplePeer}\n`);
});

Deno.test("pln id gives a directory without a node its key", async () => {
  const world = new CliWorld();
  const first = await world.run("id");
  assert.match(first.out, /^[0-9a-f]{64}\n$/);
  assert.match(first.err, /^This node is in no cluster yet\. .*\n.*pln invite/);
  const again = await world.run("id", "--json");
  const peer = first.out.trim();
  assert.deepEqual([again.code, again.err], [0, ""], "no note for programs");
  assert.deepEqual(JSON.parse(again.out), { version: 1, peer });
  const made = await world.run("init", "--json");
  assert.equal(JSON.parse(made.out).peer, peer, "init uses that key");
  const { cluster, tier } = JSON.parse((await world.run("id", "--json")).out);
  assert.deepEqual([cluster, tier], [JSON.parse(made.out).cluster, "admin"]);
});

Deno.test("pln id leaves an offline root key where it lies", async () => {
  const world = new CliWorld();
  const { rootKey } = identityFiles;
  const text = utf8("a root key");
  await world.disk().writeAtomic(rootKey, text, { mode: 0o600 });
  assert.equal((await world.run("id")).code, 0);
  const keys = (await world.disk().list("keys")).map(({ name }) => name);
  assert.deepEqual(keys, ["authority.pem", "node.pem", "root.pem"]);
  assert.equal(await textOf(world, rootKey), "a root key");
});

Deno.test("pln id waits for nobody who holds the directory", async () => {
  const world = new CliWorld();
  await using _lock = await world.disk().lock("lock");
  const ran = await world.run("id");
  assert.deepEqual([ran.code, ran.out], [1, ""]);
  assert.match(ran.err, /^pln: Another pln command uses .*\n {2}Try again/);
});

Deno.test("pln set edits config.yaml and tells a running daemon", async () => {
  const world = new CliWorld();
  await world.disk().writeAtomic("config.yaml", utf8("# mine\nhttp: 1\n"));
  const alone = await world.run("set", "http", "8081");
  assert.deepEqual([alone.code, alone.out], [0, "http: 8081\n"]);
  assert.equal(await textOf(world, "config.yaml"), "# mine\nhttp: 8081\n");
  world.serve();
  const ran = await world.run("set", "static-http");
  assert.equal(
    ran.out,
    "static-http: 8080\nThe running daemon took over log-level.\n" +
      'Run "pln restart" to take over http.\n',
  );
  assert.equal(
    await textOf(world, "config.yaml"),
    "# mine\nhttp: 8081\nstatic-http: 8080\n",
  );
});

Deno.test("pln set refuses unknown keys and values, and writes nothing", async () => {
  const world = new CliWorld();
  const cases = [
    [["set", "htpp", "1"], /no key "htpp"\n {2}The keys are name, port/],
    [["set", "http", "x"], /http must be a port/],
    [["set", "http", "off"], /cannot be set to off\n {2}Run "pln unset http"/],
    [["set", "name"], /"name" needs a value/],
    [["set", "name", "A/B"], /name must be a name/],
    [["set", "constructor", "1"], /no key "constructor"/],
    [["unset", "nothing"], /no key "nothing"/],
  ] as const;
  for (const [words, says] of cases) {
    const ran = await world.run(...words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.err, says);
  }
  assert.deepEqual(await world.disk().list(""), []);
});

Deno.test("a broken config.yaml stops set, unset, show and up with its line", async () => {
  const world = await initialised();
  const broken = "name: a\nhtpp: 80\n";
  await world.disk().writeAtomic("config.yaml", utf8(broken));
  for (
    const words of [
      ["set", "http", "80"],
      ["unset", "name"],
      ["config", "show", "--json"],
      ["config", "show", "--effective"],
      ["up"],
      ["up", "-d"],
      ["restart"],
    ]
  ) {
    const ran = await world.run(...words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.ok(ran.err.includes("config.yaml:2: unknown key"), ran.err);
  }
  assert.equal(await textOf(world, "config.yaml"), broken);
  assert.deepEqual(world.launches, []);
});

Deno.test("pln unset takes a key out, and does not mind its absence", async () => {
  const world = new CliWorld();
  await world.disk().writeAtomic("config.yaml", utf8("# a\nhttp: 1\n"));
  assert.equal((await world.run("unset", "http")).out, "http is unset\n");
  assert.equal(await textOf(world, "config.yaml"), "# a\n");
  const again = await world.run("unset", "http", "--json");
  assert.deepEqual(JSON.parse(again.out), {
    version: 1,
    key: "http",
    wasSet: false,
  });
});

Deno.test("pln config show prints the file, or each setting's origin", async () => {
  const world = new CliWorld();
  const text = "# mine\nhttp: 8081\n";
  await world.disk().writeAtomic("config.yaml", utf8(text));
  world.variables.set("PLN_LOG_LEVEL", "debug");
  assert.equal((await world.run("config", "show")).out, text);
  const effective = await world.run("config", "show", "--effective");
  assert.equal(
    effective.out,
    "KEY          VALUE         ORIGIN\n" +
      "name         ann-s-laptop  default\n" +
      "port         60611         default\n" +
      "public       false         default\n" +
      "ips          none          default\n" +
      "http         8081          file\n" +
      "static-http  off           default\n" +
      "log-level    debug         environment\n",
  );
  const json = await world.run("config", "show", "--effective", "--json");
  assert.deepEqual(JSON.parse(json.out).settings.http, {
    value: 8081,
    origin: "file",
  });
});

const data = [
  ...["journal/00000001.log", "history/00000001.log"],
  `store/ab/${"ab".repeat(32)}`,
  `cache/modules/${"cd".repeat(32)}`,
  ...["pln.log", "pln.log.1"],
  ...["pln.err", "pln.err.12"],
];
const left = "old/0123abcd-2";
const identity = [
  ...["peers.json", "peers.json.damaged", "replicas/00000001.log"],
  ...[`${left}/moved`, `${left}/keys/node.pem`, `${left}/keys-1/root.pem`],
  ...[`${left}/certs/root.pem`, `${left}/journal/00000001.log`],
  ...[`${left}/replicas/00000001.log`, `${left}/peers.json`],
  `${left}/history/00000001.log`,
  `${left}/store/ab/${"ab".repeat(32)}`,
];
const kept = ["config.yaml", "holiday.jpg", ...identity];

async function used(): Promise<CliWorld> {
  const world = await initialised();
  for (const path of [...data, ...kept]) {
    await world.disk().writeAtomic(path, utf8("x"));
  }
  return world;
}

async function namesIn(world: CliWorld): Promise<readonly string[]> {
  return (await world.disk().list("")).map(({ name }) => name);
}

Deno.test("pln purge removes data and keeps identity and settings", async () => {
  const world = await used();
  const ran = await world.run("purge", "--yes");
  assert.equal(ran.code, 0, ran.err);
  assert.equal(
    ran.out,
    "Removed cache, history, journal, pln.err, pln.err.12, pln.log, pln.log.1, store\n" +
      "Kept certs, config.yaml, keys, old, peers.json, peers.json.damaged, " +
      "replicas and 1 other entry\n",
  );
  for (const path of kept) assert.equal(await textOf(world, path), "x", path);
  const again = await world.run("purge", "--yes");
  assert.match(again.out, /^There was nothing to remove\n/);
});

Deno.test("pln purge --include-keys spares only what is not ours", async () => {
  const world = await used();
  const ran = await world.run("purge", "--yes", "--include-keys", "--json");
  const { kept, others } = JSON.parse(ran.out);
  assert.deepEqual([kept, others], [[], 1]);
  assert.deepEqual(await namesIn(world), ["holiday.jpg"]);
});

Deno.test("pln purge spares strangers' files inside the node's folders", async () => {
  const world = await used();
  const foreign = [
    ...["keys/mine.pem", "certs/ca.pem", "journal/diary.log"],
    ...["store/photos.jpg", "store/ab/x.jpg", `store/cd/${"ab".repeat(32)}`],
    ...["cache/x", "cache/modules/x", "keys/root.pem.bak"],
    ...["journal/00000002.log/x", "replicas/x.log", "old/x", "old/y/moved"],
    ...[`${left}/diary`, `${left}/keys/mine.pem`, `${left}/store/ab/y.jpg`],
  ];
  for (const path of foreign) await world.disk().writeAtomic(path, utf8("x"));
  const ran = await world.run("purge", "--yes", "--include-keys");
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /^Removed cache, certs, .*\nKept 17 other entries\n$/);
  for (const path of foreign) {
    assert.equal(await textOf(world, path), "x", path);
  }
  const gone = [
    ...[...data, ...identity, "lock"],
    ...Object.values(identityFiles),
  ];
  for (const path of gone) {
    assert.equal(await world.disk().stat(path), undefined, path);
  }
});

Deno.test("pln purge touches no directory that is not a node's", async () => {
  const world = new CliWorld();
  const foreign = [
    ...["keys/node.pem", "certs/member.pem", "store/photos.jpg"],
    ...["journal/00000001.log", "journal/diary", "config.yaml"],
  ];
  for (const path of foreign) await world.disk().writeAtomic(path, utf8("x"));
  const before = await namesIn(world);
  for (const more of [[], ["--include-keys"]]) {
    const ran = await world.run("purge", "--yes", ...more);
    assert.deepEqual([ran.code, ran.out], [3, ""]);
    assert.match(ran.err, /There is no node in .*\n {2}.*check --dir/);
  }
  assert.deepEqual(await namesIn(world), before, "and no lock is left");
  for (const path of foreign) assert.equal(await textOf(world, path), "x");
});

Deno.test("pln purge knows a node without certificates by its journal", async () => {
  const world = new CliWorld();
  const path = "journal/00000001.log";
  await world.disk().writeAtomic(path, utf8("PLNJ and more"));
  const ran = await world.run("purge", "--yes");
  assert.deepEqual([ran.code, ran.out], [0, "Removed journal\n"]);
});

Deno.test("pln purge asks, and takes only a yes", async () => {
  const world = await used();
  const before = await namesIn(world);
  const unasked = await world.run("purge");
  assert.equal(unasked.code, 2);
  assert.match(unasked.err, /Nobody can be asked[^\n]*\n {2}Add "--yes"/);
  world.isTerminal = { ...world.isTerminal, stdin: true };
  for (const answer of ["", "n", "no", "yep"]) {
    world.answers = [answer];
    const ran = await world.run("purge");
    assert.equal(ran.code, 2);
    assert.match(ran.err, /journal, pln\.err.*\n.*Remove them\?/);
    assert.match(ran.err, /Nothing was removed/);
  }
  assert.deepEqual(await namesIn(world), before);
  world.answers = ["Y"];
  assert.equal((await world.run("purge")).code, 0);
});

Deno.test("pln purge refuses while a daemon holds the directory", async () => {
  const world = await used();
  const before = await namesIn(world);
  await using _lock = await world.disk().lock("lock");
  const ran = await world.run("purge", "--yes", "--include-keys");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /A daemon uses/);
  assert.deepEqual(await namesIn(world), before);
});

Deno.test("pln purge of a directory that is not there makes none", async () => {
  const world = new CliWorld();
  const ran = await world.run("purge", "--yes", "--dir", "/nowhere");
  assert.deepEqual([ran.code, ran.out], [3, ""]);
  assert.match(ran.err, /There is no node in "\/nowhere"/);
  assert.deepEqual(await world.disk("/nowhere").list(""), []);
});
