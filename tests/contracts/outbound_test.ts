// The Outbound contract for the real adapter and for the simulated one. The
// real one talks to servers on loopback and to a name server of its own; no
// test needs a network.

import { openOutbound } from "../../src/adapters/outbound.ts";
import { utf8TextLossy } from "../../src/kernel/mod.ts";
import { openSimOutbound } from "../../src/sim/outbound.ts";
import { NameServer } from "./outbound_name_server.ts";
import { type OutboundSubject, testOutbound } from "./outbound_contract.ts";
import { SteppedClock } from "./stepped_clock.ts";
import { answerBy, WireServer } from "./outbound_wire_server.ts";

const name = "two.example";

function openReal(): Promise<OutboundSubject> {
  const scope = new AsyncDisposableStack();
  const records = { a: "192.0.2.7", aaaa: "2001:db8::7" };
  const nameServer = scope.use(new NameServer({ [name]: records }));
  const options = { nameServer: nameServer.address };
  const servers = scope.use(new AsyncDisposableStack());
  const outbound = scope.use(openOutbound(options));
  return Promise.resolve({
    outbound,
    name,
    serve: async (handle) =>
      servers.use(await WireServer.open(answerBy(handle))),
    nobody: async () => {
      await using server = await WireServer.open(() => {});
      return { address: server.address, port: server.port };
    },
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  });
}

function openSimulated(): Promise<OutboundSubject> {
  const clock = new SteppedClock();
  const outbound = openSimOutbound({ clock });
  outbound.name(name, ["192.0.2.7", "2001:db8::7"]);
  return Promise.resolve({
    outbound,
    name,
    serve: (handle) => {
      const address = "192.0.2.1";
      outbound.serve(address, ({ url, method, headers, body }) =>
        handle({
          method,
          path: url.pathname + url.search,
          headers: { host: url.host, ...headers, ...lengthOf(method, body) },
          body: utf8TextLossy(body),
        }));
      return Promise.resolve({ address, port: 8080 });
    },
    nobody: () => Promise.resolve({ address: "192.0.2.2", port: 8080 }),
    [Symbol.asyncDispose]: () => clock.idle(),
  });
}

function lengthOf(
  method: string,
  { length }: Uint8Array,
): Record<string, string> {
  const isSaid = length > 0 || /^(POST|PUT|PATCH)$/.test(method);
  return isSaid ? { "content-length": String(length) } : {};
}

testOutbound("Outbound (Deno)", openReal);
testOutbound("Outbound (simulated)", openSimulated);
