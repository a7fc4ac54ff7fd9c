// What this node shows of another: what the mesh knows of it, and where that is
// silent what the node's own document says. A row and an entry of the view go
// in, one row comes out. Links and denials are the mesh's to know.

import type { NodeEntry } from "../state/mod.ts";
import type { NodeRow } from "./members.ts";

/** A row before anybody asked whether its node is alive. */
export type LinkRow = Omit<NodeRow, "liveness" | "load">;

/** The row with what the state adds to it. */
export function describedRow(
  row: LinkRow,
  entry: NodeEntry | undefined,
): LinkRow {
  if (entry === undefined || row.state === "self") return row;
  return {
    ...row,
    name: row.name ?? entry.name,
    tier: entry.tier,
    properties: entry.properties,
    version: row.version ?? entry.version,
  };
}
