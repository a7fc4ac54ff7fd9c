// `pln purge`: removes what the node wrote and can do without: state, content,
// logs. Identity, peers' addresses, what admins have decided (or a denied node
// would be let in again) and settings stay unless told. It holds the directory,
// asks first, and removes only what bears a name of ours in a directory that is
// a node's: a mistyped --dir costs no stranger's file.

import { InputError, NotFoundError } from "../../kernel/mod.ts";
import { holdDirectory, lockPath } from "../directory.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import {
  isNodeDirectory,
  type NodeFiles,
  sortNodeFiles,
} from "../node_files.ts";
import type { FlagsOf } from "../verbs.ts";

export const run: Run<"purge"> = async (invocation, { flags }) => {
  const disk = await invocation.openDisk();
  const signer = await invocation.platform.openSigner();
  // Before the lock, which would be a new file in a stranger's directory.
  if (!await isNodeDirectory({ disk, signer })) {
    throw new NotFoundError(`There is no node in "${disk.label}"`, {
      hint: "Nothing was removed; check --dir and $PLN_DIR",
    });
  }
  await using _held = await holdDirectory(disk);
  const includesKeys = flags["include-keys"];
  const files = await sortNodeFiles(disk, { includesKeys, lockPath });
  if (files.removed.length > 0) {
    await confirm(invocation, { flags, removed: files.removed });
    for (const path of files.paths) await disk.remove(path);
    // Nothing is left that it could guard.
    if (includesKeys) await disk.remove(lockPath);
  }
  await tell(invocation, files);
};

async function confirm(
  invocation: Invocation,
  { flags, removed }: {
    readonly flags: FlagsOf<"purge">;
    readonly removed: readonly string[];
  },
): Promise<void> {
  if (flags.yes) return;
  const { terminal, isJson, directory } = invocation;
  if (!terminal.stdin.isTerminal || isJson) {
    throw new InputError("Nobody can be asked whether to remove the data", {
      hint: 'Add "--yes"',
    });
  }
  const more = removed.includes("old") ? ", as those of clusters it left" : "";
  const warning = flags["include-keys"]
    ? `This node's identity goes too${more}; without a backup it is lost.\n`
    : "";
  const answer = await terminal.stdin.readLine(
    `In ${directory}, these will be removed: ${removed.join(", ")}\n` +
      `${warning}Remove them? [y/N] `,
  );
  if (/^y(?:es)?$/i.test(answer?.trim() ?? "")) return;
  throw new InputError("Nothing was removed", {
    hint: 'Answer "y" to go on',
  });
}

async function tell(
  invocation: Invocation,
  files: Pick<NodeFiles, "removed" | "kept" | "others">,
): Promise<void> {
  const { removed, kept, others } = files;
  const rest = others === 1 ? "1 other entry" : `${others} other entries`;
  const names = kept.join(", ");
  const stayed = [names, others === 0 ? "" : rest].filter((one) => one !== "");
  await invocation.answer(
    { version: 1, removed, kept, others },
    (removed.length === 0
      ? "There was nothing to remove\n"
      : `Removed ${removed.join(", ")}\n`) +
      (stayed.length === 0 ? "" : `Kept ${stayed.join(" and ")}\n`),
  );
}
