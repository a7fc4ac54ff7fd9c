// A temporary directory for the length of one test, and a matcher for errors
// that must name a path. In comes what to run; nothing stays behind.

export async function inDirectory(
  run: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "pln-terminal-" });
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

export function isAbout(type: new (...args: never[]) => Error, path: string) {
  return (cause: unknown) =>
    cause instanceof type && cause.message.includes(path);
}
