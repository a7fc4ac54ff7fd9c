// `pln grant <peer>`: changes tier, properties or the end of access of a
// member. What is not named stays. An admin is made by the root key alone: it
// signs here when it is here, else its holder gets a request.

import { InputError } from "../../kernel/mod.ts";
import type { GrantRequest } from "../../control/mod.ts";
import { decide } from "../decisions.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { momentText, printable } from "../render.ts";
import {
  accessMsOf,
  propertiesOf,
  propertiesText,
  tierOf,
  tierText,
} from "../tiers.ts";
import type { FlagsOf } from "../verbs.ts";

export const run: Run<"grant"> = async (invocation, { flags, args }) => {
  const [peer = ""] = args;
  const request = requestOf(flags);
  return await decide(invocation, (members) => members.grant(peer, request), {
    flags,
    done: ({ isChanged, tier, properties = {}, accessDeadlineMs, ...node }) => {
      const what = tier === undefined ? "a member" : tierText(tier);
      const having = propertiesText(properties);
      const end = accessDeadlineMs === undefined
        ? ""
        : `, until ${momentText(accessDeadlineMs)}`;
      return `${nodeText(node)} is ${what} ${isChanged ? "now" : "already"}` +
        `${having === "" ? "" : `, with ${printable(having)}`}${end}\n`;
    },
  });
};

function requestOf(flags: FlagsOf<"grant">): GrantRequest {
  if (flags["no-expire"] && flags["expire-after"] !== undefined) {
    throw new InputError("--expire-after and --no-expire exclude each other", {
      hint: "Give one of them",
    });
  }
  const request = {
    tier: tierOf(flags),
    properties: propertiesOf(flags.prop),
    accessMs: flags["no-expire"] ? 0 : accessMsOf(flags["expire-after"]),
  };
  if (Object.values(request).some((value) => value !== undefined)) {
    return request;
  }
  throw new InputError("Nothing is said about what to grant", {
    hint: 'Such as "pln grant desk --publisher --prop zone=home"',
  });
}
