// `pln __complete -- <words>`: what could stand for the last word, a line each.
// The scripts of `pln completion` call it; it prints nothing else and fails for
// no reason that a shell would show.

import { utf8 } from "../../kernel/mod.ts";
import type { Run } from "../loaders.ts";

export const run: Run<"__complete"> = async (invocation, { args }) => {
  const { completions } = await import("../app.ts");
  const found = await completions(args, invocation.platform);
  const lines = new Set(
    found.filter((text) => text !== "--" && !/\s/.test(text)),
  );
  await invocation.write(
    utf8([...lines].map((line) => `${line}\n`).join("")),
  );
};
