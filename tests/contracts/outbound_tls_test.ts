// TLS of the real Outbound, against servers on loopback with certificates made
// here: whom it trusts, and that nobody it does not trust gets to see a byte of
// a request.

import assert from "node:assert/strict";
import {
  openOutbound,
  type OutboundOptions,
} from "../../src/adapters/outbound.ts";
import { utf8, utf8Text } from "../../src/kernel/mod.ts";
import type { OutboundRequest } from "../../src/ports/mod.ts";
import { TestAuthority } from "./outbound_certificates.ts";
import { failsWith, requestTo } from "./outbound_contract.ts";
import { answerBy, WireServer } from "./outbound_wire_server.ts";

const authority = await TestAuthority.create();
const good = await authority.certify({
  names: ["api.example", "*.wild.example"],
  addresses: ["127.0.0.1"],
});
const trusting: OutboundOptions = { authoritiesPem: authority.pem };
const answer = answerBy(({ headers }) => ({ body: headers["host"] ?? "" }));

function secureTo(
  { address, port }: WireServer,
  { host, ...changes }: { readonly host: string } & Partial<OutboundRequest>,
): OutboundRequest {
  const url = new URL(`https://${host}:${port}/`);
  const body = utf8("secret");
  return requestTo({ address, port }, {
    url,
    method: "POST",
    body,
    ...changes,
  });
}

Deno.test("openOutbound() believes a certificate for the URL's name", async () => {
  await using server = await WireServer.open(answer, { identity: good });
  await using outbound = openOutbound(trusting);
  for (const host of ["api.example", "a.wild.example", "127.0.0.1"]) {
    const { body } = await outbound.request(secureTo(server, { host }));
    assert.equal(utf8Text(body), `${host}:${server.port}`);
  }
  assert.deepEqual(server.serverNames, ["api.example", "a.wild.example", ""]);
});

Deno.test("openOutbound() sends nothing to a server of another name", async () => {
  await using server = await WireServer.open(answer, { identity: good });
  await using outbound = openOutbound(trusting);
  for (const host of ["evil.example", "b.a.wild.example", "127.0.0.2"]) {
    const work = outbound.request(secureTo(server, { host }));
    const { message } = await failsWith(work, "not-secure");
    assert.match(message, new RegExp(`connection to ${host}:.*altnames`));
  }
  assert.deepEqual(server.seen, []);
});

Deno.test("openOutbound() sends nothing to who is certified by nobody known", async () => {
  await using server = await WireServer.open(answer, { identity: good });
  const other = await TestAuthority.create();
  for (const options of [{}, { authoritiesPem: other.pem }]) {
    await using outbound = openOutbound(options);
    const work = outbound.request(secureTo(server, { host: "api.example" }));
    await failsWith(work, "not-secure");
  }
  assert.deepEqual(server.seen, []);
});

Deno.test("openOutbound() sends nothing to who has an old certificate", async () => {
  const notAfter = new Date(Date.now() - 86_400_000);
  const identity = await authority.certify({
    names: ["api.example"],
    notAfter,
  });
  await using server = await WireServer.open(answer, { identity });
  await using outbound = openOutbound(trusting);
  const work = outbound.request(secureTo(server, { host: "api.example" }));
  await failsWith(work, "not-secure");
  assert.deepEqual(server.seen, []);
});

Deno.test("openOutbound() cannot be told to trust by the environment", async () => {
  const name = "NODE_TLS_REJECT_UNAUTHORIZED";
  await using server = await WireServer.open(answer, { identity: good });
  using scope = new DisposableStack();
  const before = Deno.env.get(name);
  Deno.env.set(name, "0");
  scope.defer(() =>
    before === undefined ? Deno.env.delete(name) : Deno.env.set(name, before)
  );
  await using outbound = openOutbound();
  const work = outbound.request(secureTo(server, { host: "api.example" }));
  await failsWith(work, "not-secure");
  assert.deepEqual(server.seen, []);
});

Deno.test("openOutbound() tells a server without TLS", async () => {
  await using server = await WireServer.open((_seen, socket) => {
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  }, { onBytes: (socket) => socket.end("HTTP/1.1 400 No\r\n\r\n") });
  await using outbound = openOutbound(trusting);
  const work = outbound.request(secureTo(server, { host: "api.example" }));
  await failsWith(work, "not-secure");
});

Deno.test("openOutbound() waits only so long for a handshake", async () => {
  await using server = await WireServer.open(() => {}, { onBytes: () => {} });
  await using outbound = openOutbound(trusting);
  const work = outbound.request(
    secureTo(server, { host: "api.example", connectMsMax: 50 }),
  );
  const { message } = await failsWith(work, "not-secure");
  assert.match(message, /nothing came back in 50 ms$/);
});

Deno.test("openOutbound() gives a handshake up with the signal", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  await using server = await WireServer.open(() => {}, {
    onBytes: () => abort.abort(reason),
  });
  await using outbound = openOutbound(trusting);
  const { signal } = abort;
  await assert.rejects(
    outbound.request(secureTo(server, { host: "api.example", signal })),
    reason,
  );
});
