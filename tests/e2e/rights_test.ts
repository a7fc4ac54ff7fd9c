// The table of rights (DESIGN.md section 2), by trying: for each role the very
// flags that the launcher starts it with run a program which attempts every
// kind of operation. What the table does not name must fail.

import assert from "node:assert/strict";
import { example, Lab, launcher } from "./lab.ts";

const program = new URL("../../deno.json", import.meta.url).pathname;
const probe = new URL("./fixtures/try_rights.ts", import.meta.url).pathname;

/** Every process: variables on the list, others hidden. */
const basic = ["readListedEnv"];
/** Asking the daemon; Deno's fetch wants a TCP host beside the socket. */
const socket = ["connectSocket", "connectPort80"];
const directory = ["readInside", "writeInside"];
const daemonSys = [
  ...["loadavg", "systemMemoryInfo", "hostname", "networkInterfaces"],
];

type Role = {
  readonly role: string;
  readonly lines: readonly (readonly string[])[];
  readonly rights: readonly string[];
};

const module = example("hello");
const roles: readonly Role[] = [
  {
    role: "a verb without daemon or files",
    lines: [["version"], ["help"], ["completion", "bash"], ["nonsense"], []],
    rights: [],
  },
  {
    role: "a read verb has the socket",
    lines: [
      ["status"],
      ["call", "hello", "greet"],
      ["unseed", "hello"],
      ["recover", "--accept-loss"],
    ],
    rights: socket,
  },
  {
    role: "pln seed has the socket and its file",
    lines: [
      ["seed", module],
      ["seed", "--config", "k=v", "--timeout", "1s", module, "name"],
      ["seed", "--", module],
    ],
    rights: [...socket, "readModule"],
  },
  {
    role: "pln seed - has the socket",
    lines: [["seed", "-", "name"]],
    rights: socket,
  },
  {
    role: "a verb that reads the directory",
    lines: [["logs", "-f"]],
    rights: ["readInside"],
  },
  {
    role: "pln config shows the name this machine would get",
    lines: [["config", "show"]],
    rights: ["readInside", "hostname"],
  },
  {
    role: "pln id asks the directory or the daemon",
    lines: [["id"]],
    rights: [...socket, "readInside"],
  },
  {
    role: "pln init has the directory",
    lines: [["init"], ["init", "--prop", "a=b"]],
    rights: directory,
  },
  {
    role: "a verb on the directory of a running node",
    lines: [["set", "http", "1"], ["unset", "http"], ["purge"], ["down"]],
    rights: [...socket, ...directory],
  },
  {
    role: "the starter may run the launcher only, and is never the daemon",
    lines: [["up", "-d"], ["up", "--detach"], ["restart"]],
    rights: [...socket, ...directory],
  },
  {
    role: "the daemon",
    lines: [["up"], ["up", "--quiet", "--json"]],
    rights: [
      ...["connectSocket", "connectPort80", "connectTcp", "listenTcp"],
      ...[...directory, "readProgram", "readModule", ...daemonSys],
    ],
  },
];

for (const { role, lines, rights } of roles) {
  Deno.test(`rights: ${role}`, async () => {
    await using lab = await Lab.open();
    await Deno.mkdir(lab.path("in"));
    await Deno.mkdir(lab.path("out"));
    await Deno.writeTextFile(lab.path("in/note"), "x");
    await Deno.writeTextFile(lab.path("out/note"), "x");
    const expected = [...basic, ...rights].toSorted();
    for (const line of lines) {
      const allowed = await allowedTo(lab, line);
      assert.deepEqual(allowed, expected, `pln ${line.join(" ")}`);
    }
  });
}

async function allowedTo(
  lab: Lab,
  line: readonly string[],
): Promise<readonly string[]> {
  const env = { PLN_DIR: lab.path("in"), PLN_NAME: "x" };
  const flags = (await lab.must(["--print-rights", ...line], { env }))
    .trimEnd().split("\n");
  return (await attempts(lab, flags)).allowed.toSorted();
}

type Attempts = {
  readonly allowed: readonly string[];
  readonly tried: readonly string[];
};

async function attempts(lab: Lab, flags: readonly string[]): Promise<Attempts> {
  const paths = {
    inside: lab.path("in"),
    outside: lab.path("out"),
    program,
    module,
    socket: lab.path("in/pln.sock"),
    otherSocket: lab.path("out/pln.sock"),
  };
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, probe, JSON.stringify(paths)],
    env: { PLN_NAME: "x", PLN_TEST_SECRET: "x" },
  });
  const { stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

Deno.test("rights: with all rights every attempt is let through", async () => {
  await using lab = await Lab.open();
  await Deno.mkdir(lab.path("in"));
  await Deno.mkdir(lab.path("out"));
  const { allowed, tried } = await attempts(lab, ["-A"]);
  assert.deepEqual(allowed, tried);
});

Deno.test("rights: the starter's right to run names the launcher alone", async () => {
  await using lab = await Lab.open();
  const verbs = ["status", "seed", "init", "set", "up", "call", "logs", "down"];
  for (const verb of verbs) {
    const flags = await lab.must(["--print-rights", verb]);
    assert.doesNotMatch(flags, /--allow-run|--allow-ffi|--allow-all|^-A$/m);
  }
  for (const line of [["up", "-d"], ["restart"]]) {
    const flags = await lab.must(["--print-rights", ...line]);
    assert.match(flags, new RegExp(`^--allow-run=${launcher}$`, "m"));
    assert.doesNotMatch(flags, /^--allow-net$|--allow-ffi|--allow-sys/m);
  }
});
