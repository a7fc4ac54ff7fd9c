// `pln version`: this program's version and what it runs on. It asks no daemon
// and reads no file, so that it answers at once; "pln status" shows the
// daemon's version.

import { version } from "../../version.ts";
import type { Run } from "../loaders.ts";

export const run: Run<"version"> = async (invocation, { flags }) => {
  const { os, arch, denoVersion } = invocation.terminal.platform;
  await invocation.answer(
    { version: 1, pln: version, deno: denoVersion, os, arch },
    flags.short
      ? `${version}\n`
      : `pln ${version} (deno ${denoVersion}, ${os} ${arch})\n`,
  );
};
