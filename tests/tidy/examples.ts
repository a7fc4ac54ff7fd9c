// How the tests of the rules are written: one accepted or refused example each.
// In: a rule, what the example shows, a file name and its source. Out: one
// test, which looks only at the reports of that rule.
// It must never pass for a rule that the plugin does not have.

import { deepStrictEqual, match, ok } from "node:assert/strict";
import plugin from "./plugin.ts";

/** A made-up file, with what the rule says about it if it refuses it. */
export interface Example {
  readonly file: string;
  readonly source: string;
  /** Each report's message, in source order; for refused examples. */
  readonly says?: readonly RegExp[];
}

/** The messages of one rule about a made-up file. */
export function messages(rule: string, { file, source }: Example): string[] {
  ok(rule in plugin.rules, `The plugin has no rule "${rule}"`);
  return Deno.lint.runPlugin(plugin, file, source)
    .filter((report) => report.id === `tidy/${rule}`)
    .sort((a, b) => a.range[0] - b.range[0])
    .map((report) => report.message);
}

/** Makes the tests of one rule. */
export function testsOf(rule: string) {
  return {
    accepts(what: string, example: Example) {
      Deno.test(`tidy/${rule} accepts ${what}`, () => {
        deepStrictEqual(messages(rule, example), []);
      });
    },
    refuses(what: string, example: Required<Example>) {
      Deno.test(`tidy/${rule} refuses ${what}`, () => {
        const said = messages(rule, example);
        deepStrictEqual(said.length, example.says.length, said.join("\n"));
        example.says.forEach((says, index) => match(said[index] ?? "", says));
      });
    },
  };
}
