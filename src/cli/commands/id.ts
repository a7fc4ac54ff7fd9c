// `pln id`: the peer id of this node, from the daemon, or from the directory
// when none runs. A directory without a node gets its key now, so that an invite
// can name it before it joins. One line, for scripts; no key is ever shown.

import {
  isInitialised,
  prepareNodeKeys,
  readMembership,
} from "../../identity/mod.ts";
import { peerIdOf } from "../../kernel/mod.ts";
import type { Disk } from "../../ports/mod.ts";
import { holdDirectory } from "../directory.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";

/** Cluster and tier are missing before it joins. */
type Ids = {
  readonly peer: string;
  readonly cluster?: string;
  readonly tier?: string;
};

export const run: Run<"id"> = async (invocation) => {
  const { peer, cluster, tier } = await readIds(invocation);
  if (cluster === undefined) {
    await invocation.note(
      "This node is in no cluster yet. An admin invites it with this id, and\n" +
        "nobody else can use that invite: pln invite <id>",
    );
  }
  await invocation.answer({ version: 1, peer, cluster, tier }, `${peer}\n`);
};

async function readIds(invocation: Invocation): Promise<Ids> {
  const running = await invocation.findDaemon();
  if (running !== undefined) return running.node;
  const disk = await invocation.openDisk();
  if (!await isInitialised(disk)) return await prepareIds(invocation, disk);
  const signer = await invocation.platform.openSigner();
  const { peer, cluster, facts } = await readMembership({ disk, signer });
  return { peer, cluster, tier: facts.tier };
}

async function prepareIds(invocation: Invocation, disk: Disk): Promise<Ids> {
  const { platform } = invocation;
  const [random, signer] = await Promise.all([
    platform.openRandom(),
    platform.openSigner(),
  ]);
  await using _held = await holdDirectory(disk, invocation);
  const { key } = await prepareNodeKeys({ disk, random, signer });
  return { peer: peerIdOf(key.publicKey) };
}
