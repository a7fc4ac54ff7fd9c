// `pln init`: a new cluster with this node as its first admin. Properties and a
// passphrase come in; keys and certificates are written, their place and ids
// come out. A passphrase never stands in argv, and a second init changes
// nothing.

import { InputError, parsePropertyKey } from "../../kernel/mod.ts";
import { backupAdvice, makeCluster } from "../cluster.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { parsePairs } from "../pairs.ts";
import { readPassphraseFile } from "../passphrase.ts";
import { pairsText } from "../render.ts";
import type { FlagsOf } from "../verbs.ts";

export const run: Run<"init"> = async (invocation, { flags }) => {
  const properties = parsePairs(flags.prop ?? [], "--prop", {
    parseKey: parsePropertyKey,
  });
  const passphrase = await readPassphrase(invocation, flags);
  const made = await makeCluster(invocation, { properties, passphrase });
  const { peer, cluster, directory, rootKey } = made;
  const isProtected = passphrase !== undefined;
  await invocation.answer(
    { version: 1, peer, cluster, directory, rootKey, isProtected },
    pairsText([
      ["peer", peer],
      ["cluster", cluster],
      ["directory", directory],
      ["root key", isProtected ? `${rootKey} (protected)` : rootKey],
    ]) + `\n${backupAdvice}`,
  );
};

async function readPassphrase(
  invocation: Invocation,
  flags: FlagsOf<"init">,
): Promise<string | undefined> {
  const path = flags["passphrase-file"];
  if (path !== undefined && flags.passphrase) {
    throw new InputError(
      "--passphrase and --passphrase-file exclude each other",
    );
  }
  if (path !== undefined) return await readPassphraseFile(invocation, path);
  return flags.passphrase ? await askPassphrase(invocation) : undefined;
}

async function askPassphrase({ terminal }: Invocation): Promise<string> {
  const { stdin } = terminal;
  if (!stdin.isTerminal) {
    throw new InputError("--passphrase needs a terminal to ask on", {
      hint: "Use --passphrase-file <path> instead",
    });
  }
  const secret = { secret: true };
  const first = await stdin.readLine("Passphrase of the root key: ", secret);
  const again = await stdin.readLine("Once more: ", secret);
  if (first !== undefined && first !== "" && first === again) return first;
  throw new InputError(
    first === again ? "The passphrase is empty" : "The passphrases differ",
    { hint: 'Run "pln init --passphrase" again' },
  );
}
