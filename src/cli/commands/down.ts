// `pln down`: asks the daemon to drain and end, and returns when it is gone.
// Without a daemon it fails, so that a script notices. It kills nothing: a
// daemon that does not go is named in the error.

import type { Run } from "../loaders.ts";
import { stopDaemon } from "../stopper.ts";

export const run: Run<"down"> = async (invocation) => {
  const processId = await stopDaemon(invocation);
  await invocation.answer(
    { version: 1, processId },
    `Stopped process ${processId}\n`,
  );
};
