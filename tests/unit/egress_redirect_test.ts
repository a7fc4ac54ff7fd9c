// Redirects: SCENARIOS.md R16. Each hop is checked as if the seed had asked for
// it; what is meant for one origin never reaches another.

import assert from "node:assert/strict";
import { utf8, utf8Text } from "../../src/kernel/mod.ts";
import type { SimAnswer } from "../../src/sim/outbound.ts";
import { EgressLab, publicAddress } from "./egress_lab.ts";

const url = "https://api.example.org/start";
const allowHosts = ["api.example.org", "www.example.org"];

/** A lab where each path of any host answers as told; others say "end". */
function redirecting(answers: Readonly<Record<string, SimAnswer>>): EgressLab {
  const lab = new EgressLab();
  lab.outbound.name("www.example.org", [publicAddress]);
  lab.outbound.serve(
    publicAddress,
    ({ url }) => answers[url.pathname] ?? { body: "end" },
  );
  return lab;
}

function to(location: string, status = 302): SimAnswer {
  return { status, headers: [["Location", location]], body: "moved" };
}

const sent = (lab: EgressLab) =>
  lab.outbound.requests.map(({ method, url, body }) =>
    `${method} ${url.href} ${utf8Text(body)}`.trim()
  );

Deno.test("a redirect is followed to where the seed may go", async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (
      const [location, href] of [
        ["/next?a=b#c", "https://api.example.org/next?a=b"],
        ["next", "https://api.example.org/next"],
        ["//www.example.org/x", "https://www.example.org/x"],
        ["https://api.example.org./x", "https://api.example.org/x"],
      ] as const
    ) {
      const lab = redirecting({ "/start": to(location, status) });
      assert.equal(await lab.text(url, { allowHosts }), "end");
      assert.deepEqual(sent(lab), [`GET ${url}`, `GET ${href}`]);
    }
  }
});

Deno.test("R16 a redirect to a host without a grant is refused", async () => {
  const lab = redirecting({ "/start": to("https://evil.example/") });
  lab.outbound.name("evil.example", [publicAddress]);
  const { message, hint } = await lab.refusal(url);
  assert.equal(
    message,
    'Seed "news" may not follow api.example.org to evil.example: ' +
      "it was granted api.example.org",
  );
  assert.equal(hint, "Seed it with --allow-host evil.example");
  assert.deepEqual(lab.outbound.lookups, ["api.example.org"]);
  assert.equal(lab.outbound.requests.length, 1);
});

Deno.test("R16 no redirect leads to files, credentials or inside", async () => {
  for (
    const location of [
      ...["file:///etc/passwd", "ftp://api.example.org/", "data:text/plain,x"],
      ...["https://me:secret@api.example.org/", "https://api.example.org:22/"],
      ...["http://127.0.0.1/", "http://[::1]:8080/", "http://2130706433/"],
      ...["http://169.254.169.254/latest", "//0177.0.0.1", "http://0/"],
    ]
  ) {
    const lab = redirecting({ "/start": to(location) });
    const from = "http://api.example.org/start";
    const { message } = await lab.refusal(from, { allowHosts });
    assert.match(message, /^Seed "news" may not follow api\.example\.org to /);
    assert.equal(lab.outbound.requests.length, 1, location);
  }
});

Deno.test("R16 a redirect from https: to http: is refused", async () => {
  for (const host of ["api.example.org", "www.example.org"]) {
    const lab = redirecting({
      "/start": to("/next"),
      "/next": to(`http://${host}/secret`),
    });
    const { message, hint } = await lab.refusal(url, { allowHosts });
    assert.equal(
      message,
      `Seed "news" may not follow api.example.org to ${host}: ` +
        "a redirect may not leave https: for http:",
    );
    assert.match(hint ?? "", /ask for that address itself/);
    assert.equal(lab.outbound.requests.length, 2);
  }
  const lab = redirecting({ "/start": to("http://www.example.org/end") });
  const from = "http://api.example.org/start";
  assert.equal(await lab.text(from, { allowHosts }), "end");
});

Deno.test("R16 each hop is resolved and checked anew", async () => {
  const lab = redirecting({ "/start": to("/next") });
  lab.outbound.name("api.example.org", [publicAddress], ["10.0.0.1"]);
  lab.outbound.serve("10.0.0.1", () => ({ body: "inside" }));
  const { message } = await lab.refusal(url);
  assert.match(message, /its address 10\.0\.0\.1 is a private address$/);
  assert.equal(lab.outbound.lookups.length, 2);
  assert.equal(lab.outbound.requests.length, 1);
});

