// Host patterns: what can be granted, its one spelling, and what is said about
// what cannot.

import assert from "node:assert/strict";
import { parseHostPattern } from "../../src/egress/mod.ts";
import { InputError, isHostPattern } from "../../src/kernel/mod.ts";

const patterns: readonly (readonly [string, string])[] = [
  ["api.example.org", "api.example.org"],
  ["API.Example.ORG", "api.example.org"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["localhost", "localhost"],
  ["*.example.org", "*.example.org"],
  ["*.Bücher.example", "*.xn--bcher-kva.example"],
  ["api.example.org:8443", "api.example.org:8443"],
  ["*.example.org:443", "*.example.org:443"],
  ["_a.b-c.d_e.example", "_a.b-c.d_e.example"],
  ["10.0.0.7", "10.0.0.7"],
  ["10.0.0.7:65535", "10.0.0.7:65535"],
  ["::1", "[::1]"],
  ["[::1]", "[::1]"],
  ["[::1]:80", "[::1]:80"],
  ["[2001:DB8:0::1]", "[2001:db8::1]"],
  ["169.254.0.1", "169.254.0.1"],
  [`*.${"a.".repeat(126)}a:65535`, `*.${"a.".repeat(126)}a:65535`],
];

const refused: Readonly<Record<string, readonly string[]>> = {
  "it is empty": [""],
  "it is too long": ["a".repeat(262)],
  "it holds a space": ["a b", " a.example", "a.example\n"],
  "it holds an invisible character": ["a\0b", "a\u00adb"],
  "it has a scheme": ["https://api.example.org", "file:///etc/passwd"],
  "it has a path": ["api.example.org/", "a.example\\b", "a?b", "a#b"],
  "it has credentials": ["me@a.example", "me:secret@a.example"],
  'it holds "%"': ["a%2eb.example", "[fe80::1%25eth0]"],
  "it stands for every host": ["*"],
  '"*" may only stand alone before the first dot': [
    ...["a.*.example", "*.*.example", "*a.example", "**", "a.*", "*:80"],
  ],
  "it ends with a dot": ["a.example.", "a.example.:80", ".", "*."],
  "its port is not one from 1 to 65535": [
    ...["a.example:0", "a.example:65536", "a.example:080", "a.example:x"],
    ...["a.example:", "[::1]:", "a.example:-1", "*.a.example:+1"],
  ],
  "it is no host name and no IP address": [
    ...[".a.example", "a..example", "-a.example", "a-.example", "a!b"],
    ...["256.1.1.1", "a.1", "1.2.3.4.5", "x".repeat(64), "::g", "[]", "a,b"],
    ...[
      "1:2:3",
      "[::1]80",
      "[::1",
      ":80",
      "*.[::1]",
      "a]:80",
      `${"a.".repeat(127)}a`,
      "*.256.0.0.1",
    ],
  ],
  "nothing is below an IP address": ["*.10.0.0.1", "*.::1"],
  "it is an unusual spelling": [
    ...["0177.0.0.1", "2130706433", "0x7f000001", "127.1", "１０.0.0.1"],
    ...["[::ffff:10.0.0.1]", "[::ffff:a00:1]", "010.0.0.1"],
  ],
  "it is an unspecified address": ["0.0.0.0", "::", "[::]:80", "0.0.0.0:80"],
  "it is a cloud's metadata service": [
    ...["169.254.169.254", "169.254.169.254:80", "100.100.100.200"],
    ...["168.63.129.16", "[fd00:ec2::254]", "64:ff9b::169.254.169.254"],
  ],
  "it is a multicast address": ["224.0.0.1", "[ff02::1]"],
  "it is the broadcast address": ["255.255.255.255"],
};

Deno.test("parseHostPattern() gives each pattern one spelling", () => {
  for (const [typed, spelled] of patterns) {
    assert.equal(parseHostPattern(typed).text, spelled);
    assert.deepEqual(parseHostPattern(spelled), parseHostPattern(typed));
  }
});

Deno.test("parseHostPattern() says what is wrong, and how to write it", () => {
  for (const [reason, texts] of Object.entries(refused)) {
    for (const text of texts) {
      assert.throws(
        () => parseHostPattern(text),
        (cause) =>
          cause instanceof InputError &&
          cause.message.endsWith(`is no host to allow: ${reason}`) &&
          /^(Such as|Write it as|Leave it out:) /.test(cause.hint ?? ""),
        `${JSON.stringify(text)} should be refused: ${reason}`,
      );
    }
  }
  assert.throws(() => parseHostPattern("0x7f.1:80"), {
    hint: "Write it as 127.0.0.1:80",
  });
});

Deno.test("parseHostPattern() reads whatever the state may hold", () => {
  for (const [, text] of patterns.filter(([, one]) => isHostPattern(one))) {
    assert.equal(parseHostPattern(text).text, text);
  }
});
