// `pln unseed`: takes a seed back. Its name comes in, or its address as "pln
// status" shows it; calls under way are cancelled, and new ones find nothing.
// What is typed is checked before the daemon is asked. It never takes back what
// another node published.

import { NotFoundError } from "../../kernel/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { parseSeedAddress } from "../seed_address.ts";

export const run: Run<"unseed"> = async (invocation, { args }) => {
  const address = parseSeedAddress(args[0] ?? "");
  const [name = "", owner] = address.split("@");
  if (owner !== undefined) await refuseOthers(invocation, { address, owner });
  await invocation.ask((client) => client.unpublishSeed(name));
  await invocation.answer({ version: 1, name }, `Took back ${name}\n`);
};

async function refuseOthers(
  invocation: Invocation,
  { address, owner }: { readonly address: string; readonly owner: string },
): Promise<void> {
  const { node } = await invocation.status();
  if (node.peer.startsWith(owner)) return;
  throw new NotFoundError(`"${address}" is no seed of this node`, {
    hint: "Only its owner can take it back: run it there",
  });
}
