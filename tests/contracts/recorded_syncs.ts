// What a power loss would leave of the names of real directories: those that
// were there when the directory was last synced. In, the adapter's own calls
// of Deno.open; out, an answer per path. It changes nothing about a sync.

export type RecordedSyncs = Disposable & {
  /** Every directory that was synced, in order, by its absolute path. */
  readonly directories: readonly string[];
  /** Whether each name on the way from `root` to `path` was synced. */
  isDurable(root: string, path: string): boolean;
};

/** Records until disposed; one at a time. */
export function recordSyncs(): RecordedSyncs {
  const { open } = Deno;
  const directories: string[] = [];
  const durableNames = new Map<string, ReadonlySet<string>>();
  const recorded = async (path: string, options?: Deno.OpenOptions) => {
    const file = await open(path, options);
    if (!(await file.stat()).isDirectory) return file;
    const sync = file.sync.bind(file);
    file.sync = async () => {
      const names = [...Deno.readDirSync(path)].map((entry) => entry.name);
      await sync();
      directories.push(path);
      durableNames.set(path, new Set(names));
    };
    return file;
  };
  Object.assign(Deno, { open: recorded });
  return {
    directories,
    isDurable: (root, path) => {
      let directory = root;
      for (const name of path.split("/")) {
        if (durableNames.get(directory)?.has(name) !== true) return false;
        directory = `${directory}/${name}`;
      }
      return true;
    },
    [Symbol.dispose]: () => void Object.assign(Deno, { open }),
  };
}
