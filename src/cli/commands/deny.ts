// `pln deny <peer>`: ends a membership. Peers close its sessions within a
// second of hearing it. Of an admin it takes the root key, and the word what
// becomes of those it admitted.

import { InputError } from "../../kernel/mod.ts";
import type { DenyRequest } from "../../control/mod.ts";
import { decide } from "../decisions.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import type { FlagsOf } from "../verbs.ts";

export const run: Run<"deny"> = async (invocation, { flags, args }) => {
  const [peer = ""] = args;
  const request = requestOf(flags);
  return await decide(invocation, (members) => members.deny(peer, request), {
    flags,
    done: ({ isChanged, kept = 0, gone = 0, ...node }) => {
      if (!isChanged) return `${nodeText(node)} is denied already\n`;
      const stay = kept === 0
        ? ""
        : `${kept} of its members ${kept === 1 ? "stays" : "stay"}\n`;
      const go = gone === 0
        ? ""
        : `${gone} of its members ${gone === 1 ? "goes" : "go"} too\n`;
      return `${nodeText(node)} is denied; this takes it back: ` +
        `pln allow ${node.peer.slice(0, 12)}\n${stay}${go}`;
    },
  });
};

function requestOf(flags: FlagsOf<"deny">): DenyRequest {
  if (flags.keep && flags.cascade) {
    throw new InputError("--keep and --cascade exclude each other", {
      hint: "Say what becomes of the members that this admin admitted",
    });
  }
  return {
    reason: flags.reason,
    children: flags.keep ? "keep" : flags.cascade ? "cascade" : undefined,
    dropDenies: flags["drop-denies"] || undefined,
  };
}
