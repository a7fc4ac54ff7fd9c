// config.yaml as users write it: what is accepted, and every fault with its
// line. Texts in, settings or an error out; nothing here touches a disk but the
// last tests.

import assert from "node:assert/strict";
import {
  configText,
  parseConfig,
  readConfigText,
} from "../../src/config/mod.ts";
import { InputError, utf8 } from "../../src/kernel/mod.ts";
import { CliWorld } from "./cli_world.ts";

function refuses(text: string, message: string, hint?: string): void {
  assert.throws(() => parseConfig(text), (cause: unknown) => {
    assert.ok(cause instanceof InputError);
    assert.equal(cause.message, message);
    if (hint !== undefined) assert.equal(cause.hint, hint);
    return true;
  });
}

Deno.test("parseConfig() takes every key, comments and quotes", () => {
  const text = "# mine\nname: 'a-1'\nhttp: 8081 # metrics\n\n" +
    'static-http: 1\n"log-level": debug\n';
  assert.deepEqual(parseConfig(text), {
    "name": "a-1",
    "http": 8081,
    "static-http": 1,
    "log-level": "debug",
  });
});

Deno.test("parseConfig() takes an empty file in each of its forms", () => {
  for (const text of ["", "\n", "# only a comment\n", "---\n", "{}\n"]) {
    assert.deepEqual(parseConfig(text), {}, JSON.stringify(text));
  }
});

Deno.test("parseConfig() names the line of an unknown key and a near one", () => {
  refuses(
    "name: a\nhtpp: 80\n",
    'config.yaml:2: unknown key "htpp"',
    'Did you mean "http"?',
  );
  for (const near of ["staticHttp", "static_http", "STATIC-HTTP"]) {
    refuses(
      `${near}: 80\n`,
      `config.yaml:1: unknown key "${near}"`,
      'Did you mean "static-http"?',
    );
  }
  refuses(
    "\n\nfavourite colour: blue\n",
    'config.yaml:3: unknown key "favourite colour"',
    "The keys are name, port, public, ips, http, static-http, log-level",
  );
  refuses("__proto__: 1\n", 'config.yaml:1: unknown key "__proto__"');
  refuses("constructor: 1\n", 'config.yaml:1: unknown key "constructor"');
});

Deno.test("parseConfig() names the line of a value of the wrong type", () => {
  const port = '"http" must be a port from 1 to 65535';
  for (const value of ["0", "65536", "-1", "1.5", '"8080"', "yes", "", "~"]) {
    refuses(`name: a\nhttp: ${value}\n`, `config.yaml:2: ${port}`);
  }
  refuses(
    "log-level: loud\n",
    'config.yaml:1: "log-level" must be one of debug, info, warn, error',
  );
  const name = '"name" must be a name of a-z, 0-9, and . _ - between them';
  for (const value of ["123", "A", '""', '"a\\0b"', "a/b", "'..'", "true"]) {
    refuses(`name: ${value}\n`, `config.yaml:1: ${name}`);
  }
  refuses(`name: ${"a".repeat(10_000)}\n`, `config.yaml:1: ${name}`);
});

Deno.test("parseConfig() refuses what is no flat mapping, with the line", () => {
  refuses(
    "- a\n- b\n",
    'config.yaml:1: the file must hold lines such as "http: 8080"',
  );
  refuses(
    "just text\n",
    'config.yaml:1: the file must hold lines such as "http: 8080"',
  );
  refuses(
    "name: a\nhttp:\n  port: 80\n",
    'config.yaml:2: "http" must have one value',
  );
  refuses("http: [80]\n", 'config.yaml:1: "http" must have one value');
  refuses("? [a]\n: 1\n", "config.yaml:1: each key must be a word");
  refuses(
    "http: 80\n---\nhttp: 81\n",
    "config.yaml:1: the file must hold one document, not several",
  );
  refuses(
    "---\n---\nhttp: 81\n",
    "config.yaml:1: the file must hold one document, not several",
  );
});

Deno.test("parseConfig() refuses a key that stands twice", () => {
  refuses(
    "http: 80\nname: a\nhttp: 81\n",
    'config.yaml:3: "http" stands on line 1 already',
  );
});

Deno.test("parseConfig() refuses aliases and tags, so no bomb goes off", () => {
  const bomb = "a: &a [x, x]\n" +
    "bcdefghij".replaceAll(/./g, (key) => {
      const before = String.fromCharCode(key.charCodeAt(0) - 1);
      return `${key}: &${key} [*${before}, *${before}]\n`;
    });
  const message = "anchors, aliases and tags are not allowed";
  refuses(bomb, `config.yaml:1: ${message}`);
  refuses("name: x\nhttp: !!int 80\n", `config.yaml:2: ${message}`);
  refuses("name: &n x\n", `config.yaml:1: ${message}`);
});

Deno.test("parseConfig() gives syntax errors their line", () => {
  refuses(
    "name: a\nhttp: 1: 2\n",
    "config.yaml:2: bad indentation of a mapping entry",
  );
  assert.throws(() => parseConfig('name: a\nhttp: "80\n'), {
    message: /^config\.yaml:\d: /,
  });
  assert.throws(() => parseConfig(`http: ${"[".repeat(1_000)}`), {
    name: "InputError",
    message: /^config\.yaml:1: /,
  });
});

Deno.test("parseConfig() refuses a file over its limit", () => {
  refuses(
    `# ${"x".repeat(70_000)}\n`,
    "config.yaml:1: the file is over 65536 bytes",
  );
});

Deno.test("configText() names the first line that is no text", () => {
  const message = "the file must be UTF-8 text without NUL";
  const bad = new Uint8Array([...utf8("name: a\nhttp: "), 0xff, 0x0a]);
  assert.throws(() => configText(bad), {
    message: `config.yaml:2: ${message}`,
  });
  assert.throws(() => configText(utf8("a\nb\nc\0\n")), {
    message: `config.yaml:3: ${message}`,
  });
});

Deno.test("readConfigText() reads no file as an empty one", async () => {
  const disk = new CliWorld().disk();
  assert.equal(await readConfigText(disk), "");
  await disk.writeAtomic("config.yaml", utf8("http: 80\n"));
  assert.equal(await readConfigText(disk), "http: 80\n");
});

Deno.test("readConfigText() refuses an oversized file unread", async () => {
  const disk = new CliWorld().disk();
  await disk.writeAtomic("config.yaml", new Uint8Array(65_537));
  await assert.rejects(readConfigText(disk), (cause: unknown) => {
    assert.ok(cause instanceof InputError);
    assert.match(cause.message, /:1: the file is over 65536 bytes$/);
    assert.match(cause.hint ?? "", /^Shorten config\.yaml/);
    return true;
  });
});
