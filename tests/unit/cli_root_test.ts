// What only the root key decides, on the command line: decisions signed with the
// key of the directory, requests for whoever has it elsewhere, `pln root sign`
// and `pln root apply`. The key and its passphrase are shown nowhere and reach
// no daemon.

import assert from "node:assert/strict";
import type { Decision } from "../../src/control/mod.ts";
import {
  encodeRootRequest,
  identityFiles,
  parseCertificatePem,
  type RootRequest,
  signAuthorityKey,
  verifyRoot,
  verifyRootStatement,
} from "../../src/identity/mod.ts";
import {
  limits,
  parsePeerId,
  peerIdOf,
  toHex,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { CliWorld, sampleMembers } from "./cli_world.ts";

const signer = openSigner();
const bobKey = signer.privateKey(new Uint8Array(32).fill(3));
const subject = peerIdOf(bobKey.publicKey);
const authorityKey = signer.privateKey(new Uint8Array(32).fill(9));
const passphrase = "correct horse";

type Offline = {
  readonly world: CliWorld;
  readonly request: RootRequest;
  readonly line: string;
  /** The statements that the daemon got. */
  readonly applied: string[];
};

/** What bob proves of its authority key. */
function candidateOf(cluster: RootRequest["cluster"]) {
  const owner = { cluster, key: bobKey, authorityKey };
  const { authorityProof } = signAuthorityKey({ signer }, owner);
  return { authority: authorityKey.publicKey, authorityProof };
}

/** A directory with a new cluster, whose daemon asks for the root. */
async function openOffline(...flags: readonly string[]): Promise<Offline> {
  const world = new CliWorld();
  world.files.set("/home/ann/work/pass", utf8(`${passphrase}\n`));
  world.files.set("/home/ann/work/wrong", utf8("battery staple\n"));
  await world.run("init", ...flags);
  const { cluster } = await rootOf(world);
  const request: RootRequest = {
    cluster,
    subject,
    number: 7,
    atMs: 1_790_000_000_000,
    kind: "grant",
    tier: "admin",
    properties: new Map([["zone", "home"]]),
    accessDeadlineMs: 1_800_000_000_000,
    ...candidateOf(cluster),
  };
  const line = encodeRootRequest(request);
  const applied: string[] = [];
  const ask = (peer: string): Promise<Decision> =>
    Promise.resolve({ type: "needs-root", peer, request: line });
  const members = {
    ...sampleMembers,
    grant: () => ask(subject),
    deny: () => ask(subject),
    allow: () => ask(subject),
    applyStatement: (statement: string) => {
      applied.push(statement);
      return sampleMembers.applyStatement(statement);
    },
  };
  world.serve({ members });
  return { world, request, line, applied };
}

/** Moves a file of the directory to another place. */
async function move(
  world: CliWorld,
  path: string,
  to: readonly [root: string, name: string],
): Promise<void> {
  const [root, name] = to;
  const bytes = await world.disk().read(path, { bytesMax: 10_000 });
  await world.disk(root).writeAtomic(name, bytes, { mode: 0o600 });
  await world.disk().remove(path);
}

async function rootOf(world: CliWorld) {
  const path = identityFiles.rootCertificate;
  const pem = await world.disk().read(path, { bytesMax: 10_000 });
  return verifyRoot({ signer }, parseCertificatePem(utf8TextLossy(pem)));
}

Deno.test("a decision of the root is signed with the key that is here", async () => {
  for (const verb of [["grant", "bob", "--admin"], ["deny", "bob"]]) {
    const { world, applied, request } = await openOffline();
    const ran = await world.run(...verb);
    assert.deepEqual([ran.code, ran.err], [0, ""]);
    assert.match(ran.out, /^bob \(b2b2b2b2b2b2\) is /);
    const [text = ""] = applied;
    assert.equal(applied.length, 1);
    const root = await rootOf(world);
    const said = verifyRootStatement({ signer }, { root, text });
    assert.deepEqual([said.subject, said.number], [subject, request.number]);
    assert.equal(said.kind === "grant" && said.tier, "admin");
  }
});

Deno.test("without the root key its holder gets a request, and nothing is done", async () => {
  const { world, line, applied } = await openOffline();
  await move(world, identityFiles.rootKey, ["/media/key", "root.pem"]);
  for (const words of [["grant", "bob", "--admin"], ["allow", "bob"]]) {
    const ran = await world.run(...words);
    assert.deepEqual([ran.code, ran.out], [4, `${line}\n`]);
    assert.match(ran.err, /nothing is\nchanged yet/);
    assert.match(ran.err, /pln root sign <.*\n.*\n {2}pln root apply </);
  }
  const json = await world.run("grant", "bob", "--admin", "--json");
  assert.deepEqual([json.code, json.err], [4, ""]);
  assert.deepEqual(JSON.parse(json.out), {
    version: 1,
    type: "needs-root",
    peer: subject,
    request: line,
  });
  assert.deepEqual(applied, []);
});

Deno.test("--request prints the request although the root key is here", async () => {
  const { world, line, applied } = await openOffline();
  const ran = await world.run("grant", "bob", "--admin", "--request");
  assert.deepEqual([ran.code, ran.out, applied], [0, `${line}\n`, []]);
});

Deno.test("a sealed root key opens with its passphrase, asked for or in a file", async () => {
  const { world, applied } = await openOffline("--passphrase-file", "pass");
  const grant = ["grant", "bob", "--admin"];
  const unasked = await world.run(...grant);
  assert.deepEqual([unasked.code, unasked.out], [4, ""]);
  assert.match(
    unasked.err,
    /is sealed under a passphrase\n {2}Give it with --p/,
  );
  const wrong = await world.run(...grant, "--passphrase-file", "wrong");
  assert.equal(wrong.code, 4);
  assert.match(wrong.err, /The passphrase does not open key file/);
  assert.deepEqual(applied, []);
  assert.equal(
    (await world.run(...grant, "--passphrase-file", "pass")).code,
    0,
  );
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.answers = [passphrase];
  const asked = await world.run(...grant);
  assert.deepEqual(
    [asked.code, asked.err],
    [0, "Passphrase of the root key: "],
  );
  const json = await world.run(...grant, "--json");
  assert.equal(json.code, 4, "programs are not asked");
  assert.equal(applied.length, 2);
  for (const ran of [unasked, wrong, asked, json]) {
    assert.ok(!`${ran.out}${ran.err}`.includes(passphrase));
  }
});

Deno.test("--root-key names the key where it is", async () => {
  const { world, applied } = await openOffline();
  await move(world, identityFiles.rootKey, ["/media/key", "root.pem"]);
  const grant = ["grant", "bob", "--admin", "--root-key"];
  const done = await world.run(...grant, "/media/key/root.pem");
  assert.deepEqual([done.code, applied.length], [0, 1], done.err);
  const none = await world.run(...grant, "/media/key/rot.pem");
  assert.deepEqual([none.code, none.out], [3, ""]);
  assert.match(
    none.err,
    /no root key at .*rot\.pem\n {2}Check what --root-key/,
  );
  for (const path of ["/media/key/", "..", "", "/x/.tmp-1"]) {
    const ran = await world.run(...grant, path);
    assert.deepEqual([ran.code, ran.out], [2, ""], path);
    assert.match(ran.err, /is no file\n {2}Name the file itself/);
  }
  assert.equal(applied.length, 1);
});

Deno.test("a root key signs nothing of another cluster", async () => {
  const { world, request } = await openOffline();
  const cluster = parsePeerId(
    "ab".repeat(32),
  ) as string as typeof request.cluster;
  const line = encodeRootRequest({
    ...{ ...request, cluster },
    ...candidateOf(cluster),
  });
  const ran = await world.run("root", "sign", line, "--yes");
  assert.deepEqual([ran.code, ran.out], [2, ""]);
  assert.match(
    ran.err,
    /is of cluster abababababab, and the root certificate /,
  );
});

Deno.test("pln root sign shows all that it signs, and asks", async () => {
  const { world, line, request } = await openOffline();
  world.stopServing(); // it needs no daemon
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.answers = ["n"];
  const no = await world.run("root", "sign", line);
  assert.deepEqual([no.code, no.out], [2, ""]);
  assert.match(no.err, /Nothing was signed/);
  world.answers = ["y"];
  const ran = await world.run("root", "sign", line);
  assert.equal(ran.code, 0, ran.err);
  const shown = [
    ...[`cluster        ${request.cluster}`, `node           ${subject}`],
    "grant          it is an admin, who may admit others for a year",
    "properties     zone=home",
    "access ends    2027-01-15 08:00:00Z",
    `authority key  ${toHex(authorityKey.publicKey).slice(0, 16)}...`,
    "number         7",
  ];
  assert.ok(ran.err.startsWith(`${shown.join("\n")}\n`), ran.err);
  const text = ran.out.trimEnd();
  assert.ok(!ran.err.includes(text));
  const root = await rootOf(world);
  const said = verifyRootStatement({ signer }, { root, text });
  assert.equal(said.kind === "grant" && said.properties.get("zone"), "home");
});

Deno.test("pln root sign refuses a key that its node did not sign, and asks nothing", async () => {
  const { world, request } = await openOffline("--passphrase-file", "pass");
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.answers = [];
  const stolen = signer.privateKey(new Uint8Array(32).fill(7));
  const authority = stolen.publicKey;
  const line = encodeRootRequest({ ...request, authority } as RootRequest);
  const ran = await world.run("root", "sign", line);
  assert.deepEqual([ran.code, ran.out], [2, ""]);
  const { err } = ran;
  assert.match(err, /has not signed the authority key .*\n {2}Do not sign/s);
  assert.doesNotMatch(err, /assphrase|Sign this/);
});

Deno.test("pln root sign says what a denial means for whom it let in", async () => {
  const { world, request } = await openOffline();
  const { cluster, number, atMs } = request;
  const head = { cluster, subject, number, atMs };
  const modes = [["keep", "may stay"], ["cascade", "must go too,"]] as const;
  for (const [mode, says] of modes) {
    const line = encodeRootRequest({
      ...head,
      kind: "deny",
      mode,
      reason: "lost",
    });
    const { err } = await world.run("root", "sign", line, "--yes");
    assert.match(err, /^deny +its membership ends$/m);
    assert.match(err, new RegExp(`^whom it let in +${says}`, "m"));
    assert.match(err, /^reason +lost$/m);
  }
  const allow = encodeRootRequest({ ...head, kind: "allow" });
  const { err } = await world.run("root", "sign", allow, "--yes");
  assert.match(err, /^allow +it may come back$/m);
});

Deno.test("pln root sign takes its request from a file or from standard input", async () => {
  const { world, line } = await openOffline();
  world.files.set("/home/ann/work/req.txt", utf8(`\n  ${line}\r\n`));
  world.input = utf8(`${line}\n`);
  const sign = ["root", "sign"];
  const ways = [[line], ["req.txt"], ["-"]];
  const signed = new Set<string>();
  for (const way of ways) {
    const ran = await world.run(...sign, ...way, "--yes");
    assert.equal(ran.code, 0, ran.err);
    signed.add(ran.out.slice(0, 100));
  }
  assert.equal(signed.size, 1, "all the same request");
  const json = await world.run(...sign, line, "--yes", "--json");
  const { statement, verdict, subject: peer } = JSON.parse(json.out);
  assert.match(statement, /^pln-root-statement:[\w-]+$/);
  assert.deepEqual([verdict, peer, json.err], ["grant", subject, ""]);
  const refused = await world.run(...sign, line, "--json");
  assert.deepEqual([refused.code, refused.out], [2, ""]);
});

Deno.test("pln root sign refuses what is no request, and opens no key", async () => {
  const { world, line } = await openOffline();
  await world.disk().remove(identityFiles.rootKey);
  const file = (text: string) => {
    const name = `file${world.files.size}`;
    world.files.set(`/home/ann/work/${name}`, utf8(text));
    return name;
  };
  const long = "x".repeat(limits.rootRequestCharactersMax + 100);
  const cases = [
    [line.slice(0, -8), /PLN|message|well-formed|short|request/i],
    [file(""), /There is no root request: nothing was given/],
    [file(`${line}\n${line}`), /is no root request: it is not one line/],
    [file(long), /holds no root request: it is too long/],
    [file("\u0000"), /begins with "pln-root-request:"/],
    [file("pln-root-statement:abc"), /begins with "pln-root-request:"/],
  ] as const;
  for (const [source, says] of cases) {
    const ran = await world.run("root", "sign", source, "--yes");
    assert.deepEqual([ran.code, ran.out], [2, ""], source.slice(0, 40));
    assert.match(ran.err, says);
  }
  const none = await world.run("root", "sign", line, "--yes");
  assert.equal(none.code, 3);
  assert.match(none.err, /There is no root key in .*\n {2}Name its file/);
});

Deno.test("pln root sign needs the certificate that goes with its key", async () => {
  const { world, line } = await openOffline();
  const certificate = identityFiles.rootCertificate;
  await move(world, certificate, ["/media/key", "root-certificate.pem"]);
  const sign = ["root", "sign", line, "--yes"];
  const none = await world.run(...sign);
  assert.deepEqual([none.code, none.out], [3, ""]);
  assert.match(
    none.err,
    /no root certificate at .*\n {2}It is certs\/root\.pem/,
  );
  const flag = ["--root-certificate", "/media/key/root-certificate.pem"];
  const ran = await world.run(...sign, ...flag);
  assert.equal(ran.code, 0, ran.err);
  const key = await world.disk().read(identityFiles.rootKey, {
    bytesMax: 1_000,
  });
  await world.disk("/media/key").writeAtomic("root.pem", key);
  const swapped = ["--root-certificate", "/media/key/root.pem"];
  const wrong = await world.run(...sign, ...swapped);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /is no root certificate: /);
  assert.doesNotMatch(wrong.err, /PRIVATE|MC4CAQ/, "and shows nothing of it");
});

