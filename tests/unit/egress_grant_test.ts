// What a seed may reach, and what it may not: SCENARIOS.md R15, through the
// egress as guests use it. Whatever is refused, the Internet sees nothing of.

import assert from "node:assert/strict";
import { EgressLab, publicAddress } from "./egress_lab.ts";

const hostile = "http://api.example.org/";

/** All of them end at an address that is not public. */
const privateUrls = [
  ...["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest"],
  ...["http://100.100.100.200/", "http://10.1.2.3/", "http://[fd00::1]/"],
  ...["http://[fe80::1]/", "http://[::ffff:10.0.0.1]/", "http://192.168.0.1/"],
  ...["http://[::ffff:7f00:1]/", "http://2130706433/", "http://0x7f000001/"],
  ...["http://0177.0.0.1/", "http://0x7f.1/", "http://127.1/", "http://0/"],
  ...["http://017700000001/", "http://[::1]:8080/", "http://127.0.0.1.:80/"],
  ...["http://１２７.0.0.1/", "http://[::]/", "http://[64:ff9b::a00:1]/"],
  ...["http://[2002:7f00:1::]/", "http://[::127.0.0.1]/", "http://①②⑦.0.0.1/"],
  ...[
    "http://[fd00:ec2::254]/",
    "http://255.255.255.255/",
    "http://[ff02::1]/",
  ],
];

Deno.test("R15 a seed without the grant reaches no private address", async () => {
  const lab = new EgressLab();
  const allowHosts = ["*.example.org", "example.org", "localhost", "10.0.0.9"];
  for (const url of privateUrls) {
    const { message } = await lab.refusal(url, { allowHosts });
    assert.match(
      message,
      /^Seed "news" may not reach .*: it (was granted|is an? |is the )/,
    );
  }
  assert.deepEqual(lab.outbound.requests, []);
  assert.deepEqual(lab.outbound.lookups, []);
});

Deno.test("R15 a granted name does not open a private address", async () => {
  const lab = new EgressLab();
  const addresses = [
    ...["127.0.0.1", "10.0.0.5", "169.254.169.254", "100.100.100.200", "::1"],
    ...[
      "::ffff:10.0.0.1",
      "fd00::1",
      "fe80::1",
      "64:ff9b::10.0.0.1",
      "0.0.0.0",
    ],
    ...["2002:a00:1::1", "224.0.0.1", "192.168.1.1", "198.18.0.1", "::"],
  ];
  for (const address of addresses) {
    lab.outbound.name("api.example.org", [publicAddress, address]);
    for (const allowHosts of [["api.example.org"], ["*.example.org"]]) {
      const { message } = await lab.refusal(hostile, { allowHosts });
      assert.match(
        message,
        /^Seed "news" may not reach api\.example\.org: its /,
      );
    }
  }
  assert.deepEqual(lab.outbound.requests, []);
});

Deno.test("a refusal names the grant that would allow it", async () => {
  const lab = new EgressLab();
  const other = await lab.refusal("https://www.example.org/");
  assert.equal(
    other.message,
    'Seed "news" may not reach www.example.org: it was granted api.example.org',
  );
  assert.equal(other.hint, "Seed it with --allow-host www.example.org");
  const none = await lab.refusal("https://a.example/", { allowHosts: [] });
  assert.equal(
    none.message,
    'Seed "news" may not reach a.example: it was granted no host',
  );
  const port = await lab.refusal("https://api.example.org:8443/");
  assert.equal(
    port.message,
    'Seed "news" may not reach port 8443 of api.example.org: ' +
      "it was granted api.example.org",
  );
  assert.equal(port.hint, "Seed it with --allow-host api.example.org:8443");
  lab.outbound.name("api.example.org", ["10.0.0.5"]);
  const inner = await lab.refusal("https://api.example.org/");
  assert.equal(
    inner.message,
    'Seed "news" may not reach api.example.org: its address 10.0.0.5 is a ' +
      "private address",
  );
  assert.equal(
    inner.hint,
    "Seed it with --allow-host 10.0.0.5 as well, if that is meant",
  );
});

Deno.test("what a refusal offers is what opens it", async () => {
  const lab = new EgressLab();
  lab.outbound.name("db.example.org", ["10.0.0.5"]);
  lab.outbound.name("six.example.org", ["fd00::5"]);
  for (const address of ["10.0.0.5", "fd00::5", "127.0.0.1"]) {
    lab.outbound.serve(address, () => ({ body: "inside" }));
  }
  for (
    const url of [
      ...["http://db.example.org/", "http://db.example.org:5432/"],
      ...["https://six.example.org:8443/", "http://[::ffff:127.0.0.1]:81/"],
    ]
  ) {
    const allowHosts: string[] = [];
    for (;;) {
      const answer = await lab.text(url, { allowHosts }).catch((one) => one);
      if (answer === "inside") break;
      const [, host] = /--allow-host (\S+)/.exec(answer.hint) ?? [];
      assert.ok(host !== undefined && !allowHosts.includes(host), answer);
      allowHosts.push(host);
    }
    assert.ok(allowHosts.length <= 2, allowHosts.join());
  }
});

