// Foreign text into the egress: addresses, host patterns, URLs. Addresses agree
// with the URL parser of the platform; a pattern is read or refused and never
// grows; no spelling of a private address gets through. Seeds are fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { addressOf, hostOf, parseAddress } from "../../src/kernel/mod.ts";
import { HostGrant, targetOf } from "../../src/egress/grant.ts";
import {
  EgressRefusal,
  type HostPattern,
  parseHostPattern,
} from "../../src/egress/mod.ts";
import { rangeOf } from "../../src/egress/ranges.ts";
import { checkRequest } from "../../src/egress/request.ts";
import { emptyBytes, InputError, isHostPattern } from "../../src/kernel/mod.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(5_000), seed: 4711 };

const octet = fc.nat({ max: 255 });
const four = fc.array(octet, { minLength: 4, maxLength: 4 });
/** Mostly zeros, so that "::" comes often. */
const sixteen = fc.array(
  fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, {
    weight: 2,
    arbitrary: octet,
  }),
  { minLength: 16, maxLength: 16 },
);
const hostCharacters = fc.constantFrom(..."0123456789abcdefxg:.[]%*-_/@?# AZé");
const hostText = fc.string({ unit: hostCharacters, maxLength: 24 });

/** What URLs make of it, without brackets; undefined when nothing. */
function urlHost(host: string): string | undefined {
  const name = URL.parse(`http://${host}/`)?.hostname;
  return name?.replace(/^\[(.*)\]$/, "$1");
}

Deno.test("fuzz: an address comes back from its text", () => {
  fc.assert(
    fc.property(fc.oneof(four, sixteen), (bytes) => {
      const address = addressOf(bytes);
      assert.deepEqual(parseAddress(address.text), address);
      const host = urlHost(hostOf(address));
      assert.equal(host, address.text);
    }),
    runs,
  );
});

