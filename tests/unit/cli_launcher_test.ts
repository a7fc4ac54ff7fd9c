// The launcher: which rights each verb gets (DESIGN.md section 2), tried one by
// one in a real process; and how it finds deno. It runs src/cli/launcher.sh in
// a throw-away directory whose name has a space.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { version } from "../../src/version.ts";

const root = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const launcher = `${root}/src/cli/launcher.sh`;
const probe = `${root}/tests/fixtures/cli/rights_probe.ts`;

type Place = {
  readonly top: string;
  readonly directory: string;
  readonly socket: string;
};

async function inPlace(run: (place: Place) => Promise<void>): Promise<void> {
  const made = await Deno.makeTempDir({ prefix: "pln launcher " });
  const top = await Deno.realPath(made);
  const directory = `${top}/node`;
  await Deno.mkdir(directory);
  await Deno.writeTextFile(`${directory}/file`, "");
  await Deno.writeTextFile(`${top}/outside`, "");
  try {
    await run({ top, directory, socket: `${directory}/pln.sock` });
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

async function output(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    clearEnv: true,
    ...options,
    env: { PATH: Deno.env.get("PATH") ?? "", ...options.env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** deno's cache lies in HOME unless told: it must be found again. */
const cache = {
  DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
};

async function rightsOf(
  words: readonly string[],
  place: Place,
): Promise<readonly string[]> {
  const printed = await output("sh", [launcher, "--print-rights", ...words], {
    cwd: place.top,
    env: { HOME: place.top, PLN_DIR: place.directory },
  });
  assert.equal(printed.code, 0, printed.err);
  return printed.out.trimEnd().split("\n");
}

async function tryRights(words: readonly string[], place: Place) {
  const { top, directory, socket } = place;
  const flags = await rightsOf(words, place);
  const program = "/bin/true";
  const tried = await output(Deno.execPath(), [
    ...["run", ...flags.filter((flag) => !flag.startsWith("--allow-env"))],
    ...flags.filter((flag) => flag.startsWith("--allow-env"))
      .map((flag) => `${flag},PLN_TEST_LAUNCHER`),
    ...[probe, directory, `${top}/outside`, socket, program],
    `${root}/main.ts`,
  ], {
    cwd: top,
    env: {
      ...cache,
      HOME: top,
      PLN_TEST_SECRET: "s",
      PLN_TEST_LAUNCHER: launcher,
      PLN_DENO: Deno.execPath(),
    },
  });
  assert.equal(tried.code, 0, tried.err);
  return JSON.parse(tried.out);
}

const directoryRights = ["readDirectory", "writeDirectory"];
// A connection to the host that fetch wants is never made: it goes by socket.
const rights: Readonly<Record<string, readonly string[]>> = {
  "version": [],
  "help": [],
  "completion bash": [],
  "status": ["askSocket"],
  "inspect hello": ["askSocket"],
  "call hello greet x": ["askSocket"],
  "unseed hello": ["askSocket"],
  "recover --accept-loss": ["askSocket"],
  "__complete -- x": ["askSocket"],
  "seed elsewhere": ["askSocket"],
  "seed --config a=b --timeout 3s outside name": ["readOutside", "askSocket"],
  "seed --memory 1MiB --cpu 1s --isolation fresh --allow-host a.b outside": [
    ...["readOutside", "askSocket"],
  ],
  "seed -- outside": ["readOutside", "askSocket"],
  "seed -": ["askSocket"],
  "id": [...directoryRights, "askSocket"], // before there is a node
  "invite --publisher --prop a=b --ttl 1h": ["askSocket"],
  "invite ls": ["askSocket"],
  "invite revoke 3f9a": ["askSocket"],
  "grant bob --prop a=b --publisher": ["askSocket"],
  "grant --root-key outside bob --admin": ["readOutside", "askSocket"],
  "deny bob --reason x --passphrase-file=outside": [
    ...["readOutside", "askSocket"],
  ],
  "allow bob": ["askSocket"],
  "props bob a=b": ["askSocket"],
  "ping bob -c 3": ["askSocket"],
  "history --since 1h --owner bob -n 5": ["askSocket"],
  "status --at 10m": ["askSocket"],
  "diff bob": ["askSocket"],
  "forget bob --dry-run --force": ["askSocket"],
  "root sign outside": ["readOutside"],
  "root sign --root-key k --dir elsewhere outside": ["readOutside"],
  "root sign -": [],
  "root sign pln-root-request:abc": [],
  "root sign - --root-certificate outside": ["readOutside"],
  "root apply outside": ["readOutside", "askSocket"],
  "root apply -": ["askSocket"],
  "root": [],
  "leave --yes": [...directoryRights, "askSocket"],
  "join -": [...directoryRights, "askSocket", "connect", "runLauncher"],
  "join outside --name x --no-up": [
    ...[...directoryRights, "askSocket", "connect", "runLauncher"],
  ],
  "logs -f": [],
  "sim list": [],
  "sim run partition --seed 7 --nodes 3": [],
  "config show": ["hostname"],
  "init --prop a=b": directoryRights,
  "init --passphrase-file outside": [
    ...["readDirectory", "readOutside", "writeDirectory"],
  ],
  "set http 80": [...directoryRights, "askSocket"],
  "unset http": [...directoryRights, "askSocket"],
  "purge --yes": directoryRights,
  "down": ["askSocket"],
  "up -d": [...directoryRights, "askSocket", "runLauncher"],
  "up --detach=true": [...directoryRights, "askSocket", "runLauncher"],
  "up --http 80 --detach": [...directoryRights, "askSocket", "runLauncher"],
  "restart": [...directoryRights, "askSocket", "runLauncher"],
  "up": [
    ...["readDirectory", "readOwnCode", "writeDirectory", "askSocket"],
    ...["connect", "hostname"],
  ],
};

for (const [line, granted] of Object.entries(rights)) {
  Deno.test(`pln ${line} gets ${granted.join(", ") || "nothing"}`, async () => {
    await inPlace(async (place) => {
      const tried = await tryRights(line.split(" "), place);
      assert.deepEqual(tried.granted, granted);
      assert.deepEqual([tried.home, tried.secret], [true, false]);
      assert.equal(tried.path, granted.includes("runLauncher"));
    });
  });
}

Deno.test("the launcher grants no right to everybody by mistake", async () => {
  await inPlace(async (place) => {
    for (const line of Object.keys(rights)) {
      const flags = await rightsOf(line.split(" "), place);
      for (const flag of flags) {
        assert.doesNotMatch(
          flag,
          /^--allow-(?:all|read|write|run|env|sys|ffi|import)$|^-A$/,
        );
      }
      const needed = ["--no-prompt", "--deny-import", "--ignore-env"];
      assert.deepEqual(needed.filter((one) => !flags.includes(one)), []);
      assert.ok(flags.includes("--deny-net=169.254.169.254"));
    }
  });
});

Deno.test("the launcher follows --dir, PLN_SOCK and links", async () => {
  await inPlace(async (place) => {
    const { top } = place;
    const dir = await rightsOf(["status", "--dir", "other dir"], place);
    const readsIn = (directory: string, flags: readonly string[]) => {
      const wanted = `--allow-read=${directory}/pln.sock`;
      assert.ok(flags.includes(wanted), flags.join("\n"));
    };
    readsIn(`${top}/other dir`, dir);
    readsIn(`${top}/x`, await rightsOf(["status", "--dir=x"], place));
    await Deno.symlink(place.directory, `${top}/link`);
    const link = await rightsOf(["init", "--dir", "link"], place);
    assert.ok(
      link.includes(`--allow-read=${top}/link,${place.directory}`),
      link.join("\n"),
    );
    const set = await rightsOf(["set", "--dir", "link"], place);
    const denied = set.find((flag) => flag.startsWith("--deny-read="));
    for (const name of [`${top}/link/keys`, `${place.directory}/keys`]) {
      assert.ok(denied?.includes(name), set.join("\n"));
    }
  });
});

Deno.test("a decision of the root reads its key and no other", async () => {
  await inPlace(async (place) => {
    const { top, directory, socket } = place;
    const readsOf = async (...words: string[]) => {
      const flags = await rightsOf(words, place);
      const flag = flags.find((one) => one.startsWith("--allow-read="));
      return flag?.slice("--allow-read=".length).split(",");
    };
    const own = ["keys/root.pem", "certs/root.pem"];
    const inside = own.map((name) => `${directory}/${name}`);
    for (const verb of ["grant", "deny", "allow"]) {
      assert.deepEqual(await readsOf(verb, "bob"), [socket, ...inside], verb);
    }
    assert.deepEqual(await readsOf("root", "sign", "-"), inside);
    await Deno.symlink(directory, `${top}/link`);
    const linked = await readsOf("root", "sign", "-", "--dir", "link");
    assert.deepEqual(
      linked,
      own.flatMap((name) => [`${top}/link/${name}`, `${directory}/${name}`]),
    );
  });
});

Deno.test("pln logs may read as many rotated files as are kept", async () => {
  await inPlace(async (place) => {
    const rotated = Array.from({ length: limits.logFilesKept }, (_, index) => {
      return `pln.log.${index + 1}`;
    });
    const paths = ["pln.log", ...rotated]
      .map((name) => `${place.directory}/${name}`);
    const flags = await rightsOf(["logs"], place);
    assert.ok(flags.includes(`--allow-read=${paths.join(",")}`), `${flags}`);
  });
});

Deno.test("a socket outside the directory opens no directory", async () => {
  await inPlace(async ({ top }) => {
    await Deno.mkdir(`${top}/run`);
    await Deno.symlink("run", `${top}/link`);
    const writes = async (PLN_SOCK: string) => {
      const { out } = await output("sh", [launcher, "--print-rights", "up"], {
        cwd: top,
        env: { HOME: top, PLN_SOCK },
      });
      const flag = out.match(/^--allow-write=(.*)$/m)?.[1];
      return flag?.split(",").slice(1);
    };
    const run = [`${top}/run/p.sock`, `${top}/run/.p~`];
    assert.deepEqual(await writes("/p.sock"), ["/p.sock", "/.p~"]);
    assert.deepEqual(await writes("run/p.sock"), run);
    assert.deepEqual(
      await writes("link/p.sock"),
      [`${top}/link/p.sock`, `${top}/link/.p~`, ...run],
    );
    assert.deepEqual(await writes(".pln/p.sock"), []);
    const above = `${top}/.pln/../x`;
    assert.deepEqual(await writes(above), [above, `${top}/.pln/../.x~`]);
  });
});

Deno.test("the launcher tells nobody to note the keys of what is encrypted", async () => {
  await inPlace(async ({ top }) => {
    const deno = `${top}/deno`;
    await Deno.writeTextFile(deno, "#!/bin/sh\nenv\n", { mode: 0o755 });
    const env = { PLN_DENO: deno, SSLKEYLOGFILE: `${top}/keys` };
    const { code, out } = await output("sh", [launcher, "version"], { env });
    assert.equal(code, 0);
    assert.match(out, /^PLN_LAUNCHER=/m);
    assert.doesNotMatch(out, /SSLKEYLOGFILE/);
  });
});

Deno.test("the launcher takes paths against INIT_CWD under deno task", async () => {
  await inPlace(async ({ top }) => {
    const words = [launcher, "--print-rights", "seed", "a.wasm"];
    const printed = await output("sh", words, {
      cwd: root,
      env: { HOME: top, INIT_CWD: `${top}/deep` },
    });
    assert.ok(printed.out.includes(`${top}/deep/a.wasm`), printed.out);
    const stale = await output("sh", words, {
      cwd: top,
      env: { HOME: top, INIT_CWD: "/stale" },
    });
    assert.ok(stale.out.includes(`${top}/a.wasm`), stale.out);
  });
});

Deno.test("the launcher refuses a path with a comma, which no flag can hold", async () => {
  await inPlace(async ({ top }) => {
    const env = { HOME: top };
    const dir = await output("sh", [launcher, "status", "--dir", "/a,b"], {
      env,
    });
    assert.equal(dir.code, 2);
    assert.match(
      dir.err,
      /^pln: Deno cannot grant.*\n {2}Choose a path without/,
    );
    const file = await output("sh", [launcher, "seed", "/a,b.wasm"], { env });
    assert.equal(file.code, 2);
    assert.match(file.err, /Use standard input: pln seed -/);
  });
});

Deno.test("pln init by the launcher makes the directory 0700, with a space", async () => {
  await inPlace(async ({ top }) => {
    const directory = `${top}/deeper/my node`;
    const ran = await output("sh", [launcher, "init", "--dir", directory], {
      env: { ...cache, HOME: top },
    });
    assert.equal(ran.code, 0, ran.err);
    const { mode } = await Deno.stat(directory);
    assert.equal((mode ?? 0) & 0o777, 0o700);
    const id = await output("sh", [launcher, "id", "--dir", directory], {
      env: { ...cache, HOME: top },
    });
    assert.deepEqual([id.code, id.err], [0, ""]);
    assert.match(id.out, /^[0-9a-f]{64}\n$/);
  });
});

/** A PATH with what the launcher needs, and no deno. */
async function tools(top: string): Promise<string> {
  const path = `${top}/tools`;
  await Deno.mkdir(path);
  for (const name of ["sh", "head", "dirname", "readlink", "mkdir"]) {
    const { out } = await output("sh", ["-c", `command -v ${name}`]);
    await Deno.symlink(out.trim(), `${path}/${name}`);
  }
  return path;
}

async function writeScript(path: string, text: string): Promise<void> {
  await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
  await Deno.writeTextFile(path, text, { mode: 0o755 });
}

Deno.test("the launcher finds the native deno behind npm's script", async () => {
  for (const native of ["deno/deno", "@deno/linux-x64-glibc/deno"]) {
    await inPlace(async ({ top }) => {
      const modules = `${top}/lib/node_modules`;
      const wrapper = `${modules}/deno/bin.cjs`;
      await writeScript(wrapper, "#!/bin/sh\necho wrapper\nexit 99\n");
      await writeScript(`${modules}/${native}`, "");
      await Deno.remove(`${modules}/${native}`);
      await Deno.symlink(Deno.execPath(), `${modules}/${native}`);
      await Deno.mkdir(`${top}/bin`);
      await Deno.symlink("../lib/node_modules/deno/bin.cjs", `${top}/bin/deno`);
      const PATH = `${top}/bin:${await tools(top)}`;
      const ran = await output("sh", [launcher, "version", "--short"], {
        env: { ...cache, HOME: top, PATH },
      });
      assert.deepEqual(ran, { code: 0, out: `${version}\n`, err: "" });
    });
  }
});

Deno.test("the launcher uses PLN_DENO, and says when there is no deno", async () => {
  await inPlace(async ({ top }) => {
    const PATH = await tools(top);
    const words = [launcher, "version", "--short"];
    const none = await output("sh", words, { env: { HOME: top, PATH } });
    assert.equal(none.code, 127);
    assert.match(
      none.err,
      /^pln: Deno is not in PATH\n {2}Install version 2\.9/,
    );
    const env = { ...cache, HOME: top, PATH, PLN_DENO: Deno.execPath() };
    assert.equal((await output("sh", words, { env })).out, `${version}\n`);
    const wrong = { ...env, PLN_DENO: `${top}/outside` };
    assert.match((await output("sh", words, { env: wrong })).err, /is no exec/);
  });
});
