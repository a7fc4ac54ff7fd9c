// What every Network must do, as tests: who may be dialled and how dials fail,
// handshakes that others break, certificates that change, and disposal. In comes
// a subject; out go tests whose names start with the label. Nothing here may
// know whether it is simulated.

import assert from "node:assert/strict";
import { anchorPem, issueTlsLeaf } from "../../src/identity/tls.ts";
import {
  ClosedError,
  ConflictError,
  InputError,
  limits,
  parseAddress,
  UnreachableError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import type { DialOptions, Session } from "../../src/ports/mod.ts";
import {
  Arrivals,
  Identity,
  type NetworkSubject,
  never,
  openRoute,
  openTalk,
  protocols,
  type Route,
  Talk,
  type Test,
} from "./network_lab.ts";
import { testSessions } from "./network_streams_contract.ts";

const dayMs = 86_400_000;

export function testNetwork(label: string, subject: NetworkSubject): void {
  const test: Test = (name, run) =>
    Deno.test(`${label} ${name}`, () => subject.run(run));
  testDials(test);
  testRefusals(test);
  testAddresses(test);
  testListeners(test);
  testDisposal(test);
  testSessions(test);
}

function testDials(test: Test): void {
  test("dial() and accept() make two ends of one session", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    assert.deepEqual(ours.remote, route.address);
    assert.equal(theirs.remote.port, route.dialler.local.port);
    assert.equal(parseAddress(theirs.remote.ip)?.text, theirs.remote.ip);
    assert.equal(await ours.established, true);
    for (const { protocol } of [ours, theirs]) assert.equal(protocol, "pln/1");
  });
  test("accepts sessions in the order of their dials", async (lab) => {
    await using route = await openRoute(lab);
    for (const text of ["one", "two", "three"]) {
      const { ours, theirs } = await route.connect();
      const [here, there] = await openTalk(ours, new Arrivals(theirs));
      await here.writeAll(utf8(text));
      assert.equal(utf8TextLossy(await there.readAll()), text);
    }
  });
  test("takes the listener's first protocol of the dialler's", async (lab) => {
    await using route = await openRoute(lab);
    const pairs = [
      [["pln-join/1"], "pln-join/1"],
      [["pln-join/1", "pln/1"], "pln/1"],
      [["pln/9", "pln-join/1"], "pln-join/1"],
    ] as const;
    for (const [asked, given] of pairs) {
      const ends = await route.connect({ protocols: asked });
      assert.equal(ends.ours.protocol, given);
      assert.equal(ends.theirs.protocol, given);
    }
  });
  test("an acceptor may speak before it is established", async (lab) => {
    await using route = await openRoute(lab);
    const dialling = route.dial();
    const theirs = await route.accept();
    const stream = new Talk(await theirs.openStream(never));
    await stream.write(utf8("challenge"));
    const ours = await dialling;
    const arrived = await new Arrivals(ours).next();
    assert.equal(utf8TextLossy(await arrived.read() ?? utf8("")), "challenge");
    await arrived.writeAll(utf8("answer"));
    assert.equal(utf8TextLossy(await stream.readAll()), "answer");
  });
  test("carries 100 sessions at once", async (lab) => {
    await using route = await openRoute(lab);
    const sessions = 100;
    const serve = async () => {
      for (let index = 0; index < sessions; index++) {
        void echoOnce(await route.accept());
      }
    };
    const ask = async (_: unknown, index: number) => {
      const talk = new Talk(await (await route.dial()).openStream(never));
      await talk.writeAll(utf8(`${index}`));
      assert.equal(utf8TextLossy(await talk.readAll()), `${index}`);
    };
    const asked = Array.from({ length: sessions }, ask);
    await Promise.all([serve(), ...asked]);
  });
  test("dial() gives up waiting when it is told to", async (lab) => {
    await using route = await openRoute(lab);
    const giveUp = new AbortController();
    const dialling = route.dial({ signal: giveUp.signal });
    giveUp.abort(new Error("enough"));
    await assert.rejects(dialling, /enough/);
    await assert.rejects(route.dial({ signal: giveUp.signal }), /enough/);
    // What comes after all is closed, since nobody has it.
    const late = await route.accept();
    assert.equal((await late.ended).type, "closed");
  });
}

