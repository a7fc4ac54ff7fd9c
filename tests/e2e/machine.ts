// What the machine under the tests can do: mounts of its own, users with fewer
// rights, tools. A test that needs what is missing is left out with a printed
// reason, never silently and never failing.

const isRoot = Deno.uid() === 0;

/** Runs a program that file modes bind, as they do not bind root. */
export const asUnprivileged: readonly string[] = isRoot
  ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
  : [];

/** Whether the programs run and end well. */
function works(program: string, args: readonly string[]): boolean {
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    return command.outputSync().success;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}

function mayMount(): boolean {
  if (Deno.build.os !== "linux" || !isRoot) return false;
  const directory = Deno.makeTempDirSync({ prefix: "pln-mount-" });
  const mounted = works("mount", ["-t", "tmpfs", "none", directory]);
  if (mounted) works("umount", [directory]);
  Deno.removeSync(directory);
  return mounted;
}

const abilities = {
  "file modes that bind (setpriv)": () =>
    !isRoot || works("setpriv", ["--version"]),
  "mounting a tmpfs (root)": mayMount,
  "Linux's /proc": () => Deno.build.os === "linux",
  "bash": () => works("bash", ["--version"]),
  "zsh": () => works("zsh", ["--version"]),
  "fish": () => works("fish", ["--version"]),
  "shellcheck": () => works("shellcheck", ["--version"]),
} as const;

/** For a test's `ignore`: whether it must be left out, which is printed. */
export function lacks(ability: keyof typeof abilities): boolean {
  if (abilities[ability]()) return false;
  console.log(`skipping a test: this machine lacks ${ability}`);
  return true;
}

/**
 * Mounts an empty tmpfs at `path` until disposed. It goes lazily: a daemon
 * holds its error file a moment longer than its lock.
 */
export async function mountMemory(
  path: string,
  options: string,
): Promise<AsyncDisposable> {
  await succeed("mount", ["-t", "tmpfs", "-o", options, "none", path]);
  return {
    [Symbol.asyncDispose]: () => succeed("umount", ["--lazy", path]),
  };
}

/** Makes `path` read-only for new writers until disposed. */
export async function mountReadOnly(path: string): Promise<AsyncDisposable> {
  await succeed("mount", ["--bind", "-o", "ro", path, path]);
  return {
    [Symbol.asyncDispose]: () => succeed("umount", ["--lazy", path]),
  };
}

/** Runs a program to its end. @throws With its complaint. */
export async function succeed(
  program: string,
  args: readonly string[],
): Promise<void> {
  const command = new Deno.Command(program, { args: [...args] });
  const { success, stderr } = await command.output();
  if (success) return;
  throw new Error(`${program} ${args}: ${new TextDecoder().decode(stderr)}`);
}
