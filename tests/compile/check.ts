// `deno task compile:check`: bundles the program and embeds it as `deno
// compile` does, for Linux and darwin on both processors, then reads the
// embedded metadata back. The base binaries of Deno are not reachable from
// every build machine, so a stand-in is the base; all else is the real thing.

const root = new URL("../..", import.meta.url).pathname;
const work = await Deno.makeTempDir({ prefix: "pln-compile-" });

type Target = {
  readonly triple: string;
  /** A file of the right format to embed into. */
  readonly base: string;
};

/** What the binary asks for; each daemon narrows itself further. */
const rights = [
  "--no-prompt",
  "--deny-import",
  "--deny-net=169.254.169.254",
  "--deny-ffi",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-env=HOME,PLN_DIR,PLN_SOCK,PLN_CONTEXT,NO_COLOR,INIT_CWD,TERM",
  "--allow-sys=loadavg,systemMemoryInfo,hostname,networkInterfaces",
];

type Metadata = {
  readonly permissions: Readonly<Record<string, unknown>>;
  readonly entrypoint_key: string;
};

async function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly base?: string },
): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: options.cwd,
    env: options.base === undefined ? {} : { DENORT_BIN: options.base },
    stdout: "null",
  }).output();
  if (code === 0) return;
  const text = new TextDecoder().decode(stderr);
  throw new Error(`${command} ${args[0]} exited ${code}: ${text}`);
}

/** The metadata that `deno compile` put behind its magic number. */
function metadataOf(binary: Uint8Array): Metadata {
  const magic = new TextEncoder().encode("d3n0l4nd");
  const text = new TextEncoder().encode('{"argv"');
  for (let at = 0; at < binary.length; at++) {
    at = binary.indexOf(magic[0] ?? 0, at);
    if (at < 0) break;
    const start = at + magic.length + 8;
    if (!startsWith(binary.subarray(at), magic)) continue;
    if (!startsWith(binary.subarray(start), text)) continue;
    const view = new DataView(binary.buffer, binary.byteOffset);
    const length = Number(view.getBigUint64(at + magic.length, true));
    const json = binary.subarray(start, start + length);
    return JSON.parse(new TextDecoder().decode(json));
  }
  throw new Error("the binary holds no metadata");
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`The metadata is wrong: ${what}`);
}

async function bundle(): Promise<string> {
  const output = `${work}/bundle`;
  const args = ["bundle", "--quiet", "--platform", "deno", "--code-splitting"];
  await run(Deno.execPath(), [...args, "--outdir", output, "main.ts"], {
    cwd: root,
  });
  return output;
}

async function embed(bundled: string, target: Target): Promise<void> {
  const output = `${work}/pln-${target.triple}`;
  const args = ["compile", "--quiet", "--no-config", "--no-lock"];
  const unstable = ["--unstable-net", "--unstable-worker-options"];
  const where = ["--target", target.triple, "--output", output];
  await run(
    Deno.execPath(),
    [...args, ...unstable, ...rights, "--include", ".", ...where, "main.js"],
    { cwd: bundled, base: target.base },
  );
  const binary = await Deno.readFile(output);
  const { permissions, entrypoint_key: entry } = metadataOf(binary);
  check(entry.endsWith("main.js"), `entry ${entry}`);
  check(permissions["prompt"] === false, "it may prompt");
  check(permissions["allow_ffi"] === null, "it may call native code");
  check(Array.isArray(permissions["deny_ffi"]), "ffi is not denied");
  check(Array.isArray(permissions["deny_import"]), "imports are not denied");
  check(
    JSON.stringify(permissions["deny_net"]) === '["169.254.169.254"]',
    "the cloud's metadata address is not denied",
  );
  const size = (binary.length - (await Deno.stat(target.base)).size) / 1e6;
  console.log(`ok ${target.triple}: ${size.toFixed(1)} MB embedded`);
}

async function hasNpm(): Promise<boolean> {
  try {
    await run("npm", ["--version"], { cwd: work });
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}

/** Deno's own binary for darwin, from npm: a Mach-O to embed into. */
async function darwinBase(processor: "arm64" | "x64"): Promise<string> {
  const folder = `${work}/darwin-${processor}`;
  await Deno.mkdir(folder);
  const name = `@deno/darwin-${processor}@~2.9`;
  await run("npm", ["pack", "--silent", name], { cwd: folder });
  for await (const { name } of Deno.readDir(folder)) {
    await run("tar", ["-xzf", name], { cwd: folder });
  }
  return `${folder}/package/deno`;
}

try {
  const bundled = await bundle();
  const elf = Deno.build.os === "linux" ? "/bin/true" : Deno.execPath();
  const targets: Target[] = Deno.build.os === "linux"
    ? [
      { triple: "x86_64-unknown-linux-gnu", base: elf },
      { triple: "aarch64-unknown-linux-gnu", base: elf },
    ]
    : [];
  if (await hasNpm()) {
    targets.push(
      { triple: "x86_64-apple-darwin", base: await darwinBase("x64") },
      { triple: "aarch64-apple-darwin", base: await darwinBase("arm64") },
    );
  } else {
    console.log("skip darwin: npm, which brings a base for it, is not here");
  }
  for (const target of targets) await embed(bundled, target);
} finally {
  await Deno.remove(work, { recursive: true });
}