async function echoOnce(session: Session): Promise<void> {
  const talk = await new Arrivals(session).next();
  await talk.writeAll(await talk.readAll());
}

function testRefusals(test: Test): void {
  const refuses = (
    what: string,
    wrong: (route: Route) => Partial<DialOptions> | Promise<undefined>,
  ) =>
    test(`dial() refuses ${what}`, async (lab) => {
      await using route = await openRoute(lab);
      const options = await wrong(route);
      const refused = assert.rejects(route.dial(options), UnreachableError);
      const theirs = await route.accept();
      await refused;
      assert.equal(await theirs.established, false);
      await theirs.ended;
    });
  refuses("another peer than that of its anchor", ({ lab }) => {
    const { peer } = new Identity(lab);
    return { anchorPem: anchorPem(lab, peer) };
  });
  refuses("a certificate that another issued in its name", (route) => {
    const { lab, identity, listener } = route;
    const { key } = new Identity(lab);
    listener.rotate(issueTlsLeaf(lab, { peer: identity.peer, key }));
    return Promise.resolve(undefined);
  });
  refuses("a certificate without the name it asks for", ({ lab }) => {
    const { serverName } = new Identity(lab);
    return { serverName };
  });
  refuses("a certificate that has expired", ({ identity, listener }) => {
    listener.rotate(identity.leaf(-3 * dayMs));
    return Promise.resolve(undefined);
  });
  refuses("a certificate of the future", ({ identity, listener }) => {
    listener.rotate(identity.leaf(3 * dayMs));
    return Promise.resolve(undefined);
  });
  test("dial() refuses a listener of other protocols", async (lab) => {
    await using route = await openRoute(lab);
    const refused = assert.rejects(
      route.dial({ protocols: ["pln/9"] }),
      UnreachableError,
    );
    assert.equal((await route.knock()).accept(), undefined);
    await refused;
  });
  test("goes on accepting after handshakes that failed", async (lab) => {
    await using route = await openRoute(lab);
    const stranger = new Identity(lab);
    const serve = async () => {
      for (let index = 0; index < 20; index++) (await route.knock()).accept();
    };
    const fail = async (_: unknown, index: number) => {
      const wrong = index % 2 === 0
        ? { protocols: ["pln/9"] }
        : { anchorPem: anchorPem(lab, stranger.peer) };
      await assert.rejects(route.dial(wrong), UnreachableError);
    };
    await Promise.all([serve(), ...Array.from({ length: 20 }, fail)]);
    await route.connect();
  });
  test("a dial that was ignored comes again", async (lab) => {
    await using route = await openRoute(lab);
    const dialling = route.dial();
    (await route.knock()).ignore();
    const theirs = await route.accept();
    await dialling;
    assert.equal(await theirs.established, true);
  });
}