Deno.test("a refusal that no grant would lift offers none", async () => {
  const lab = new EgressLab();
  const hosts = [
    ...["0.0.0.0", "[ff02::1]", "169.254.169.254", "100.100.100.200"],
    ...["[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"],
  ];
  for (const host of hosts) {
    for (const allowHosts of [[], hosts]) {
      const refusal = await lab.refusal(`http://${host}/`, { allowHosts });
      assert.match(refusal.message, /: it is an? .*, which no grant opens$/);
      assert.equal(refusal.hint, undefined);
    }
  }
});

Deno.test("a long list of grants is cut short in messages", async () => {
  const lab = new EgressLab();
  const allowHosts = Array.from({ length: 16 }, (_, at) => `h${at}.example`);
  const { message } = await lab.refusal("http://a.example/", { allowHosts });
  assert.match(message, /granted h0\.example, .*, h4\.example and 11 more$/);
});

Deno.test("a seed reaches hosts however they are spelled", async () => {
  const lab = new EgressLab();
  lab.outbound.name("xn--bcher-kva.example", [publicAddress]);
  const allowHosts = ["api.example.org", "bücher.example", publicAddress];
  for (
    const url of [
      ...[
        "http://api.example.org",
        "https://API.EXAMPLE.ORG/",
        "hTTp:api.example.org",
      ],
      ...["http://api.example.org./", "http://api.example.org:443/"],
      ...["https://ａｐｉ.example.org/", "http://bücher.example/"],
      ...["http://xn--bcher-kva.example/", `http://${publicAddress}/`],
      ...["http://0x5db8d70e/", `http://[::ffff:${publicAddress}]/`],
    ]
  ) {
    assert.equal(await lab.text(url, { allowHosts }), "public", url);
  }
  const hosts = new Set(lab.outbound.requests.map(({ url }) => url.hostname));
  assert.deepEqual([...hosts], [
    ...["api.example.org", "xn--bcher-kva.example", publicAddress],
  ]);
  assert.ok(
    lab.outbound.requests.every(({ address }) => address === publicAddress),
  );
});

Deno.test("a pattern stands for names below it and for no others", async () => {
  const lab = new EgressLab();
  const allowHosts = ["*.example.org"];
  for (const host of ["a.example.org", "a.b.example.org"]) {
    lab.outbound.name(host, [publicAddress]);
    assert.equal(await lab.text(`http://${host}/`, { allowHosts }), "public");
  }
  for (
    const host of [
      ...["example.org", "badexample.org", "example.org.evil.example", "org"],
      ...["a.example.com", "*.example.org", "a,b.example.org", ".example.org"],
      ...["a..example.org", "$.example.org", "a.example.org.."],
    ]
  ) {
    await lab.refusal(`http://${host}/`, { allowHosts });
  }
});

Deno.test("a grant without a port is for 80 and 443, one with is for it", async () => {
  const lab = new EgressLab();
  const opened = async (allowHosts: readonly string[]) => {
    const ports: number[] = [];
    for (const port of [80, 443, 8080, 8443]) {
      const url = `http://api.example.org:${port}/`;
      const text = await lab.text(url, { allowHosts }).catch(() => "refused");
      if (text === "public") ports.push(port);
    }
    return ports;
  };
  assert.deepEqual(await opened(["api.example.org"]), [80, 443]);
  assert.deepEqual(await opened(["api.example.org:8080"]), [8080]);
  assert.deepEqual(await opened(["*.example.org:8443"]), [8443]);
  const both = ["api.example.org", "api.example.org:8080"];
  assert.deepEqual(await opened(both), [80, 443, 8080]);
});

Deno.test("R15 an address is opened by its own grant, on its port", async () => {
  const lab = new EgressLab();
  lab.outbound.serve("10.0.0.7", () => ({ body: "inside" }));
  lab.outbound.name("db.example.org", ["10.0.0.7"]);
  const text = (url: string, ...allowHosts: string[]) =>
    lab.text(url, { allowHosts });
  assert.equal(await text("http://10.0.0.7/", "10.0.0.7"), "inside");
  assert.equal(await text("http://0xa000007/", "10.0.0.7"), "inside");
  assert.equal(await text("http://[::ffff:a00:7]/", "10.0.0.7"), "inside");
  const named = ["db.example.org", "10.0.0.7"];
  assert.equal(await text("http://db.example.org/", ...named), "inside");
  const onPort = ["db.example.org:5432", "10.0.0.7"];
  await lab.refusal("http://db.example.org:5432/", { allowHosts: onPort });
  await lab.refusal("http://db.example.org/", { allowHosts: ["10.0.0.7"] });
  await lab.refusal("http://10.0.0.8/", { allowHosts: ["10.0.0.7"] });
  await lab.refusal("http://10.0.0.7/", { allowHosts: ["10.0.0.7:81"] });
});