Deno.test("pln root apply hands the line over, however it comes", async () => {
  const { world, applied } = await openOffline();
  const statement = "pln-root-statement:abc";
  world.files.set("/home/ann/work/st", utf8(`${statement}\n`));
  world.input = utf8(` ${statement}\n`);
  for (const source of [statement, "st", "-"]) {
    const ran = await world.run("root", "apply", source);
    assert.deepEqual(
      [ran.code, ran.out],
      [0, "The root has decided about bob (b2b2b2b2b2b2), who is an admin\n"],
    );
  }
  assert.deepEqual(applied, [statement, statement, statement]);
  world.isTerminal = { ...world.isTerminal, stdin: true };
  world.answers = [statement];
  const typed = await world.run("root", "apply", "-");
  assert.match(typed.err, /^Paste the root statement \(it is not shown\): /);
  world.answers = [];
  const end = await world.run("root", "apply", "-");
  assert.deepEqual([end.code, end.out], [2, ""]);
});

Deno.test("pln root apply says when the cluster knows it already", async () => {
  const world = new CliWorld();
  const peer = subject;
  const applyStatement = () =>
    Promise.resolve({ type: "done" as const, peer, isChanged: false });
  world.serve({ members: { ...sampleMembers, applyStatement } });
  const ran = await world.run("root", "apply", "pln-root-statement:x");
  assert.equal(
    ran.out,
    `What the root decided about ${subject.slice(0, 12)} is known already\n`,
  );
});