function testAddresses(test: Test): void {
  test("dial() takes IP literals only", async (lab) => {
    await using route = await openRoute(lab);
    const { port } = route.address;
    const dial = (ip: string) =>
      route.dialler.dial({ ip, port }, route.identity.dialOptions());
    for (const ip of ["localhost", "", "127.1", "[::1]", "fe80::1%eth0"]) {
      await assert.rejects(dial(ip), InputError, ip);
    }
    for (const ip of ["0.0.0.0", "::", "224.0.0.1", "ff02::1"]) {
      await assert.rejects(dial(ip), UnreachableError, ip);
    }
  });
  test("dial() refuses ports that nobody can have", async (lab) => {
    await using route = await openRoute(lab);
    for (const port of [0, -1, 65_536, 1.5]) {
      const to = { ip: lab.listenerIp, port };
      await assert.rejects(
        route.dialler.dial(to, route.identity.dialOptions()),
        UnreachableError,
      );
    }
  });
  test("an IPv4 address mapped into IPv6 is the IPv4 address", async (lab) => {
    await using route = await openRoute(lab);
    const { ip, port } = route.address;
    const to = { ip: `::ffff:${ip}`, port };
    const dialling = route.dialler.dial(to, route.identity.dialOptions());
    const theirs = await route.accept();
    assert.deepEqual((await dialling).remote, route.address);
    assert.match(theirs.remote.ip, /^[0-9.]+$/);
  });
  test("open() refuses a port in use", async (lab) => {
    await using route = await openRoute(lab);
    const identity = route.identity.leaf();
    const { local } = route.listener;
    assert.ok(local.port > 0);
    await assert.rejects(
      lab.listener.open(local, { identity, protocols }),
      ConflictError,
    );
  });
  test("open() refuses addresses of other machines", async (lab) => {
    const identity = new Identity(lab).leaf();
    for (const ip of ["203.0.113.1", "localhost"]) { // RFC 5737
      await assert.rejects(
        lab.listener.open({ ip, port: 0 }, { identity, protocols }),
        InputError,
      );
    }
  });
  test("open() refuses a key of another certificate", async (lab) => {
    const { certificatesPem } = new Identity(lab).leaf();
    const { privateKeyPem } = new Identity(lab).leaf();
    const identity = { certificatesPem, privateKeyPem };
    const bind = { ip: "::", port: 0 };
    await assert.rejects(
      lab.listener.open(bind, { identity, protocols }),
      InputError,
    );
  });
  test("localIps() are literals, those of loopback last", (lab) => {
    const ips = lab.listener.localIps();
    const isLoopback = ips.map((ip) => ip === "::1" || ip.startsWith("127."));
    assert.deepEqual(isLoopback, isLoopback.toSorted());
    for (const ip of ips) assert.equal(parseAddress(ip)?.text, ip);
    assert.ok(ips.includes("127.0.0.1"));
    return Promise.resolve();
  });
}

function testListeners(test: Test): void {
  test("rotate() serves new dials, and old sessions live on", async (lab) => {
    await using route = await openRoute(lab);
    const first = await route.connect();
    let newest = route.identity;
    for (let round = 0; round < 3; round++) {
      const older = newest;
      newest = new Identity(lab);
      route.listener.rotate(newest.leaf());
      const { serverName, anchorPem } = newest.dialOptions();
      await route.connect({ serverName, anchorPem });
      const refused = assert.rejects(
        route.dial(older.dialOptions()),
        UnreachableError,
      );
      assert.equal(await (await route.accept()).established, false);
      await refused;
    }
    const [here, there] = await openTalk(
      first.ours,
      new Arrivals(first.theirs),
    );
    await here.writeAll(utf8("still here"));
    assert.equal(utf8TextLossy(await there.readAll()), "still here");
  });
  test("an endpoint that listens also dials", async (lab) => {
    await using route = await openRoute(lab);
    const back = route.dialler.incomingSessions()[Symbol.asyncIterator]();
    const to = { ip: "127.0.0.1", port: route.dialler.local.port };
    const dialling = route.dialler.dial(to, route.identity.dialOptions());
    const { value } = await back.next();
    assert.equal(await value?.accept()?.established, true);
    assert.equal((await dialling).protocol, "pln/1");
  });
}

function testDisposal(test: Test): void {
  test("disposal tells peers at once and ends the loops", async (lab) => {
    await using route = await openRoute(lab);
    const { ours, theirs } = await route.connect();
    const next = route.incoming.next();
    await route.listener[Symbol.asyncDispose]();
    await route.listener[Symbol.asyncDispose]();
    assert.equal((await next).done, true);
    const end = { type: "closed", code: 0, reason: "" };
    assert.deepEqual(await theirs.ended, end);
    assert.deepEqual(await ours.ended, end);
  });
  test("disposal ends dials that wait", async (lab) => {
    await using route = await openRoute(lab);
    await route.listener[Symbol.asyncDispose]();
    const waiting = assert.rejects(route.dial(), ClosedError);
    await route.dialler[Symbol.asyncDispose]();
    await waiting;
    await assert.rejects(route.dial(), ClosedError);
  });
  test("bounds the dials under way, those given up too", async (lab) => {
    await using route = await openRoute(lab);
    await route.listener[Symbol.asyncDispose]();
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const dials = Array.from(
      { length: limits.dialsUnderWayMax },
      () => assert.rejects(route.dial({ signal }), /enough/),
    );
    giveUp.abort(new Error("enough"));
    await Promise.all(dials);
    await assert.rejects(route.dial(), { code: "PLN_LIMIT" });
  });
}
