// Configuration, variables and the log, as guests see them.

import { text } from "../fixtures/seeds/wat.ts";
import { guest, reports } from "./guest_module.ts";
import { type OracleCase, shapes, utf8Bytes } from "./oracle_case.ts";

const config = {
  key: "value",
  "k\u00e9y \u2603": "v\u00e4lue \u{1f600}",
  long: "x".repeat(10_000),
  empty: "",
};
const one = text(16, "one");
const two = text(32, "two, and longer");
const name = text(64, "name \u00fc");
const other = text(80, "other");
const data = one.data + two.data + name.data + other.data;

function does(body: string) {
  return guest(`${data} (func (export "f") (result i32)
    (local $block i64) ${body} (i32.const 0))`);
}

/** The value of the configuration that the input names. */
const configured = does(`
  (local.set $block (call $config_get (call $input_offset)))
  (call $give (local.get $block))`);

const configuration: readonly OracleCase[] = [
  {
    name: "reads its configuration",
    module: configured,
    config,
    inputs: ["key", "k\u00e9y \u2603", "long"].map(utf8Bytes),
  },
  {
    name: "reports which configuration there is",
    module: reports("(call $flag (call $config_get (call $input_offset)))"),
    config,
    inputs: ["key", "Key", "none", "__proto__ "].map(utf8Bytes),
  },
  {
    name: "reads a configuration that every JavaScript object has",
    module: reports("(call $flag (call $config_get (call $input_offset)))"),
    config,
    inputs: [utf8Bytes("toString")],
  },
  {
    name: "reads a configuration that is empty",
    module: reports("(call $flag (call $config_get (call $input_offset)))"),
    config,
    inputs: [utf8Bytes("empty")],
  },
  {
    name: "names a configuration at an offset that is none",
    module: reports("(call $flag (call $config_get (i64.const -4096)))"),
    config,
  },
  {
    name: "uses the name of a configuration again",
    module: reports(
      `(local.set $key ${one.block})
      (drop (call $config_get (local.get $key)))
      (call $put (call $length (local.get $key)))`,
      {
        parts: one.data,
        locals: "(local $key i64)",
      },
    ),
    config,
  },
];

const get = (key: string) => `(call $var_get ${key})`;
const set = (key: string, value: string) => `(call $var_set ${key} ${value})`;
const give = (key: string) => `(call $give ${get(key)})`;

