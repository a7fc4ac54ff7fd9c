// Builds the modules of the seeds bench: deno run -A tests/bench/modules/build.ts
// In go echo.c and rust/, out go echo_c.wasm and echo_rust.wasm beside this
// file, which are committed so that the bench needs no compiler. Build products
// stay in a temporary directory. The bytes depend on the compilers' releases:
// clang 14 and rustc 1.95 made the committed ones.

const folder = new URL(".", import.meta.url);

type Build = {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
};

async function build(
  name: string,
  output: string,
  { command, args, env }: Build,
): Promise<void> {
  const { success } = await new Deno.Command(command, {
    args: [...args],
    cwd: folder,
    env,
  }).output();
  if (!success) throw new Error(`Cannot build ${name}`);
  const bytes = await Deno.readFile(output);
  await Deno.writeFile(new URL(name, folder), bytes);
  console.log(`${name}, ${bytes.length} bytes`);
}

const target = await Deno.makeTempDir();
try {
  await build("echo_c.wasm", `${target}/c.wasm`, {
    command: "clang",
    args: [
      ...["--target=wasm32", "-nostdlib", "-O3", "-Wall", "-Wextra"],
      ...["-Wl,--no-entry", "-Wl,--strip-all"],
      ...["-o", `${target}/c.wasm`, "echo.c"],
    ],
  });
  const release = `${target}/wasm32-unknown-unknown/release`;
  await build("echo_rust.wasm", `${release}/echo.wasm`, {
    command: "cargo",
    args: [
      ...["build", "--quiet", "--release", "--locked"],
      ...["--manifest-path", "rust/Cargo.toml", "--target-dir", target],
      ...["--target", "wasm32-unknown-unknown"],
    ],
    // Panic messages hold paths: those of this machine tell nobody anything.
    env: { RUSTFLAGS: `--remap-path-prefix=${Deno.env.get("HOME")}=~` },
  });
} finally {
  await Deno.remove(target, { recursive: true });
}
