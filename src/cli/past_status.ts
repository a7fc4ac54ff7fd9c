// `pln status --at <when>`: the nodes and seeds that the cluster's state named
// at a moment, as this node had heard of them by then. The daemon's report
// comes in; tables for people or the report itself as JSON go out. Who was
// connected then nobody knows: that is no part of the state.

import type { PastNode, PastSeed, PastStatus } from "../control/mod.ts";
import type { Invocation } from "./invocation.ts";
import { ageText, localText, parseMoment } from "./moments.ts";
import {
  type Column,
  digestText,
  momentText,
  peerText,
  sizeText,
  tableText,
} from "./render.ts";
import { propertiesText } from "./tiers.ts";

type Look = { readonly isWide: boolean; readonly isBold: boolean };

/** Answers. @throws {InputError} `when` is no moment, or yet to come. */
export async function showPast(
  invocation: Invocation,
  when: string,
  { what, look }: {
    readonly what: "nodes" | "seeds" | undefined;
    readonly look: Look;
  },
): Promise<void> {
  const nowMs = (await invocation.platform.openClock()).wallMs();
  const askedMs = parseMoment(when, "--at", { nowMs });
  const past = await invocation.ask(({ state }) => state.past(askedMs));
  const { version, atMs, isExact, nodes, seeds } = past;
  if (!isExact) {
    await invocation.warn(
      "The log has gaps since then: some of it may have been otherwise",
      'See "pln history"',
    );
  }
  const moment = { version, atMs, isExact };
  switch (what) {
    case "nodes":
      return await invocation.answer(
        { ...moment, nodes },
        nodesText(past, look),
      );
    case "seeds":
      return await invocation.answer(
        { ...moment, seeds },
        seedsText(past, look),
      );
    case undefined: {
      const digest = digestText(past.digest, look);
      const head = `at ${localText(atMs)} (${ageText(atMs, nowMs)}), ${digest}`;
      return await invocation.answer(
        past,
        `${head}\n\n${nodesText(past, look)}\n${seedsText(past, look)}`,
      );
    }
  }
}

function nodesText({ nodes }: PastStatus, look: Look): string {
  if (nodes.length === 0) return "No node had said anything yet\n";
  const columns: Column[] = [
    { title: "NODE" },
    { title: "PEER" },
    { title: "TIER" },
    { title: "STATE" },
    { title: "VERSION" },
    ...look.isWide ? [{ title: "PROPERTIES" }] : [],
  ];
  const row = (node: PastNode) => [
    node.name ?? "-",
    peerText(node.peer, look),
    node.tier ?? "-",
    node.state,
    node.version ?? "-",
    ...look.isWide ? [propertiesText(node.properties) || "-"] : [],
  ];
  return tableText(columns, nodes.map(row), look);
}

function seedsText({ nodes, seeds }: PastStatus, look: Look): string {
  if (seeds.length === 0) return "No seed was published\n";
  const names = new Map(nodes.map(({ peer, name }) => [peer, name]));
  const columns: Column[] = [
    { title: "SEED" },
    { title: "OWNER" },
    { title: "SIZE", align: "right" },
    { title: "PUBLISHED" },
    { title: "DIGEST" },
    { title: "OTHER OWNERS", align: "right" },
  ];
  const row = (seed: PastSeed) => [
    seed.name,
    look.isWide
      ? seed.owner
      : names.get(seed.owner) ?? peerText(seed.owner, look),
    sizeText(seed.sizeBytes),
    momentText(seed.publishedMs),
    digestText(seed.digest, look),
    seed.others.length === 0 ? "-" : `${seed.others.length}`,
  ];
  return tableText(columns, seeds.map(row), look);
}
