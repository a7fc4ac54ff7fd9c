// The table of rights (DESIGN.md section 2), by trying: for each role the very
// flags that the launcher starts it with run a program which attempts every
// kind of operation. What the table does not name must fail.

import assert from "node:assert/strict";
import { example, Lab, launcher } from "./lab.ts";

const program = new URL("../../deno.json", import.meta.url).pathname;
const source = new URL("../../src/version.ts", import.meta.url).pathname;
const probe = new URL("./fixtures/try_rights.ts", import.meta.url).pathname;

/** Every process: variables on the list, others hidden; its own code. */
const basic = ["readListedEnv", "readSource"];
/** Asking the daemon; Deno's fetch wants a TCP host beside the socket. */
const socket = ["connectSocket", "connectPort80"];
const rootKey = ["readRootKey", "readRootCert"];
const keys = [
  ...["readKeys", "readRootKey", "listKeys", "writeKeys", "moveKeys"],
];
const certs = ["readCerts", "readRootCert", "writeCerts"];
/** Of clusters that the node has left: there are keys in it. */
const old = ["readOldKeys", "writeOld"];
const members = ["readPeers", "writePeers", "writeReplica"];
const config = ["readConfig", "writeConfig"];
/** The directory itself, and a file in it that nobody knows. */
const around = ["openInside", "readInside", "writeInside"];
const logs = ["readLog", "readOldLog", "writeLog"];
const lock = ["readLock", "writeLock"];
const journal = ["readJournal", "writeJournal"];
const withoutKeys = [
  ...[...around, ...certs, ...config, ...logs, ...lock, ...journal],
  ...members,
];
const directory = [...withoutKeys, ...keys, ...old];
/** Keys may be moved and removed, but not read. */
const secret = ["readKeys", "readRootKey", "readOldKeys"];
const withoutReadingKeys = directory.filter((one) => !secret.includes(one));
const daemonSys = [
  ...["loadavg", "systemMemoryInfo", "hostname", "networkInterfaces"],
];

