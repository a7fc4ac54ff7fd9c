// `pln forget <peer>`: drops a lost node's document, with all that it has
// published, on every node. What went, or with --dry-run would go, comes back
// from the daemon. It keeps nobody out: that is `pln deny`.

import type { Forgotten } from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { printable } from "../render.ts";

const seedsShownMax = 20;

export const run: Run<"forget"> = async (invocation, { flags, args }) => {
  const [peer = ""] = args;
  const request = { force: flags.force, dryRun: flags["dry-run"] };
  const forgotten = await invocation.ask(({ state }) =>
    state.forget(peer, request)
  );
  await invocation.answer(forgotten, forgottenText(forgotten));
};

function forgottenText(forgotten: Forgotten): string {
  const { isChanged, isDryRun } = forgotten;
  const who = nodeText(forgotten);
  if (isDryRun) return `${who} would be forgotten\n${lossText(forgotten)}`;
  if (!isChanged) return `${who} is forgotten already\n`;
  return `${who} is forgotten\n${lossText(forgotten)}`;
}

function lossText({ entries, seeds }: Forgotten): string {
  const counts = Object.entries(entries)
    .map(([section, count]) => `${count} of ${printable(section)}`);
  if (counts.length === 0) return "  nothing of it is stored here\n";
  const names = seeds.slice(0, seedsShownMax).map(printable).join(", ");
  const more = seeds.length - seedsShownMax;
  return `  entries: ${counts.join(", ")}\n` +
    (seeds.length === 0
      ? ""
      : `  seeds: ${names}${more > 0 ? ` and ${more} more` : ""}\n`);
}
