// Help as text: the list of commands, and what one command takes with one
// example. It is made of the table of verbs; names come in, text comes out, and
// nothing here knows what a command does.

import { pairsText } from "./render.ts";
import type { ArgumentSpec, FlagSpec, VerbSpec } from "./verb_spec.ts";
import { globalFlags, type Verb, verbs } from "./verbs.ts";

/** Whether commands of two words begin with this one: "root". */
export function isGroup(name: string): boolean {
  return Object.keys(verbs).some((verb) => verb.startsWith(`${name} `));
}

/** Every command in a line; or those of a group. */
export function overview(group: string): string {
  const prefix = group === "" ? "" : `${group} `;
  const shown = Object.entries<VerbSpec>(verbs)
    .filter(([name, { isHidden }]) =>
      isHidden !== true && name.startsWith(prefix)
    )
    .map(([name, { brief }]) => [`  ${name}`, brief] as const);
  return `pln: a distributed WASM runtime without a control plane\n\n` +
    `Usage: pln <command> [flags]\n\n${pairsText(shown)}\n` +
    `"pln help <command>" explains a command.\n`;
}

export function commandHelp(verb: Verb): string {
  const spec: VerbSpec = verbs[verb];
  const args = spec.args.map((one) => argumentUsage(one, spec));
  const usage = ["pln", verb, ...args, "[flags]"].join(" ");
  const more = spec.more === undefined ? "" : `${spec.more}\n`;
  const beside = Object.entries<VerbSpec>(verbs)
    .filter(([name]) => name.startsWith(`${verb} `))
    .map(([name, { brief }]) => [`  pln ${name}`, brief] as const);
  const details = [
    ...spec.args.map(({ name, brief }) => [`  ${name}`, brief] as const),
    ...Object.entries<FlagSpec>({ ...spec.flags, ...globalFlags })
      .map(([name, flag]) => [flagUsage(name, flag), flag.brief] as const),
  ];
  return `${spec.brief}\n${more}\nUsage:   ${usage}\n` +
    `Example: ${spec.example}\n\n${pairsText(details)}` +
    (beside.length === 0 ? "" : `\nSee also:\n${pairsText(beside)}`);
}

function argumentUsage(
  { name, isOptional }: ArgumentSpec,
  { isVariadic }: VerbSpec,
): string {
  const shown = isVariadic === true ? `${name}...` : name;
  return isOptional === true ? `[${shown}]` : `<${shown}>`;
}

function flagUsage(name: string, { alias, value }: FlagSpec): string {
  const short = alias === undefined ? "" : `-${alias}, `;
  return `  ${short}--${name}${value === undefined ? "" : ` <${value}>`}`;
}
