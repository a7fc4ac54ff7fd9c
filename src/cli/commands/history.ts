// `pln history`: what changed in the cluster's state, as this node heard of it.
// The daemon's records come in; one block of lines a batch for people, or the
// records themselves as JSON, go out. What peers wrote is printed without
// control characters, and cut.

import type { StateEntryChange, StateEvent } from "../../control/mod.ts";
import { jsonLine, type JsonValue, limits } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";
import { ageText, localText, parseMoment } from "../moments.ts";
import { nodeText } from "../node_rows.ts";
import { parseCount } from "../numbers.ts";
import { printable } from "../render.ts";

const batchesDefault = 50;
const valueCharactersMax = 72;
const changesShownMax = 20;

export const run: Run<"history"> = async (invocation, { flags }) => {
  const nowMs = (await invocation.platform.openClock()).wallMs();
  const limit = flags.lines === undefined
    ? batchesDefault
    : parseCount(flags.lines, "--lines", {
      min: 1,
      max: limits.historyAnswerMax,
    });
  const sinceMs = flags.since === undefined
    ? undefined
    : parseMoment(flags.since, "--since", { nowMs });
  const query = { sinceMs, owner: flags.owner, limit };
  const history = await invocation.ask(({ state }) => state.history(query));
  const { events, isCut } = history;
  if (isCut) {
    await invocation.note(
      `Older ones are left out; --lines takes up to ${limits.historyAnswerMax}`,
    );
  }
  const text = events.map((event) => eventText(event, nowMs)).join("");
  await invocation.answer(history, text === "" ? emptyText(sinceMs) : text);
};

function emptyText(sinceMs: number | undefined): string {
  return sinceMs === undefined
    ? "No change has been heard of yet\n"
    : `Nothing has changed since ${localText(sinceMs)}\n`;
}

const gaps: Readonly<Record<string, string>> = {
  "stopped": "the node stopped",
  "killed":
    "the node was killed: what it heard in its last second may be missing",
  "disk": "the disk took no records: some are missing",
  "damage": "records are damaged: some are missing",
  "flood": "changes came faster than the disk took them: some are missing",
};

function eventText(event: StateEvent, nowMs: number): string {
  const when = `${localText(event.atMs)}  ${ageText(event.atMs, nowMs)}`;
  if (event.type === "gap") {
    return `${when}  -- ${gaps[event.why] ?? printable(event.why)}\n`;
  }
  const { owner, name, generation, seq, changes } = event;
  const shown = changes.slice(0, changesShownMax).map(changeText).join("");
  const more = changes.length - changesShownMax;
  const place = seq === 0
    ? "dropped"
    : `generation ${generation}, batch ${seq}`;
  return `${when}  ${nodeText({ peer: owner, name })}, ${place}\n${shown}` +
    (more > 0 ? `  ... and ${more} more; --json shows all\n` : "");
}

/** "+ seeds/hello ...", "- seeds/hello", "~ seeds/hello: digest a -> b". */
function changeText({ section, key, before, after }: StateEntryChange): string {
  const place = `${section}/${key}`;
  const text = before === undefined && after === undefined
    ? `? ${place} (its owner publishes so much that no values were kept)`
    : before === undefined
    ? `+ ${place} ${valueText(after)}`
    : after === undefined
    ? `- ${place}`
    : `~ ${place}: ${differenceText(before, after)}`;
  return `  ${printable(text)}\n`;
}

function differenceText(before: JsonValue, after: JsonValue): string {
  const [was, is] = [membersOf(before), membersOf(after)];
  if (was === undefined || is === undefined) {
    return `${valueText(before)} -> ${valueText(after)}`;
  }
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return names
    .filter((name) => valueText(was[name]) !== valueText(is[name]))
    .map((name) => `${name} ${valueText(was[name])} -> ${valueText(is[name])}`)
    .join(", ");
}

function membersOf(
  value: JsonValue,
): Readonly<Record<string, JsonValue>> | undefined {
  const isObject = typeof value === "object" && !Array.isArray(value) &&
    Boolean(value);
  return isObject ? value as Readonly<Record<string, JsonValue>> : undefined;
}

/** Cut in the middle: the ends tell most values apart. */
function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  const text = jsonLine(value);
  if (text.length <= valueCharactersMax) return text;
  const half = valueCharactersMax / 2;
  return `${text.slice(0, half)}...${text.slice(-half)}`;
}