const variables: readonly OracleCase[] = [
  {
    name: "reads a variable that it never set",
    module: reports(`(call $flag ${get(name.block)})`, { parts: data }),
  },
  {
    name: "keeps a variable",
    module: does(set(name.block, one.block) + give(name.block)),
  },
  {
    name: "overwrites a variable with a longer value",
    module: does(
      set(name.block, one.block) + set(name.block, two.block) +
        give(name.block),
    ),
  },
  {
    name: "overwrites a variable with a shorter value",
    module: does(
      set(name.block, two.block) + set(name.block, one.block) +
        give(name.block),
    ),
  },
  {
    name: "keeps two variables apart",
    module: does(
      set(name.block, two.block) + set(other.block, one.block) +
        give(name.block),
    ),
  },
  {
    name: "deletes a variable, and one that is not there",
    module: reports(
      set(name.block, one.block) + set(other.block, one.block) +
        set(name.block, "(i64.const 0)") + set(two.block, "(i64.const 0)") +
        `(call $flag ${get(name.block)}) (call $flag ${get(other.block)})`,
      { parts: data },
    ),
  },
  {
    name: "keeps its input as a variable",
    module: does(set(name.block, "(call $input_offset)") + give(name.block)),
    inputs: shapes.slice(1, -1),
  },
  {
    name: "keeps what a variable was when it was set",
    module: does(`(local.set $block ${one.block})
      ${set(name.block, "(local.get $block)")}
      (call $store_u8 (local.get $block) (i32.const 88)) ${give(name.block)}`),
  },
  {
    name: "changes what it has read from a variable",
    module: does(`${set(name.block, one.block)}
      (local.set $block ${get(name.block)})
      (call $store_u8 (local.get $block) (i32.const 88)) ${give(name.block)}`),
  },
  {
    name: "keeps a hundred variables",
    module: reports(
      `(loop $next
        (i32.store8 (i32.const 16) (local.get $i))
        ${set(one.block, two.block)}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 100))))
      (i32.store8 (i32.const 16) (i32.const 0)) (call $flag ${get(one.block)})
      (i32.store8 (i32.const 16) (i32.const 99)) (call $flag ${get(one.block)})
      (i32.store8 (i32.const 16) (i32.const 100))
      (call $flag ${get(one.block)})`,
      { parts: data, locals: "(local $i i32)" },
    ),
  },
  {
    name: "counts its calls in a variable",
    module: does(`(local.set $block ${get(name.block)})
      (if (i64.eqz (local.get $block))
        (then (local.set $block (call $alloc (i64.const 1)))))
      (call $store_u8 (local.get $block) (i32.add (i32.const 1)
        (call $load_u8 (local.get $block))))
      ${set(name.block, "(local.get $block)")} ${give(name.block)}`),
  },
  {
    name: "sets a variable from an offset that is none",
    module: reports(
      set(name.block, "(i64.const -4096)") + `(call $flag ${get(name.block)})`,
      { parts: data },
    ),
  },
  {
    name: "keeps an empty block as a variable",
    module: reports(
      set(name.block, "(call $alloc (i64.const 0))") +
        `(call $flag ${get(name.block)})`,
      { parts: data },
    ),
  },
  {
    name: "keeps more in a variable than it may",
    module: does(
      set(name.block, "(call $alloc (i64.const 1500000))") + give(name.block),
    ),
  },
  {
    name: "uses the name of a variable again after a read",
    module: reports(
      `(local.set $key ${name.block})
      (drop ${get("(local.get $key)")})
      (call $put (call $length (local.get $key)))`,
      {
        parts: data,
        locals: "(local $key i64)",
      },
    ),
  },
  {
    name: "uses the name of a variable again after a write",
    module: reports(
      `(local.set $key ${name.block})
      ${set("(local.get $key)", one.block)}
      (call $put (call $length (local.get $key)))`,
      {
        parts: data,
        locals: "(local $key i64)",
      },
    ),
  },
];

const levels = ["trace", "debug", "info", "warn", "error"] as const;
const input = "(call $input_offset)";

const logs: readonly OracleCase[] = [
  ...levels.map((level): OracleCase => ({
    name: `logs its input with log_${level}`,
    module: does(`(call $log_${level} ${input})`),
    inputs: ["a line", "\u2603 \u{1f600}", "two\nlines"].map(utf8Bytes),
  })),
  {
    name: "logs ten lines in order",
    module: does(
      levels.map((level) =>
        `(call $log_${level} ${one.block}) (call $log_${level} ${two.block})`
      ).join(" "),
    ),
  },
  {
    name: "logs invalid UTF-8",
    module: does(`(i32.store (i32.const 256) (i32.const 0xff28c3))
      (call $log_info (call $block (i32.const 256) (i32.const 3)))`),
  },
  {
    name: "logs and then fails",
    module: does(
      `(call $log_warn ${one.block}) (call $error_set ${two.block})`,
    ),
  },
  {
    name: "logs and then traps",
    module: does(`(call $log_error ${one.block}) (unreachable)`),
  },
  {
    name: "logs 3000 characters",
    module: does(
      `(memory.fill (i32.const 1000) (i32.const 120) (i32.const 3000))
      (call $log_info (call $block (i32.const 1000) (i32.const 3000)))`,
    ),
  },
  {
    name: "asks which lines are logged",
    module: reports("(call $put32 (call $get_log_level))"),
  },
  {
    name: "logs what is no block",
    module: does("(call $log_info (i64.const -4096))"),
  },
  {
    name: "uses a logged block again",
    module: reports(`(call $log_info ${input})
      (call $put (call $length ${input}))`),
  },
];

export const settingCases: readonly OracleCase[] = [
  ...configuration,
  ...variables,
  ...logs,
];
