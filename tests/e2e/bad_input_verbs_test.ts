// The commands around a node's life, as a user expects them to behave: down and
// restart, logs while files rotate, settings, purge, help and completion. With
// --json each answers in one JSON value.

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";
import { lacks } from "./machine.ts";

const verbs = [
  ...["init", "up", "down", "restart", "status", "seed", "inspect"],
  ...[
    "unseed",
    "call",
    "logs",
    "id",
    "set",
    "unset",
    "recover",
    "purge",
    "version",
  ],
  ...["completion", "help", "config show"],
  ...["invite", "invite ls", "invite revoke", "join", "leave", "ping"],
  ...["grant", "deny", "allow", "props", "root sign", "root apply"],
];

Deno.test("pln help explains every command, in 80 columns", async () => {
  await using lab = await Lab.open();
  const overview = await lab.must(["help"]);
  assert.equal(await lab.must([]), overview);
  assert.equal(await lab.must(["--help"]), overview);
  for (const verb of verbs) {
    assert.match(overview, new RegExp(`^  ${verb} +\\S`, "m"));
    const text = await lab.must(["help", ...verb.split(" ")]);
    assert.equal(await lab.must([...verb.split(" "), "--help"]), text);
    assert.match(text, new RegExp(`^Usage: +pln ${verb}`, "m"));
    assert.match(
      text,
      new RegExp(`^Example: pln ${verb}|^Example: source`, "m"),
    );
    for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  }
  await lab.refused(["help", "sed"], { code: 2, says: /"sed"/, next: /help/ });
  await lab.refused(["stauts"], { code: 2, says: /"stauts"/, next: /status/ });
});

Deno.test("pln version prints only the number with --short", async () => {
  await using lab = await Lab.open();
  const short = await lab.must(["version", "--short"]);
  assert.match(short, /^\d+\.\d+\.\d+\n$/);
  assert.equal(await lab.must(["version", "--short"]), short);
  assert.ok((await lab.must(["--version"])).startsWith(`pln ${short.trim()} `));
  const { pln, deno } = JSON.parse(await lab.must(["version", "--json"]));
  assert.equal(`${pln}\n`, short);
  assert.equal(deno, Deno.version.deno);
});

Deno.test("pln down and restart say what they ended and started", async () => {
  await using lab = await Lab.open();
  // It makes no cluster by accident.
  await lab.refused(["restart"], { code: 3, says: /no node/, next: /pln up/ });
  await lab.must(["init"]);
  await lab.must(["restart"]);
  const first = (await lab.client.status()).node.processId;
  const restarted = await lab.run(["restart"]);
  assert.equal(restarted.code, 0);
  assert.match(restarted.stderr, new RegExp(`Stopped process ${first}`));
  const second = (await lab.client.status()).node.processId;
  assert.notEqual(second, first);
  const down = JSON.parse(await lab.must(["down", "--json"]));
  assert.deepEqual(down, { version: 1, processId: second });
  const idle = await lab.run(["down"]);
  assert.equal(idle.code, 6);
  assert.match(
    idle.stderr,
    /^pln: Nothing to stop: no daemon answers at .*\n$/,
  );
});

Deno.test("pln logs shows the last lines, also of a node that is down", async () => {
  await using lab = await Lab.open();
  await lab.refused(["logs"], { code: 3, says: /no log/, next: /pln up/ });
  await lab.must(["up", "-d"]);
  await lab.must(["down"]);
  const [last = "", ...rest] = (await lab.must(["logs", "-n", "1"]))
    .trimEnd().split("\n");
  assert.deepEqual(rest, []);
  assert.equal(JSON.parse(last).event, "daemon.stopped");
  assert.equal(await lab.must(["logs", "-n", "0"]), "");
  for (const count of ["x", "-1", "1.5", ""]) {
    await lab.refused(["logs", "-n", count], {
      code: 2,
      says: /--lines takes a whole number/,
      next: /--lines \d/,
    });
  }
});

Deno.test("pln logs -f goes on over a rotation and a restart", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  const follower = lab.start(["logs", "-f", "-n", "0"]);
  const lines = follower.stdout.pipeThrough(new TextDecoderStream());
  const seen = new Seen(lines);
  await lab.must(["restart"]);
  await seen.until(/"daemon\.ready"/);
  await lab.must(["down"]);
  await seen.until(/"daemon\.stopped"/);
  await Deno.rename(lab.path("pln.log"), lab.path("pln.log.1"));
  await lab.must(["up", "-d"]);
  await seen.until(/"daemon\.ready"/);
  follower.kill("SIGINT");
  await seen.end();
  assert.equal((await follower.status).signal, "SIGINT");
});

