// Editing config.yaml: one key changes, everything else stays as the user wrote
// it. Hand-made cases for each form of a line, and a property over many files.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseConfig,
  setKey,
  type SettingKey,
  settingKeys,
  unsetKey,
} from "../../src/config/mod.ts";

Deno.test("setKey() changes a value and keeps comments and order", () => {
  const before = "# mine\nhttp: 80  # metrics\n\nname: 'a'\n";
  assert.equal(
    setKey(before, "http", { value: 8081 }),
    "# mine\nhttp: 8081  # metrics\n\nname: 'a'\n",
  );
  assert.equal(
    setKey(before, "name", { value: "b" }),
    "# mine\nhttp: 80  # metrics\n\nname: b\n",
  );
});

Deno.test("setKey() appends what is not there, after any last line", () => {
  assert.equal(setKey("", "http", { value: 80 }), "http: 80\n");
  assert.equal(
    setKey("name: a", "http", { value: 80 }),
    "name: a\nhttp: 80\n",
  );
  assert.equal(
    setKey("name: a\r\n", "http", { value: 80 }),
    "name: a\r\nhttp: 80\r\n",
  );
  assert.equal(setKey("---\n", "http", { value: 80 }), "---\nhttp: 80\n");
});

Deno.test("setKey() quotes a name that YAML would read as something else", () => {
  for (const value of ["true", "null", "1", "1e5", "0x10", "1.5", "a.b"]) {
    assert.equal(parseConfig(setKey("", "name", { value })).name, value);
  }
});

Deno.test("setKey() edits a flow mapping in place and extends none", () => {
  assert.equal(setKey("{http: 80}", "http", { value: 81 }), "{http: 81}");
  assert.throws(() => setKey("{http: 80}\n", "name", { value: "a" }), {
    message: 'config.yaml: cannot change "name" in this file',
  });
  assert.throws(() => setKey("http: 80\n...\n", "name", { value: "a" }), {
    message: 'config.yaml: cannot change "name" in this file',
  });
});

Deno.test("setKey() refuses a file that has a fault already", () => {
  assert.throws(() => setKey("htpp: 80\n", "http", { value: 80 }), {
    message: 'config.yaml:1: unknown key "htpp"',
  });
});

Deno.test("setKey() refuses to grow the file over its limit", () => {
  const nearly = `#${"x".repeat(65_530)}\n`;
  assert.throws(() => setKey(nearly, "http", { value: 80 }), {
    message: 'config.yaml: cannot change "http" in this file',
  });
});

Deno.test("unsetKey() takes the line away and nothing else", () => {
  const before = "# a\nhttp: 80 # b\nname: x\n# c";
  assert.equal(unsetKey(before, "http"), "# a\nname: x\n# c");
  assert.equal(unsetKey(before, "name"), "# a\nhttp: 80 # b\n# c");
  assert.equal(unsetKey(before, "log-level"), before);
  assert.equal(unsetKey("http: 80", "http"), "");
  assert.equal(unsetKey('"http": 80\n', "http"), "");
  assert.equal(unsetKey("name: |-\n  abc\nhttp: 80\n", "name"), "http: 80\n");
});

Deno.test("unsetKey() refuses to break a flow mapping", () => {
  assert.throws(() => unsetKey("{http: 80, name: a}\n", "http"), {
    message: 'config.yaml: cannot change "http" in this file',
  });
});

const valueOf = {
  "name": fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)
    .filter((name) => !["pln", "seed", "service", "internal"].includes(name)),
  "port": fc.integer({ min: 0, max: 65_535 }),
  "public": fc.boolean(),
  "ips": fc.array(
    fc.integer({ min: 1, max: 223 }).map((first) => `${first}.0.2.7`),
    { maxLength: 8 },
  ).map((ips) => ips.join(",")),
  "http": fc.integer({ min: 1, max: 65_535 }),
  "static-http": fc.integer({ min: 1, max: 65_535 }),
  "log-level": fc.constantFrom("debug", "info", "warn", "error"),
} as const;

const change = fc.constantFrom<SettingKey[]>(...settingKeys).chain((key) =>
  fc.record({
    key: fc.constant(key),
    value: fc.option(valueOf[key] as fc.Arbitrary<string | number | boolean>, {
      nil: undefined,
    }),
  })
);

const comment = fc.stringMatching(/^[ a-z:#{}'"-]{0,12}$/)
  .map((text) => `# ${text}`);

Deno.test("any changes leave what they say, and every comment", () => {
  fc.assert(fc.property(
    fc.array(comment, { maxLength: 4 }),
    fc.array(change, { maxLength: 12 }),
    (comments, changes) => {
      let text = comments.map((line) => `${line}\n`).join("");
      const wanted = new Map<string, string | number | boolean>();
      for (const { key, value } of changes) {
        if (value === undefined) {
          text = unsetKey(text, key);
          wanted.delete(key);
        } else {
          text = setKey(text, key, { value: value as never });
          wanted.set(key, value);
        }
      }
      assert.deepEqual(parseConfig(text), Object.fromEntries(wanted));
      assert.deepEqual(
        text.split("\n").filter((line) => line.startsWith("#")),
        comments,
      );
    },
  ));
});
