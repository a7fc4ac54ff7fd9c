// Hosts that a seed is allowed, from the flag to the state: in whatever way an
// owner may spell them, what is stored is a spelling that every reader takes.

import assert from "node:assert/strict";
import { InputError, isHostPattern } from "../../src/kernel/mod.ts";
import { parseSeedOptions } from "../../src/seeds/mod.ts";

const spellings: Readonly<Record<string, string>> = {
  "api.example.org": "api.example.org",
  "API.Example.org": "api.example.org",
  "*.Example.org:8443": "*.example.org:8443",
  "bücher.example": "xn--bcher-kva.example",
  "10.0.0.7": "10.0.0.7",
  "10.0.0.7:80": "10.0.0.7:80",
  "::1": "[::1]",
  "[::1]": "[::1]",
  "[2001:DB8:0::7]:443": "[2001:db8::7]:443",
  "localhost": "localhost",
  "a_b.example": "a_b.example",
};

function parsed(...allowHosts: string[]): readonly string[] {
  return parseSeedOptions({ config: {}, allowHosts }).allowHosts ?? [];
}

Deno.test("R15 a host is stored in a spelling that readers take", () => {
  for (const [typed, text] of Object.entries(spellings)) {
    assert.deepEqual(parsed(typed), [text]);
    assert.ok(isHostPattern(text), text);
    assert.deepEqual(parsed(text), [text]);
  }
});

Deno.test("R15 what is no host is stored nowhere", () => {
  const texts = ["", "*", "*.*.a", "a..b", "a b", "http://a", "a/b", "u@a"];
  for (const text of [...texts, "a:0", "a:65536", "0x7f.1", "1.2.3", "a."]) {
    assert.throws(() => parsed(text), InputError, text);
  }
});

Deno.test("hosts of a seed are stored sorted and each once", () => {
  const hosts = parsed("b.example", "A.example", "a.example", "*.c");
  assert.deepEqual(hosts, ["*.c", "a.example", "b.example"]);
});
