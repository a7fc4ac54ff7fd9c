// Addresses: which texts are some, how they are spelled, and which of them lie
// on the public Internet (SCENARIOS.md R15).

import assert from "node:assert/strict";
import { hostOf, parseAddress } from "../../src/kernel/mod.ts";
import { rangeOf } from "../../src/egress/ranges.ts";

/** What is typed, and its one spelling. */
const spellings: readonly (readonly [string, string])[] = [
  ["10.0.0.1", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["1::", "1::"],
  ["2001:DB8::0:1", "2001:db8::1"],
  ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:a00:1", "10.0.0.1"],
  ["0:0:0:0:0:ffff:127.0.0.1", "127.0.0.1"],
];

const noAddresses = [
  ...["", ".", ":", ":::", "1", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.4."],
  ...[
    "256.1.1.1",
    "01.2.3.4",
    "0x7f.0.0.1",
    "2130706433",
    " 1.2.3.4",
    "1..2.3",
  ],
  ...["1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::"],
  ...["::1%eth0", "[::1]", "1:2:3:4:5:6:7:8::", "1.2.3.4::", "::1.2.3", ":1::"],
  ...["::1:1.2.3.4:1", "1:2:3:4:5:6:7:1.2.3.4", "::01.2.3.4", "::1/128"],
];

Deno.test("parseAddress() gives each address one spelling", () => {
  for (const [typed, spelled] of spellings) {
    assert.equal(parseAddress(typed)?.text, spelled, typed);
    assert.equal(parseAddress(spelled)?.text, spelled);
  }
});

Deno.test("parseAddress() reads no other text", () => {
  for (const text of noAddresses) {
    assert.equal(parseAddress(text), undefined, JSON.stringify(text));
  }
});

Deno.test("hostOf() spells an address as URLs do", () => {
  for (const text of ["10.0.0.1", "::1", "2001:db8::1"]) {
    const address = parseAddress(text);
    assert.ok(address !== undefined);
    const host = hostOf(address);
    assert.equal(new URL(`http://${host}/`).hostname, host);
  }
});

/** First and last of each range, and its label. */
const ranges: Readonly<Record<string, readonly string[]>> = {
  "an unspecified address": ["0.0.0.0", "0.255.255.255", "::"],
  "a loopback address": ["127.0.0.1", "127.255.255.255", "::1"],
  "a private address": [
    ...["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"],
    ...["192.168.0.0", "192.168.255.255", "fc00::", "fdff::1", "fec0::1"],
  ],
  "a link-local address": ["169.254.0.1", "169.254.255.255", "fe80::1"],
  "a carrier-grade NAT address": ["100.64.0.0", "100.127.255.255"],
  "a cloud's metadata service": [
    ...["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192"],
    ...["168.63.129.16", "fd00:ec2::254", "fd20:ce::254"],
  ],
  "a documentation address": [
    ...["192.0.2.1", "198.51.100.1", "203.0.113.255", "2001:db8::1"],
    ...["3fff::1", "3fff:fff::1"],
  ],
  "a benchmark address": ["198.18.0.0", "198.19.255.255"],
  "an IPv6 transition address": [
    ...["::10.0.0.1", "::93.184.215.14", "2002:a00:1::", "2002:5db8:d70e::"],
    ...["2001::1", "2001:1ff::1", "64:ff9b:1::1", "192.88.99.1"],
  ],
  "a multicast address": ["224.0.0.0", "239.255.255.255", "ff02::1"],
  "a reserved address": [
    ...["240.0.0.0", "255.255.255.254", "192.0.0.1", "100::1", "4000::1"],
    ...["1fff::1", "::ffff:0:a00:1", "fe00::1", "64:ff9b:2::1", "5f00::1"],
  ],
  "the broadcast address": ["255.255.255.255"],
};

/** The neighbours of the ranges above, among others. */
const publicAddresses = [
  ...["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"],
  ...["126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0"],
  ...["172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255"],
  ...["192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.114.0"],
  ...["223.255.255.255", "93.184.215.14", "168.63.129.17"],
  ...["2000::1", "2001:200::1", "2001:4860::8888", "2003::1", "3ffe::1"],
  ...["2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::93.184.215.14"],
];

Deno.test("R15 rangeOf() knows the ranges that are not public", () => {
  for (const [label, texts] of Object.entries(ranges)) {
    for (const text of texts) {
      const address = parseAddress(text);
      assert.ok(address !== undefined, text);
      assert.equal(rangeOf(address)?.label, label, text);
    }
  }
});

Deno.test("R15 rangeOf() sees the IPv4 address in an IPv6 one", () => {
  const hidden = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"];
  for (const four of hidden) {
    const label = rangeOf(parseAddress(four) ?? assert.fail())?.label;
    for (const prefix of ["::ffff:", "64:ff9b::"]) {
      const address = parseAddress(prefix + four) ?? assert.fail();
      assert.equal(rangeOf(address)?.label, label, prefix + four);
    }
  }
  const translated = parseAddress("64:ff9b::127.0.0.1") ?? assert.fail();
  assert.equal(rangeOf(translated)?.isLoopback, false);
});

Deno.test("rangeOf() leaves the public Internet open", () => {
  for (const text of publicAddresses) {
    const address = parseAddress(text);
    assert.ok(address !== undefined, text);
    assert.equal(rangeOf(address), undefined, text);
  }
});
