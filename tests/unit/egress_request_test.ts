// What a guest may put into a request: methods, headers, sizes. Whatever is
// refused, the Internet sees nothing of.

import assert from "node:assert/strict";
import { limits, utf8 } from "../../src/kernel/mod.ts";
import { EgressLab } from "./egress_lab.ts";

const url = "https://api.example.org/v1?q=1#part";

Deno.test("a request is sent as the guest wrote it", async () => {
  const lab = new EgressLab();
  await lab.fetch({
    url,
    method: "POST",
    headers: { "X-A": " 1\t", "x-b": "é", "User-Agent": "me", "x-a": "2" },
    body: utf8("hello"),
  });
  const [request] = lab.outbound.requests;
  assert.equal(request?.url.href, "https://api.example.org/v1?q=1");
  assert.equal(request?.method, "POST");
  assert.deepEqual(request?.body, utf8("hello"));
  assert.deepEqual(request?.headers, {
    "x-a": "1, 2",
    "x-b": "é",
    "user-agent": "me",
    "accept": "*/*",
    "accept-encoding": "identity",
  });
});

Deno.test("what belongs to the connection is left out", async () => {
  const lab = new EgressLab();
  await lab.fetch({
    url,
    headers: {
      "Host": "API.example.org",
      "Content-Length": "999",
      "Connection": "upgrade, x-secret",
      "Keep-Alive": "timeout=999",
    },
  });
  const names = Object.keys(lab.outbound.requests[0]?.headers ?? {});
  assert.deepEqual(names.sort(), ["accept", "accept-encoding", "user-agent"]);
});

Deno.test("a header cannot bring another, another host, or a tunnel", async () => {
  const lab = new EgressLab();
  const faults: readonly (readonly [string, string, RegExp])[] = [
    ["x-a", "1\r\nx-b: 2", /its value holds a character that no header may$/],
    ["x-a", "1\n", /its value/],
    ["x-a", "\0", /its value/],
    ["x-a", "\x7f", /its value/],
    ["x-a", "€", /its value/],
    ["", "1", /the header "": its name is malformed$/],
    ["x a", "1", /its name/],
    ["x:a", "1", /its name/],
    ["x-a\r\n", "1", /its name/],
    ["é", "1", /its name/],
    ["Host", "evil.example", /the URL says which host is asked$/],
    ["host", "api.example.org:8080", /the URL says/],
    ["Transfer-Encoding", "chunked", /seeds do not manage connections$/],
    ["TE", "trailers", /seeds do not/],
    ["Trailer", "x-a", /seeds do not/],
    ["Upgrade", "websocket", /seeds do not/],
    ["Expect", "100-continue", /seeds do not/],
    ["Proxy-Authorization", "Basic eA==", /seeds do not/],
    ["proxy-connection", "keep-alive", /seeds do not/],
  ];
  for (const [name, value, expected] of faults) {
    const { message } = await lab.refusal({ url, headers: { [name]: value } });
    assert.match(message, /^Seed "news" may not send the header /);
    assert.match(message, expected);
  }
  assert.deepEqual(lab.outbound.requests, []);
});

Deno.test("a method is a token, and no tunnel or echo", async () => {
  const lab = new EgressLab();
  for (
    const method of [
      ...["CONNECT", "connect", "TRACE", "Track", "", "GET ", "GE T", "GÉT"],
      ...["GET\r\nx: 1", "a/b", "x".repeat(33)],
    ]
  ) {
    const { message } = await lab.refusal({ url, method });
    assert.match(message, /^Seed "news" may not send the method "/);
  }
  assert.deepEqual(lab.outbound.requests, []);
  for (const method of ["get", "Patch", "PROPFIND", "report"]) {
    await lab.fetch({ url, method });
  }
  const methods = lab.outbound.requests.map(({ method }) => method);
  assert.deepEqual(methods, ["GET", "PATCH", "PROPFIND", "report"]);
});

Deno.test("what is no URL is refused, with an example", async () => {
  const lab = new EgressLab();
  for (const text of ["", "/v1", "api.example.org", "http://", "http://a b/"]) {
    const { message, hint } = await lab.refusal({ url: text });
    assert.match(message, /it is no URL$|only http: and https:/);
    if (message.endsWith("URL")) assert.match(hint ?? "", /https:\/\//);
  }
});

Deno.test("headers of many or of blanks are refused before they are read", async () => {
  const lab = new EgressLab();
  const blanks = `a${" ".repeat(limits.fetchHeadBytesMax)}a`;
  const names = Array.from({ length: 16_384 }, (_, at) => `h${at}`);
  for (
    const headers of [
      // Refused for its size, not for what it is.
      { "not a token": blanks },
      Object.fromEntries(names.map((name) => [name, ""])),
    ]
  ) {
    const { message } = await lab.refusal({ url, headers });
    assert.match(message, /may not send headers of over 65536 bytes$/);
  }
});

Deno.test("blanks around a header's value are left out, however many", async () => {
  const lab = new EgressLab();
  const blanks = " \t".repeat(10_000);
  const headers = { "x-a": `${blanks}a${blanks}b${blanks}`, "x-b": " \t " };
  await lab.fetch({ url, headers });
  const [request] = lab.outbound.requests;
  assert.equal(request?.headers["x-a"], `a${blanks}b`);
  assert.equal(request?.headers["x-b"], "");
});

Deno.test("a request has limits: URL, headers, body", async () => {
  const lab = new EgressLab();
  const base = "https://api.example.org/";
  const longest = base + "x".repeat(limits.fetchUrlCharactersMax - base.length);
  await lab.fetch(longest);
  assert.match(
    (await lab.refusal(`${longest}x`)).message,
    /may not send a URL of over 8192 characters$/,
  );
  const body = new Uint8Array(limits.fetchRequestBodyBytesMax);
  await lab.fetch({ url, method: "PUT", body });
  assert.match(
    (await lab.refusal({ url, body: new Uint8Array(body.length + 1) })).message,
    /may not send a body of over 4194304 bytes$/,
  );
  const usual = "accept: */*\r\naccept-encoding: identity\r\n" +
    "user-agent: pollen\r\n";
  const room = limits.fetchHeadBytesMax - usual.length - "x: \r\n".length;
  await lab.fetch({ url, headers: { x: "1".repeat(room) } });
  assert.match(
    (await lab.refusal({ url, headers: { x: "1".repeat(room + 1) } })).message,
    /may not send headers of over 65536 bytes$/,
  );
});
