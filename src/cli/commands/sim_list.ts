// `pln sim list`: the scenarios that this version ships, with what has to hold
// in each. In comes nothing, out goes a table. It runs nothing and asks no
// daemon.

import { clusterScenarios } from "../../sim/mod.ts";
import type { Run } from "../loaders.ts";
import { type Column, tableText } from "../render.ts";

const columns: readonly Column[] = [
  { title: "SCENARIO" },
  { title: "NODES", align: "right" },
  { title: "WHAT HAPPENS" },
];

export const run: Run<"sim list"> = async (invocation) => {
  const scenarios = clusterScenarios.map(({ name, about, nodesDefault }) => ({
    ...{ name, about, nodes: nodesDefault },
  }));
  const rows = scenarios
    .map(({ name, nodes, about }) => [name, String(nodes), about]);
  const { isBold } = invocation;
  const text = tableText(columns, rows, { isBold });
  await invocation.answer({ version: 1, scenarios }, text);
};
