// `pln allow <peer>`: takes a denial back. The node may come back with the
// certificate it has, or renew it. A denial by the root needs the root key
// again.

import { decide } from "../decisions.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";

export const run: Run<"allow"> = async (invocation, { flags, args }) => {
  const [peer = ""] = args;
  return await decide(invocation, (members) => members.allow(peer), {
    flags,
    done: ({ isChanged, ...node }) =>
      isChanged
        ? `${nodeText(node)} may come back\n`
        : `${nodeText(node)} is not denied\n`,
  });
};
