// The example seeds: what real toolchains make, with real inputs.

import { exampleModule } from "../fixtures/seeds/worker_lab.ts";
import type { Bytes } from "../../src/kernel/mod.ts";
import { type OracleCase, pattern, shapes, utf8Bytes } from "./oracle_case.ts";

const texts: readonly Bytes[] = [
  ...["", "a", "{}", '{"name":"world"}', '{"name":"\u2603 \\"q\\""}', "[1,2"],
  ...['{"name":7}', "Hello, world!", "AEIOU aeiou \u00e4", "\0\x01\x7f"],
  ...["x".repeat(1000), "stra\u00dfe \u{1f600}", '{"a":{"name":1},"name":"n"}'],
].map(utf8Bytes);
const large = utf8Bytes("a\u00e9 \u2603".repeat(8192));

async function built(path: string): Promise<Bytes> {
  const module = await exampleModule(path);
  if (module !== undefined) return module;
  throw new Error(`examples/${path} is not there: build the examples`);
}

const upper = await built("upper/upper.wasm");
const shout = await built("shout/shout.wasm");
/** Undefined where Go is not: it is not committed. */
const echoGo = await exampleModule("echo-go/echo.wasm");

const committed: readonly OracleCase[] = [
  {
    name: "is the example hello",
    module: await built("hello/hello.wasm"),
    fn: "greet",
    inputs: texts,
  },
  {
    name: "is the example upper",
    module: upper,
    fn: "handle",
    inputs: [...texts, large, pattern(1000)],
  },
  {
    name: "is the example vowels",
    module: await built("vowels/vowels.wasm"),
    fn: "count_vowels",
    inputs: [...texts, ...shapes],
  },
  ...["shout", "relay", "whoami"].map((fn): OracleCase => ({
    name: `is the example shout, asked for "${fn}"`,
    module: shout,
    fn,
    inputs: texts.slice(0, 4),
  })),
];

const go: readonly OracleCase[] = echoGo === undefined ? [] : [
  {
    name: "is the example echo-go",
    module: echoGo,
    fn: "echo",
    inputs: [...texts.slice(0, 2), ...shapes.slice(-2)],
  },
  {
    name: "is the example echo-go, asking",
    module: echoGo,
    fn: "ask",
    inputs: ["pln://seed/other/f\nabc", "pln://seed/nobody/f\n", "nothing"]
      .map(utf8Bytes),
  },
  {
    name: "is the example echo-go, logging who calls",
    module: echoGo,
    fn: "caller",
  },
];

export const exampleCases: readonly OracleCase[] = [...committed, ...go];
export const hasGo = echoGo !== undefined;
