// `pln root apply <statement>`: hands the cluster what the root key signed. The
// daemon of an admin verifies it and publishes it. The line is no secret: it
// says the same whoever carries it.

import { limits } from "../../kernel/mod.ts";
import { applyStatement } from "../decisions.ts";
import type { Run } from "../loaders.ts";
import { nodeText } from "../node_rows.ts";
import { tierText } from "../tiers.ts";
import { readLineFrom } from "../typed_line.ts";

export const run: Run<"root apply"> = async (invocation, { args }) => {
  const statement = await readLineFrom(invocation, args[0] ?? "-", {
    charactersMax: limits.rootStatementCharactersMax,
    what: "root statement",
    prefix: "pln-root-statement:",
  });
  const decision = await applyStatement(invocation, statement);
  const { isChanged, tier, kept = 0 } = decision;
  const what = tier === undefined ? "" : `, who is ${tierText(tier)}`;
  const stay = kept === 0
    ? ""
    : `${kept} of its members ${kept === 1 ? "stays" : "stay"}\n`;
  await invocation.answer(
    { version: 1, ...decision },
    isChanged
      ? `The root has decided about ${nodeText(decision)}${what}\n${stay}`
      : `What the root decided about ${nodeText(decision)} is known already\n`,
  );
};
