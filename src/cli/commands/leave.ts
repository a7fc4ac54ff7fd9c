// `pln leave`: this node leaves its cluster for good. Its daemon tells the
// peers and stops; what made it a member moves below old/, so that nothing is
// lost and the directory can join or make another cluster.

import {
  isInitialised,
  type Membership,
  readMembership,
  setMembershipAside,
} from "../../identity/mod.ts";
import type { StatusReport } from "../../control/mod.ts";
import { NotFoundError } from "../../kernel/mod.ts";
import type { Disk } from "../../ports/mod.ts";
import { confirm } from "../confirm.ts";
import { holdDirectory, lockPath } from "../directory.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";

const stopMsMax = 15_000;
const pollMs = 50;

export const run: Run<"leave"> = async (invocation, { flags }) => {
  const disk = await invocation.openDisk();
  if (!await isInitialised(disk)) {
    throw new NotFoundError(`There is no node in "${disk.label}"`, {
      hint: "Nothing was changed; check --dir and $PLN_DIR",
    });
  }
  const signer = await invocation.platform.openSigner();
  const membership = await readMembership({ disk, signer });
  const { cluster, peer } = membership;
  const running = await invocation.findDaemon();
  for (const warning of await warnings(disk, { membership, running })) {
    await invocation.note(warning);
  }
  if (!flags.yes) {
    await confirm(
      invocation,
      `Leave cluster ${cluster.slice(0, 12)} for good?`,
      { refusal: "This node stays where it is" },
    );
  }
  if (running !== undefined) {
    await invocation.ask(({ members }) => members.leave());
  }
  await using _held = await untilHeld(invocation, disk);
  const place = `${disk.label}/${await setMembershipAside(disk, cluster)}`;
  await invocation.answer(
    { version: 1, peer, cluster, place },
    `Left cluster ${
      cluster.slice(0, 12)
    }; what this node was is in ${place}\n` +
      "With an invite it can join again, as another node: pln join <token>\n",
  );
};

/** What somebody may not have thought of. */
async function warnings(
  disk: Disk,
  { membership, running }: {
    readonly membership: Membership;
    readonly running: StatusReport | undefined;
  },
): Promise<readonly string[]> {
  const found: string[] = [];
  if (membership.facts.tier === "admin" && !knowsAdmin(running)) {
    found.push(
      "No other admin is known here. A cluster without one admits nobody,\n" +
        "and its members' certificates end within a week.",
    );
  }
  // By its name: this command may open no key.
  const keys = await disk.list("keys");
  if (keys.some(({ name }) => name === "root.pem")) {
    found.push(
      `The cluster's root key lies in ${disk.label}/keys; it moves below\n` +
        "old/ with the rest.",
    );
  }
  return found;
}

/** Without a daemon nobody can tell. */
function knowsAdmin(running: StatusReport | undefined): boolean {
  const gone = ["self", "left", "denied"];
  return running?.nodes.some(({ tier, state }) =>
    tier === "admin" && !gone.includes(state)
  ) ?? false;
}

/** The daemon that was told to stop gives the directory up when it has. */
async function untilHeld(
  invocation: Invocation,
  disk: Disk,
): Promise<AsyncDisposable> {
  const clock = await invocation.platform.openClock();
  const { signal } = new AbortController();
  const lateMs = clock.nowMs() + stopMsMax;
  while (clock.nowMs() < lateMs) {
    const lock = await disk.lock(lockPath);
    if (lock !== undefined) return lock;
    await clock.sleep(pollMs, signal);
  }
  return await holdDirectory(disk);
}
