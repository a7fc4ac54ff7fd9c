// `pln purge`: removes what the node wrote and can do without: state, content,
// logs. Identity, peers' addresses and settings stay unless told. It holds the
// directory, asks first, and removes only names it knows: a mistyped --dir
// costs no stranger's file.

import { InputError } from "../../kernel/mod.ts";
import type { Disk } from "../../ports/mod.ts";
import { holdDirectory } from "../directory.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import type { FlagsOf } from "../verbs.ts";

const dataNames =
  /^(?:journal|store|cache|pln\.(?:log|err)(?:\.\d+)?|pln\.sock|\.pln~)$/;
const keptNames = /^(?:keys|certs|peers\.json|config\.yaml)$/;

export const run: Run<"purge"> = async (invocation, { flags }) => {
  const disk = await invocation.openDisk();
  if (await disk.stat("") === undefined) {
    return await tell(invocation, { removed: [], kept: [] });
  }
  await using _held = await holdDirectory(disk);
  const { removed, kept } = await sortNames(disk, flags);
  if (removed.length > 0) {
    await confirm(invocation, { flags, removed });
    for (const name of removed) await disk.remove(name);
  }
  await tell(invocation, { removed, kept });
};

type Names = {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
};

async function sortNames(disk: Disk, flags: FlagsOf<"purge">): Promise<Names> {
  const names = (await disk.list("")).map(({ name }) => name);
  const isRemoved = (name: string) =>
    dataNames.test(name) || (flags["include-keys"] && keptNames.test(name));
  return {
    removed: names.filter(isRemoved),
    kept: names.filter((name) => !isRemoved(name) && name !== "lock"),
  };
}

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
  const warning = flags["include-keys"]
    ? "This node's identity goes too; without a backup it is lost.\n"
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
  { removed, kept }: Names,
): Promise<void> {
  const list = (names: readonly string[]) => names.join(", ");
  await invocation.answer(
    { version: 1, removed, kept },
    (removed.length === 0
      ? "There was nothing to remove\n"
      : `Removed ${list(removed)}\n`) +
      (kept.length === 0 ? "" : `Kept ${list(kept)}\n`),
  );
}