Deno.test("fuzz: parseAddress() reads IPv6 as URLs do", () => {
  fc.assert(
    fc.property(fc.oneof(hostText, sixteenTexts), (text) => {
      fc.pre(!/[\[\]/?#@\\%\s]/.test(text));
      const host = urlHost(`[${text}]`);
      const address = text.includes(":") ? parseAddress(text) : undefined;
      const expected = host === undefined ? undefined : parseAddress(host);
      assert.deepEqual(address, expected, text);
    }),
    runs,
  );
});

Deno.test("fuzz: parseAddress() reads IPv4 only in its one spelling", () => {
  fc.assert(
    fc.property(fc.oneof(hostText, four.chain(fourSpellings)), (text) => {
      fc.pre(!text.includes(":"));
      const isAddress = parseAddress(text) !== undefined;
      const isPlain = urlHost(text) === text && /^[0-9.]*[0-9]$/.test(text);
      assert.equal(isAddress, isPlain, text);
    }),
    runs,
  );
});

Deno.test("fuzz: a pattern is read once and for all, or refused", () => {
  fc.assert(
    fc.property(fc.oneof(hostText, fc.string(), patternTexts), (text) => {
      const pattern = patternOf(text);
      if (pattern === undefined) return;
      assert.deepEqual(patternOf(pattern.text), pattern);
      assert.ok(isHostPattern(pattern.text), pattern.text);
    }),
    runs,
  );
});

Deno.test("fuzz: a grant opens the host that was typed, and nothing else", () => {
  const names = fc.constantFrom(
    "a.example",
    "b.a.example",
    "xa.example",
    "é.x",
  );
  fc.assert(
    fc.property(
      fc.oneof(patternTexts, names),
      fc.oneof(names, hostText, four.chain(fourSpellings)),
      (typed, host) => {
        const url = URL.parse(`http://${host}/`);
        fc.pre(url !== null);
        if (!isOpen(url, [typed])) return;
        const pattern = patternOf(typed) ?? assert.fail(typed);
        const wanted = pattern.host;
        const asked = url.hostname.replace(/\.$/, "");
        if (wanted.type === "name") assert.equal(asked, wanted.name);
        else if (wanted.type === "below") {
          assert.ok(asked.endsWith(`.${wanted.name}`), asked);
          assert.ok(!asked.startsWith("."), asked);
        } else assert.equal(urlHost(asked), wanted.address.text);
      },
    ),
    runs,
  );
});

const insideRanges = ["10.", "127.", "169.254.", "192.168.", "0.", "100.64."];
const inside = fc.tuple(fc.constantFrom(...insideRanges), four).map(
  ([start, bytes]) => {
    const head = start.split(".").slice(0, -1).map(Number);
    return [...head, ...bytes.slice(head.length)];
  },
);

Deno.test("R15 fuzz: no spelling of a private address gets through", () => {
  const spellings = inside.chain((bytes) =>
    fc.oneof(fourSpellings(bytes), hiddenSpellings(bytes))
  );
  const allowHosts = ["*.example", "localhost", "93.184.215.14", "[2606::1]"];
  fc.assert(
    fc.property(spellings, (host) => {
      const url = URL.parse(`http://${host}/`);
      assert.ok(url !== null, host);
      assert.ok(!isOpen(url, allowHosts), host);
      const { address } = targetOf(url, { seed: "x" });
      assert.ok(address !== undefined, host);
      assert.notEqual(rangeOf(address), undefined, host);
    }),
    runs,
  );
});

Deno.test("fuzz: a request is checked or refused, whatever it holds", () => {
  const ask = fc.record({
    url: fc.oneof(fc.string(), fc.webUrl()),
    method: fc.oneof(fc.string(), fc.constant("GET")),
    headers: fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
    body: fc.constant(emptyBytes),
  });
  fc.assert(
    fc.property(ask, (one) => {
      try {
        const { headers } = checkRequest(one, "x");
        for (const [name, value] of headers) {
          assert.ok(!/[\r\n\0:]/.test(name) && !/[\r\n\0]/.test(value));
        }
      } catch (cause) {
        if (!(cause instanceof EgressRefusal)) throw cause;
      }
    }),
    runs,
  );
});

function patternOf(text: string): HostPattern | undefined {
  try {
    return parseHostPattern(text);
  } catch (cause) {
    if (cause instanceof InputError) return undefined;
    throw cause;
  }
}

function isOpen(url: URL, allowHosts: readonly string[]): boolean {
  try {
    new HostGrant({ seed: "x", allowHosts }).checkHost(
      targetOf(url, { seed: "x" }),
    );
    return true;
  } catch (cause) {
    if (cause instanceof EgressRefusal) return false;
    throw cause;
  }
}

/** Texts that are almost patterns. */
const patternTexts = fc.tuple(
  fc.constantFrom("", "*.", "*"),
  fc.oneof(
    fc.constantFrom(
      "a.example",
      "B.Example",
      "é.x",
      "[::1]",
      "::1",
      "10.0.0.1",
    ),
    hostText,
  ),
  fc.constantFrom("", ":80", ":", ":0", "."),
).map((parts) => parts.join(""));

/** Texts that are almost IPv6. */
const sixteenTexts = fc.tuple(sixteen, fc.nat({ max: 45 }), hostCharacters)
  .map(([bytes, at, character]) => {
    const { text } = addressOf(bytes);
    return text.slice(0, at) + character + text.slice(at + 1);
  });

/** All that inet_aton and URLs read: 1 to 4 parts, in three bases. */
function fourSpellings(bytes: readonly number[]): fc.Arbitrary<string> {
  const bases = fc.array(fc.constantFrom(8, 10, 16), {
    minLength: 4,
    maxLength: 4,
  });
  return fc.tuple(fc.integer({ min: 1, max: 4 }), bases).map(
    ([count, wanted]) => {
      const last = bytes.slice(count - 1).reduce((sum, one) => sum * 256 + one);
      const parts = [...bytes.slice(0, count - 1), last];
      return parts.map((part, at) => inBase(part, wanted[at] ?? 10)).join(".");
    },
  );
}

function inBase(value: number, base: number): string {
  if (base === 8) return `0${value.toString(8)}`;
  return base === 16 ? `0x${value.toString(16)}` : String(value);
}

/** The same address within IPv6 ones. */
function hiddenSpellings(bytes: readonly number[]): fc.Arbitrary<string> {
  const text = bytes.join(".");
  const hex = bytes.map((one) => one.toString(16).padStart(2, "0")).join("");
  const groups = `${hex.slice(0, 4)}:${hex.slice(4)}`;
  return fc.constantFrom(
    `[::ffff:${text}]`,
    `[::FFFF:${groups}]`,
    `[0:0:0:0:0:ffff:${groups}]`,
    `[64:ff9b::${text}]`,
    `[2002:${groups}::]`,
    `[::${text}]`,
  );
}