Deno.test("pln set, unset and config show: file, origin, running node", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  await Deno.writeTextFile(lab.path("config.yaml"), "# mine\nname: desk\n");
  await lab.must(["set", "log-level", "debug"]);
  const file = await Deno.readTextFile(lab.path("config.yaml"));
  assert.equal(file, "# mine\nname: desk\nlog-level: debug\n");
  assert.equal(await lab.must(["config", "show"]), file);
  const shown = JSON.parse(
    await lab.must(["config", "show", "--effective", "--json"], {
      env: { PLN_NAME: "lab" },
    }),
  );
  assert.deepEqual(shown.settings["log-level"], {
    value: "debug",
    origin: "file",
  });
  assert.equal(shown.settings.name.value, "lab");
  assert.equal(shown.settings.name.origin, "environment");
  assert.equal(shown.settings.http.origin, "default");
  await lab.must(["unset", "log-level"]);
  const after = await Deno.readTextFile(lab.path("config.yaml"));
  assert.equal(after, "# mine\nname: desk\n");
  const bad = [["http", "abc"], ["http", "0"], ["http", "65536"]];
  for (const words of [...bad, ["name", "Bad Name"], ["log-level", "loud"]]) {
    const says = new RegExp(`^pln: ${words[0]} must be`);
    await lab.refused(["set", ...words], { code: 2, says, next: /\S/ });
  }
  for (const verb of ["set", "unset"]) {
    await lab.refused([verb, "nope", ...(verb === "set" ? ["1"] : [])], {
      code: 2,
      says: /There is no key "nope"/,
      next: /static-http/,
    });
  }
});

Deno.test("pln purge asks, keeps the identity, and strangers' files", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello")]);
  const id = await lab.must(["id"]);
  await lab.must(["down"]);
  await Deno.writeTextFile(lab.path("letter.txt"), "mine");
  await lab.refused(["purge"], { code: 2, says: /asked/, next: /--yes/ });
  assert.ok((await Deno.stat(lab.path("journal"))).isDirectory);
  assert.ok((await Deno.stat(lab.path("cache/modules"))).isDirectory);
  const purged = JSON.parse(await lab.must(["purge", "--yes", "--json"]));
  assert.ok(purged.removed.includes("journal"));
  assert.ok(purged.removed.includes("cache"));
  assert.equal(purged.others, 1, "the letter");
  assert.ok(purged.kept.includes("keys"));
  assert.equal(await lab.must(["id"]), id);
  await lab.must(["up", "-d"]);
  assert.deepEqual((await lab.client.status()).seeds, []);
  await lab.must(["down"]);
  await lab.must(["purge", "--include-keys", "--yes"]);
  const left = [...Deno.readDirSync(lab.directory)].map(({ name }) => name);
  assert.deepEqual(left, ["letter.txt"]);
});

Deno.test("pln completion: shells take the scripts", async (test) => {
  await using lab = await Lab.open();
  await lab.refused(["completion", "tcsh"], {
    code: 2,
    says: /no completion for "tcsh"/,
    next: /zsh or fish/,
  });
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const script = lab.path(`completion.${shell}`);
    await Deno.writeTextFile(script, await lab.must(["completion", shell]));
    await test.step({
      name: `${shell} reads it`,
      ignore: lacks(shell),
      async fn() {
        const args = ["-n", script];
        const { success } = await new Deno.Command(shell, { args }).output();
        assert.ok(success);
      },
    });
  }
  const words = ["__complete", "--", "se"];
  assert.deepEqual((await lab.must(words)).trim().split("\n"), ["seed", "set"]);
});

/** Text of a stream, waited for piece by piece. */
class Seen {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(stream: ReadableStream<string>) {
    this.#reader = stream.getReader();
  }

  /** Waits for `pattern`, and forgets what came up to it. */
  async until(pattern: RegExp): Promise<void> {
    for (;;) {
      const found = pattern.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return;
      }
      const { done, value } = await this.#reader.read();
      if (done) assert.fail(`ended before ${pattern}: ${this.#text}`);
      this.#text += value;
    }
  }

  async end(): Promise<void> {
    for (;;) {
      const { done } = await this.#reader.read();
      if (done) return;
    }
  }
}