type Role = {
  /** Whether the directory holds a node. */
  readonly isInitialised?: boolean;
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
      ["inspect", "hello"],
      ["call", "hello", "greet"],
      ["unseed", "hello"],
      ["recover", "--accept-loss"],
      ["invite", "--publisher", "--prop", "a=b", "--ttl", "1h"],
      ["invite", "ls"],
      ["invite", "revoke", "3f9a"],
      ["props", "bob", "a=b"],
      ["ping", "bob", "-c", "3"],
      ["history", "--since", "1h", "--owner", "bob", "-n", "3"],
      ["status", "--at", "10m"],
      ["diff", "bob"],
      ["forget", "bob", "--dry-run"],
      ["root", "apply", "-"],
      ["root", "apply", "pln-root-statement:abc"],
    ],
    rights: socket,
  },
  {
    role: "a decision about a member has the root key too, and no other key",
    lines: [
      ["grant", "bob", "--admin"],
      ["deny", "bob", "--reason", "x", "--keep"],
      ["allow", "bob"],
    ],
    rights: [...socket, ...rootKey],
  },
  {
    role: "a decision about a member reads the files that it names",
    lines: [["grant", "bob", "--leaf", "--passphrase-file", module]],
    rights: [...socket, ...rootKey, "readModule"],
  },
  {
    role: "pln root sign has the root key, and neither daemon nor network",
    lines: [
      ["root", "sign", "-", "--yes"],
      ["root", "sign", "pln-root-request:abc"],
    ],
    rights: rootKey,
  },
  {
    role: "pln root sign reads the file that it signs",
    lines: [
      ["root", "sign", module],
      ["root", "sign", "--root-key", module, "-"],
    ],
    rights: [...rootKey, "readModule"],
  },
  {
    role: "pln root without more has nothing",
    lines: [["root"], ["root", "nonsense", module]],
    rights: [],
  },
  {
    role: "pln seed has the socket and its file",
    lines: [
      ["seed", module],
      ["seed", "--config", "k=v", "--timeout", "1s", module, "name"],
      ["seed", "--memory", "1MiB", "--cpu", "1s", module],
      ["seed", "--isolation", "fresh", "--allow-host", "a.b", module],
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
    role: "pln logs has the log's files",
    lines: [["logs", "-f"]],
    rights: ["readLog", "readOldLog"],
  },
  {
    role: "pln config has config.yaml, and the name this machine would get",
    lines: [["config", "show"]],
    rights: ["readConfig", "hostname"],
  },
  {
    role: "pln id has the certificates, and may ask the daemon",
    isInitialised: true,
    lines: [["id"]],
    rights: [...socket, "readCerts", "readRootCert"],
  },
  {
    role: "pln id makes the keys of a node that has none, and no root key's",
    lines: [["id"]],
    rights: [...socket, ...directory.filter((one) => one !== "readRootKey")],
  },
  {
    role: "pln leave moves keys, and reads none",
    lines: [["leave"], ["leave", "--yes"]],
    rights: [...socket, ...withoutReadingKeys],
  },
  {
    role: "pln join has the network and the directory, and nothing beside",
    lines: [
      ["join", "-"],
      ["join", module, "--name", "x", "--public", "--yes"],
      ["join", "-", "--no-up", "--port", "0"],
    ],
    rights: [
      ...["connectSocket", "connectPort80", "connectTcp", "listenTcp"],
      ...directory,
    ],
  },
  {
    role: "pln down has the socket and the lock",
    lines: [["down"]],
    rights: [...socket, ...lock],
  },
  {
    role: "a verb that edits config.yaml has what lies around it",
    lines: [["set", "http", "1"], ["unset", "http"]],
    rights: [...socket, ...around, ...config, ...logs],
  },
  {
    role: "pln purge has the directory without keys, and reads certificates",
    lines: [["purge"], ["purge", "--yes"]],
    rights: withoutKeys.filter((right) => right !== "writeCerts"),
  },
  {
    role: "pln purge --include-keys lists and removes keys, and opens none",
    lines: [["purge", "--include-keys"]],
    rights: withoutReadingKeys,
  },
  {
    role: "pln init has the directory",
    lines: [["init"], ["init", "--prop", "a=b"]],
    rights: directory,
  },
  {
    role: "the starter may run the launcher only, and is never the daemon",
    lines: [["up", "-d"], ["up", "--detach"], ["up", "-d=1"], ["restart"]],
    rights: [...socket, ...directory],
  },
  {
    role: "the starter of a node that has keys does not touch them",
    isInitialised: true,
    lines: [["up", "-d"], ["up", "--detach=true"], ["restart"]],
    rights: [...socket, ...withoutKeys],
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

/** A node's directory and a foreign one; none of the contents is real. */
async function makeDirectories(lab: Lab): Promise<void> {
  const directories = [
    ...["in/keys", "in/certs", "in/journal", "in/replicas", "in/old/x/keys"],
    "out",
  ];
  for (const name of directories) {
    await Deno.mkdir(lab.path(name), { recursive: true });
  }
  const files = [
    ...["note", "keys/node.pem", "config.yaml", "lock", "journal/1"],
    ...["keys/root.pem", "old/x/keys/node.pem", "peers.json"],
    ...["pln.log", "pln.log.4"],
  ].map((name) => `in/${name}`);
  for (const name of [...files, "out/note"]) {
    await Deno.writeTextFile(lab.path(name), "x");
  }
}

for (const { role, lines, rights, isInitialised } of roles) {
  Deno.test(`rights: ${role}`, async () => {
    await using lab = await Lab.open();
    const expected = [...basic, ...rights].toSorted();
    for (const line of lines) {
      // The attempts before changed it.
      await Deno.remove(lab.path("in"), { recursive: true }).catch(absent);
      await makeDirectories(lab);
      if (isInitialised === true) {
        await Deno.writeTextFile(lab.path("in/certs/member.pem"), "x");
      }
      const allowed = await allowedTo(lab, line);
      assert.deepEqual(allowed, expected, `pln ${line.join(" ")}`);
    }
  });
}

function absent(cause: unknown): void {
  if (!(cause instanceof Deno.errors.NotFound)) throw cause;
}

async function allowedTo(
  lab: Lab,
  line: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const env = { PLN_DIR: lab.path("in"), PLN_NAME: "x", ...more };
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
    source,
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
  await makeDirectories(lab);
  const { allowed, tried } = await attempts(lab, ["-A"]);
  assert.deepEqual(allowed, tried);
});

Deno.test("rights: a socket elsewhere opens nothing that lies beside it", async () => {
  await using lab = await Lab.open();
  await makeDirectories(lab);
  const more = { PLN_SOCK: lab.path("out/pln.sock") };
  const allowed = await allowedTo(lab, ["up"], more);
  const daemon = roles.find(({ role }) => role === "the daemon");
  const expected = [...basic, ...daemon?.rights ?? [], "connectOtherSocket"];
  assert.deepEqual(allowed, expected.toSorted());
});

Deno.test("a daemon runs with its socket beside another's", async () => {
  await using lab = await Lab.open();
  await Deno.mkdir(lab.path("run"));
  await Deno.chmod(lab.path("run"), 0o755);
  const names = ["a", "b"];
  const place = (name: string) => ({
    env: {
      PLN_DIR: lab.path(name),
      PLN_SOCK: lab.path(`run/${name}.sock`),
    },
  });
  await Promise.all(names.map((name) => lab.must(["up", "-d"], place(name))));
  const ids = await Promise.all(
    names.map((name) => lab.must(["id"], place(name))),
  );
  assert.notEqual(ids[0], ids[1]);
  const left = Array.from(
    Deno.readDirSync(lab.path("run")),
    ({ name }) => name,
  );
  assert.deepEqual(left.toSorted(), ["a.sock", "b.sock"]);
  await Promise.all(names.map((name) => lab.must(["down"], place(name))));
});

Deno.test("rights: the starter's right to run names the launcher alone", async () => {
  await using lab = await Lab.open();
  const lines = [
    ...["status", "seed", "init", "set", "up", "call", "logs", "down", "id"],
    ...["invite", "grant", "deny", "allow", "props", "ping", "leave"],
    ...["history", "diff", "forget"],
    ...["root sign", "root apply"],
  ];
  for (const line of lines) {
    const flags = await lab.must(["--print-rights", ...line.split(" ")]);
    assert.doesNotMatch(flags, /--allow-run|--allow-ffi|--allow-all|^-A$/m);
  }
  for (const line of [["up", "-d"], ["restart"]]) {
    const flags = await lab.must(["--print-rights", ...line]);
    assert.match(flags, new RegExp(`^--allow-run=${launcher}$`, "m"));
    assert.doesNotMatch(flags, /^--allow-net$|--allow-ffi|--allow-sys/m);
  }
  const join = await lab.must(["--print-rights", "join", "-"]);
  assert.match(join, new RegExp(`^--allow-run=${launcher}$`, "m"));
  assert.match(join, /^--allow-net$/m);
  assert.match(join, /^--deny-net=169\.254\.169\.254$/m);
  assert.doesNotMatch(join, /--allow-ffi|--allow-sys|--allow-all|^-A$/m);
});
