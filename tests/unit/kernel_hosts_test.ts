// Patterns of hosts: what names hosts is spelled as a URL spells it, and what
// is spelled otherwise is no pattern, since it would match nothing.

import assert from "node:assert/strict";
import { isHostPattern, limits } from "../../src/kernel/mod.ts";

const fits = [
  ...["example.org", "*.example.org", "a.b-c.d_e.example", "localhost"],
  ...["xn--bcher-kva.example", "*.internal", "1.example", "x".repeat(63)],
  ...["10.0.0.7", "255.255.255.255", "[::1]", "[2001:db8::7]"],
  ...["example.org:8443", "*.example.org:1", "10.0.0.7:80", "[::1]:65535"],
  `*.${"a.".repeat(126)}a:65535`,
];

const doesNotFit = [
  ...["", ".", "*", "*.", "*.*.example", "a.*.example", "*example.org"],
  ...["Example.org", "bücher.example", "example.org.", ".example.org"],
  ...["example..org", "-a.example", "a-.example", "a b", "a\0b", "a\n"],
  ...["https://example.org", "example.org/x", "example.org:", "u@a.b"],
  ...["example.org:0", "example.org:080", "example.org:65536", "a.b:-1"],
  ...["example.org:1:2", "a.b: 80", ":80", "*:80", "example.org.:80"],
  ...["1.2.3", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "2130706433", "1.2.3.4."],
  ...["a.0x7f", "a.1", "*.1", "*.10.0.0.1", "::1", "[::1", "::1]:80"],
  ...["[0:0:0:0:0:0:0:1]", "[::FFFF]", "[::ffff:1.2.3.4]", "[1::2::3]"],
  ...["[fe80::1%25eth0]", "x".repeat(64), `${"a.".repeat(130)}aa`],
];

Deno.test("isHostPattern() takes names, wildcards and addresses", () => {
  for (const text of fits) assert.ok(isHostPattern(text), text);
});

Deno.test("R15 isHostPattern() takes no other spelling of a host", () => {
  for (const text of doesNotFit) {
    assert.ok(!isHostPattern(text), JSON.stringify(text));
  }
});

Deno.test("isHostPattern() answers at once whatever the length", () => {
  assert.ok(!isHostPattern("a".repeat(1_000_000)));
  assert.ok(!isHostPattern("a.".repeat(limits.hostPatternCharactersMax)));
  assert.ok(!isHostPattern(`${"a-".repeat(120)}.`));
});

Deno.test("isHostPattern() takes hosts only as URLs spell them", () => {
  for (const text of fits.filter((one) => !one.startsWith("*."))) {
    const { hostname } = new URL(`http://${text}/`);
    assert.equal(text.replace(/:[0-9]+$/, ""), hostname);
  }
});
