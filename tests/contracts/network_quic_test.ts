// What only the real network must do: fall back to IPv4, survive junk, collected
// listeners and peers whose address changes, and say what the rights forbid. It
// uses loopback addresses only.

import assert from "node:assert/strict";
import v8 from "node:v8";
import vm from "node:vm";
import { openNetwork } from "../../src/adapters/network.ts";
import { openSockets } from "../../src/adapters/sockets.ts";
import type { NetworkAddress, UdpSocket } from "../../src/ports/mod.ts";
import {
  Arrivals,
  Identity,
  openRoute,
  openTalk,
  protocols,
} from "./network_lab.ts";
import { realLab, realNetwork } from "./network_subjects.ts";

const loopback: NetworkAddress = { ip: "127.0.0.1", port: 0 };

Deno.test("openNetwork() takes IPv4 where there is no IPv6", async () => {
  const tried: string[] = [];
  const network = openNetwork({
    bind: ({ ip, port }) => {
      tried.push(ip);
      if (ip === "::") throw new Deno.errors.AddrNotAvailable("no IPv6");
      return new Deno.QuicEndpoint({ hostname: ip, port });
    },
  });
  await realNetwork.run(async () => {
    await using route = await openRoute(realLab(network));
    assert.equal(route.listener.local.ip, "0.0.0.0");
    assert.deepEqual(tried, ["::", "0.0.0.0", "::", "0.0.0.0"]);
    await route.connect();
    const six = { ip: "::1", port: route.address.port };
    await assert.rejects(
      route.dialler.dial(six, route.identity.dialOptions()),
      { code: "PLN_UNREACHABLE" },
    );
  });
});

Deno.test("openNetwork() dials IPv6 and IPv4 from one socket", async () => {
  await realNetwork.run(async (lab) => {
    await using route = await openRoute(lab);
    for (const ip of ["::1", "127.0.0.1"]) {
      const to = { ip, port: route.address.port };
      const dialling = route.dialler.dial(to, route.identity.dialOptions());
      const theirs = await route.accept();
      assert.deepEqual((await dialling).remote, to);
      assert.equal(theirs.remote.ip, ip);
    }
  });
});

Deno.test("openNetwork() keeps accepting after junk (S43)", async () => {
  await realNetwork.run(async (lab) => {
    await using route = await openRoute(lab);
    await using socket = await openSockets().bindUdp(loopback);
    for (let index = 0; index < 300; index++) {
      const junk = lab.random.bytes(1 + index);
      // What looks like a first packet of version 1 (RFC 9000 section 17.2).
      if (index % 2 === 0) junk.set([0xc3, 0, 0, 0, 1].slice(0, junk.length));
      await socket.send(junk, route.address);
    }
    await route.connect();
  });
});

Deno.test("openNetwork() accepts when old listeners are garbage", async () => {
  v8.setFlagsFromString("--expose-gc");
  const collect: () => void = vm.runInNewContext("gc");
  await realNetwork.run(async (lab) => {
    await using route = await openRoute(lab);
    for (let round = 0; round < 3; round++) {
      route.listener.rotate(route.identity.leaf());
      collect();
      // What was collected is gone after a turn of the event loop.
      await lab.clock.sleep(0, new AbortController().signal);
      await route.connect();
    }
  });
});

Deno.test("openNetwork() does not send off a loopback socket", async () => {
  await realNetwork.run(async (lab) => {
    const identity = new Identity(lab);
    await using endpoint = await lab.dialler.open(loopback, {
      identity: identity.leaf(),
      protocols,
    });
    await assert.rejects(
      endpoint.dial({ ip: "192.0.2.1", port: 9 }, identity.dialOptions()),
      { code: "PLN_UNREACHABLE" },
    );
  });
});

Deno.test("sessions outlive a peer's change of address (S27)", async () => {
  await realNetwork.run(async (lab) => {
    await using route = await openRoute(lab);
    await using router = await Router.open(route.address);
    const dialling = route.dialler.dial(
      router.inside,
      route.identity.dialOptions(),
    );
    const theirs = await route.accept();
    const ours = await dialling;
    const [here, there] = await openTalk(ours, new Arrivals(theirs));
    const before = theirs.remote;
    await router.rebind();
    await here.write(Uint8Array.of(2));
    assert.deepEqual(await there.read(), Uint8Array.of(2));
    await there.write(Uint8Array.of(3));
    assert.deepEqual(await here.read(), Uint8Array.of(3));
    assert.notEqual(theirs.remote.port, before.port);
  });
});

/** A router between a client and a server, which may forget its binding. */
class Router implements AsyncDisposable {
  readonly #scope = new AsyncDisposableStack();
  readonly #server: NetworkAddress;
  readonly #inner: UdpSocket;
  #outer: UdpSocket;
  #client: NetworkAddress | undefined;

  static async open(server: NetworkAddress): Promise<Router> {
    const sockets = openSockets();
    const inner = await sockets.bindUdp(loopback);
    return new Router(server, {
      inner,
      outer: await sockets.bindUdp(loopback),
    });
  }

  constructor(
    server: NetworkAddress,
    { inner, outer }: { readonly inner: UdpSocket; readonly outer: UdpSocket },
  ) {
    this.#server = server;
    this.#inner = this.#scope.use(inner);
    this.#outer = this.#scope.use(outer);
    void this.#carryOut();
    void this.#carryIn(outer);
  }

  /** Where the client finds it. */
  get inside(): NetworkAddress {
    return this.#inner.local;
  }

  async rebind(): Promise<void> {
    this.#outer = this.#scope.use(await openSockets().bindUdp(loopback));
    void this.#carryIn(this.#outer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }

  async #carryOut(): Promise<void> {
    for await (const { bytes, from } of this.#inner.incoming()) {
      this.#client = from;
      await this.#outer.send(bytes, this.#server);
    }
  }

  async #carryIn(outer: UdpSocket): Promise<void> {
    for await (const { bytes } of outer.incoming()) {
      if (this.#client === undefined || outer !== this.#outer) continue;
      await this.#inner.send(bytes, this.#client);
    }
  }
}

Deno.test({
  name: "openNetwork() says what the rights forbid",
  permissions: { net: false },
  fn: async () => {
    const lab = realLab();
    const identity = new Identity(lab).leaf();
    await assert.rejects(
      lab.listener.open({ ip: "::", port: 0 }, { identity, protocols }),
      { code: "PLN_DENIED" },
    );
    assert.deepEqual(lab.listener.localIps(), []);
  },
});
