// The one entry of the program, and of each of its threads. The main thread
// runs the command line and is the only place that ends the process; a thread
// named "seed" runs seeds and one named "ticker" tells them that time passes,
// both without any permission. Nothing else is decided here, and nothing that a
// quick command does not need is imported.

import {
  openPlatform,
  openThreadScope,
  runTicker,
  threadRole,
} from "./src/adapters/mod.ts";

const role = threadRole();

if (role === undefined) {
  // A cast hides the name from Deno, which else reads the whole command line
  // and daemon again for each thread: 10 ms. A bundler sees through it.
  const cli = import("./src/cli/mod.ts" as string);
  const { runCli } = await (cli as Promise<typeof import("./src/cli/mod.ts")>);
  const platform = openPlatform({ mainUrl: import.meta.url });
  Deno.exit(await runCli(platform.terminal.args, platform));
} else if (role === "seed") {
  const { serveSeedThread } = await import("./src/guest/mod.ts");
  serveSeedThread(openThreadScope());
} else if (role === "ticker") {
  runTicker();
} else {
  throw new Error(`There is no thread "${role}"`);
}
