// Builds the example seeds: deno run -A examples/build.ts [--check] [name...]
// In go the sources beside this file, out goes one .wasm per example and one
// line about it. AssemblyScript needs npm only; C and Go are skipped with a
// message where their compilers are missing. `--check` writes nothing: it
// compares what it builds, byte for byte, with the committed file. It must
// never depend on the current folder or on a node_modules folder.

import asc from "assemblyscript/asc";

/** What became of one example; `failed` fails the whole run. */
type Outcome = { text: string; failed?: boolean };

type Example = {
  name: string;
  /** The built file, relative to this folder. */
  output: string;
  /** Whether the same source gives the same bytes on every machine. */
  reproducible: boolean;
  /** The built bytes, or why it cannot be built on this machine. */
  build: () => Promise<Uint8Array<ArrayBuffer> | string>;
};

const folder = new URL(".", import.meta.url);

// Level 3 for speed, 1 for size; `stub` never frees, see assembly/extism.ts.
const ASC_FLAGS = [
  "--runtime=stub",
  "--optimizeLevel=3",
  "--shrinkLevel=1",
  "--noAssert",
  "--initialMemory=1",
  "--use=abort=assembly/extism/abort",
];

const CLANG_FLAGS = [
  "--target=wasm32",
  "-nostdlib",
  "-O3",
  "-Wall",
  "-Wextra",
  "-Wl,--no-entry",
  "-Wl,--strip-all",
];

const GO_FLAGS = ["-buildmode=c-shared", "-trimpath", "-ldflags=-s -w"];
const GO_COMMANDS = ["go", "/usr/local/go/bin/go"];

const examples: Example[] = [
  assemblyScript("hello"),
  assemblyScript("upper"),
  assemblyScript("shout"),
  {
    name: "vowels",
    output: "vowels/vowels.wasm",
    reproducible: false,
    build: buildVowels,
  },
  {
    name: "echo-go",
    output: "echo-go/echo.wasm",
    reproducible: false,
    build: buildEchoGo,
  },
];

function assemblyScript(name: string): Example {
  return {
    name,
    output: `${name}/${name}.wasm`,
    reproducible: true,
    build: () => compileAssemblyScript(`${name}/assembly/${name}.ts`),
  };
}

/** Compiles in this process; sources come from this folder only. */
async function compileAssemblyScript(entry: string) {
  const built: Uint8Array<ArrayBuffer>[] = [];
  const { error, stderr } = await asc.main(
    [entry, "--outFile=out.wasm", ...ASC_FLAGS],
    {
      readFile: readSource,
      writeFile: (_name: string, contents: string | Uint8Array) => {
        if (typeof contents !== "string") built.push(contents.slice());
      },
      listFiles: () => [],
    },
  );
  const [bytes] = built;
  if (error === null && bytes !== undefined) return bytes;
  throw new Error(`Cannot compile "${entry}"\n${stderr}`, { cause: error });
}

/** asc looks for files that may not exist; `null` is how it wants it told. */
function readSource(name: string): string | null {
  try {
    return Deno.readTextFileSync(new URL(name, folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function buildVowels() {
  const missing: string[] = [];
  for (const tool of ["clang", "wasm-ld"]) {
    if (!await runs([tool, "--version"])) missing.push(tool);
  }
  if (missing.length > 0) return `${missing.join(" and ")} not installed`;
  return compileTo((output) => ({
    command: ["clang", ...CLANG_FLAGS, "-o", output, "vowels.c"],
    cwd: new URL("vowels/", folder),
  }));
}

async function buildEchoGo() {
  for (const go of GO_COMMANDS) {
    if (!await runs([go, "version"])) continue;
    return compileTo((output) => ({
      command: [go, "build", ...GO_FLAGS, "-o", output, "."],
      cwd: new URL("echo-go/", folder),
      env: { GOOS: "wasip1", GOARCH: "wasm" },
    }));
  }
  return "go not installed";
}

type Command = [program: string, ...args: string[]];
type Compiler = { command: Command; cwd: URL; env?: Record<string, string> };

/** Runs a compiler that writes a file, and returns the bytes of the file. */
async function compileTo(compiler: (output: string) => Compiler) {
  const temporary = await Deno.makeTempDir();
  const output = `${temporary}/out.wasm`;
  try {
    const { command, cwd, env } = compiler(output);
    const [program, ...args] = command;
    const { success, stderr } = await new Deno.Command(program, {
      args,
      cwd,
      env,
      stdout: "null",
    }).output();
    if (success) return await Deno.readFile(output);
    const reason = new TextDecoder().decode(stderr).trimEnd();
    throw new Error(`Cannot compile: ${command.join(" ")}\n${reason}`);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function runs([program, ...args]: Command): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function write(example: Example): Promise<Outcome> {
  const bytes = await example.build();
  if (typeof bytes === "string") return { text: `skipped: ${bytes}` };
  await Deno.writeFile(new URL(example.output, folder), bytes);
  return { text: `${example.output}, ${bytes.length} bytes` };
}

async function check(example: Example): Promise<Outcome> {
  if (!example.reproducible) {
    return { text: "not compared: its bytes depend on the compiler's release" };
  }
  const built = await example.build();
  if (typeof built === "string") return { text: `skipped: ${built}` };
  const committed = await readCommitted(example);
  if (committed === undefined) {
    return { text: `${example.output} is missing: build it`, failed: true };
  }
  const same = built.length === committed.length &&
    built.every((byte, at) => byte === committed[at]);
  if (same) return { text: `same, ${built.length} bytes` };
  return {
    text: `${example.output} is not what its source gives ` +
      `(${committed.length} bytes there, ${built.length} built): ` +
      `run "deno run -A examples/build.ts ${example.name}" and commit it`,
    failed: true,
  };
}

async function readCommitted(example: Example) {
  try {
    return await Deno.readFile(new URL(example.output, folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Returns the exit code: 0 ok, 1 failed, 2 wrong arguments. */
async function main(args: string[]): Promise<number> {
  const names = args.filter((arg) => arg !== "--check");
  const known = examples.map((example) => example.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(" ")}. Known: ${known.join(" ")}`);
    return 2;
  }
  const treat = args.includes("--check") ? check : write;
  let failures = 0;
  for (const example of examples) {
    if (names.length > 0 && !names.includes(example.name)) continue;
    const outcome = await treat(example).catch((error: Error) => {
      return { text: error.message, failed: true };
    });
    if (outcome.failed) failures++;
    console.log(`${example.name.padEnd(8)} ${outcome.text}`);
  }
  return failures === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