Deno.test("R15 no grant opens a metadata service, by whatever name", async () => {
  const lab = new EgressLab();
  for (
    const address of [
      ...["169.254.169.254", "168.63.129.16", "fd00:ec2::254"],
      "64:ff9b::169.254.169.254",
    ]
  ) {
    lab.outbound.name("api.example.org", [address]);
    lab.outbound.serve(address, () => ({ body: "credentials" }));
    const allowHosts = ["api.example.org", address, `[${address}]`];
    const { message, hint } = await lab.refusal(hostile, { allowHosts });
    assert.match(message, /a cloud's metadata service, which no grant opens$/);
    assert.equal(hint, undefined);
  }
  assert.deepEqual(lab.outbound.requests, []);
});

Deno.test("R15 a name opens no address of this machine's network", async () => {
  const lab = new EgressLab();
  lab.outbound.networks = ["93.184.0.9/24", "2606:4700:1::9/64", "nonsense"];
  const inside = ["93.184.0.9", "93.184.0.1", "2606:4700:1::1"];
  const hidden = "64:ff9b::5db8:1" /* 93.184.0.1 */;
  for (const address of [...inside, hidden]) {
    lab.outbound.name("api.example.org", [address]);
    lab.outbound.serve(address, () => ({ body: "inside" }));
    const named = ["api.example.org"];
    const { message, hint } = await lab.refusal(hostile, { allowHosts: named });
    assert.match(message, /is an address of this machine's network$/);
    const [, exact = ""] = /--allow-host (\S+) as well/.exec(hint ?? "") ?? [];
    const allowHosts = [...named, exact];
    assert.equal(await lab.text(hostile, { allowHosts }), "inside");
    const url = `http://${exact}/`;
    assert.equal(await lab.text(url, { allowHosts: [exact] }), "inside");
  }
  const outside = "2606:4700:1:1::1";
  lab.outbound.name("api.example.org", [publicAddress, outside]);
  assert.equal(await lab.text(hostile), "public");
  // It moved, or no network is as wide as that.
  lab.outbound.networks = ["93.184.1.9/24", "93.184.1.9/0", "2606::1/8"];
  lab.outbound.name("api.example.org", [...inside]);
  assert.equal(await lab.text(hostile), "inside");
});

Deno.test("localhost is opened by its name, and nothing behind it", async () => {
  const lab = new EgressLab();
  for (const address of ["127.0.0.1", "::1", "10.0.0.1"]) {
    lab.outbound.serve(address, () => ({ body: "inside" }));
  }
  const allowHosts = ["localhost", "localhost:8080", "*.localhost"];
  lab.outbound.name("localhost", ["127.0.0.1", "::1"]);
  lab.outbound.name("a.localhost", ["127.0.0.1"]);
  for (const url of ["http://localhost/", "http://LOCALHOST.:8080/"]) {
    assert.equal(await lab.text(url, { allowHosts }), "inside");
  }
  await lab.refusal("http://localhost:81/", { allowHosts });
  await lab.refusal("http://a.localhost/", { allowHosts });
  await lab.refusal("http://127.0.0.1/", { allowHosts });
  lab.outbound.name("localhost", ["10.0.0.1"]);
  await lab.refusal("http://localhost/", { allowHosts });
});

Deno.test("grants that nobody can read grant nothing", async () => {
  const lab = new EgressLab();
  const allowHosts = ["", "*", "http://api.example.org", "*api.example.org"];
  const { message } = await lab.refusal(hostile, { allowHosts });
  assert.match(message, /it was granted no host$/);
});

Deno.test("a seed reaches http and https, and nothing else", async () => {
  const lab = new EgressLab();
  for (
    const url of [
      ...["file:///etc/passwd", "ftp://api.example.org/", "data:,x"],
      ...["ws://api.example.org/", "javascript:1", "blob:http://a.example/1"],
      ...["unix:/run/pln.sock", "gopher://api.example.org/", "about:blank"],
    ]
  ) {
    const { message } = await lab.refusal(url);
    assert.match(message, /only http: and https: are open to seeds$/);
  }
  for (
    const url of ["http://me@api.example.org", "http://:x@api.example.org"]
  ) {
    const { message, hint } = await lab.refusal(url);
    assert.match(message, /its URL holds a user name or a password$/);
    assert.equal(hint, "Send them in an Authorization header");
  }
});

Deno.test("what a name server says that is no address is refused", async () => {
  const lab = new EgressLab();
  for (const text of ["127.1", "api.example.com", "", "fe80::1%eth0"]) {
    lab.outbound.name("api.example.org", [publicAddress, text]);
    const { message } = await lab.refusal(hostile);
    assert.match(message, /resolves to what is no address$/);
  }
});