Deno.test("R16 5 redirects are followed, and no 6th", async () => {
  const chain = (length: number) =>
    Object.fromEntries(
      Array.from({ length }, (_, at) => [`/${at}`, to(`/${at + 1}`)]),
    );
  const first = "https://api.example.org/0";
  assert.equal(await redirecting(chain(5)).text(first), "end");
  const lab = redirecting(chain(6));
  const { message } = await lab.failure(first);
  assert.equal(message, "api.example.org redirects more than 5 times");
  assert.equal(lab.outbound.requests.length, 6);
  const loop = redirecting({ "/start": to("/start") });
  await loop.failure(url);
  assert.equal(loop.outbound.requests.length, 6);
});

Deno.test("a redirect keeps the method, or makes it GET, by its status", async () => {
  const next: Readonly<Record<string, Readonly<Record<number, string>>>> = {
    GET: { 301: "GET", 302: "GET", 303: "GET", 307: "GET", 308: "GET" },
    HEAD: { 301: "HEAD", 302: "HEAD", 303: "HEAD", 307: "HEAD", 308: "HEAD" },
    POST: { 301: "GET", 302: "GET", 303: "GET", 307: "POST", 308: "POST" },
    PUT: { 301: "PUT", 302: "PUT", 303: "GET", 307: "PUT", 308: "PUT" },
    DELETE: { 302: "DELETE", 303: "GET", 307: "DELETE" },
  };
  for (const [method, byStatus] of Object.entries(next)) {
    for (const [status, expected] of Object.entries(byStatus)) {
      const lab = redirecting({ "/start": to("/next", Number(status)) });
      const headers = { "content-type": "text/plain", "x-a": "1" };
      const body = utf8("hello");
      await lab.fetch({ url, method, headers, body });
      const [, second] = lab.outbound.requests;
      const label = `${method} ${status}`;
      assert.equal(second?.method, expected, label);
      const keepsBody = expected === method;
      assert.equal(second?.body.length, keepsBody ? 5 : 0, label);
      assert.equal("content-type" in second.headers, keepsBody, label);
      assert.equal(second.headers["x-a"], "1", label);
    }
  }
});

Deno.test("what is meant for one origin never reaches another", async () => {
  const secret = { "Authorization": "Bearer x", "Cookie": "a=b", "x-a": "1" };
  const kept = async (location: string) => {
    const lab = redirecting({ "/start": to(location) });
    const more = [...allowHosts, "api.example.org:8443"];
    await lab.fetch({ url, headers: secret }, { allowHosts: more });
    const { headers = {} } = lab.outbound.requests[1] ?? {};
    return Object.keys(secret).filter((name) => name.toLowerCase() in headers);
  };
  assert.deepEqual(await kept("/next"), ["Authorization", "Cookie", "x-a"]);
  for (
    const location of [
      ...["https://www.example.org/", "https://api.example.org:8443/"],
    ]
  ) {
    assert.deepEqual(await kept(location), ["x-a"], location);
  }
});

Deno.test("secrets do not come back on the way back", async () => {
  const lab = redirecting({
    "/start": to("https://www.example.org/back"),
    "/back": to("https://api.example.org/end"),
  });
  const headers = { authorization: "Bearer x" };
  await lab.fetch({ url, headers }, { allowHosts });
  const [first, ...others] = lab.outbound.requests;
  assert.equal(first?.headers["authorization"], "Bearer x");
  assert.equal(others.length, 2);
  for (const one of others) assert.ok(!("authorization" in one.headers));
});

Deno.test("what only looks like a redirect is an answer", async () => {
  const answers: readonly SimAnswer[] = [
    { status: 302, body: "no location" },
    ...[200, 201, 300, 304, 305, 306].map((status) => to("/next", status)),
  ];
  for (const answer of answers) {
    const lab = redirecting({ "/start": answer });
    const { status } = await lab.fetch(url);
    assert.equal(status, answer.status);
    assert.equal(lab.outbound.requests.length, 1);
  }
});

Deno.test("a redirect to nonsense is a failure of the server", async () => {
  const lab = redirecting({ "/start": to("http://[") });
  const { message } = await lab.failure(url);
  assert.equal(message, "api.example.org redirects to what is no URL");
});

Deno.test("the body of a redirect is not read", async () => {
  const body = "x".repeat(9_000_000);
  const lab = redirecting({ "/start": { ...to("/next"), body, end: "never" } });
  assert.equal(await lab.text(url), "end");
});
