// `pln id`: the peer id of this node, from the daemon, or from the certificates
// in the directory when none runs. One line, for scripts; no key is ever
// shown.

import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";

export const run: Run<"id"> = async (invocation) => {
  const { peer, cluster } = await readIds(invocation);
  await invocation.answer({ version: 1, peer, cluster }, `${peer}\n`);
};

async function readIds(invocation: Invocation) {
  const running = await invocation.findDaemon();
  if (running !== undefined) return running.node;
  const { readMembership } = await import("../../node.ts");
  const disk = await invocation.openDisk();
  const signer = await invocation.platform.openSigner();
  return await readMembership({ disk, signer });
}
