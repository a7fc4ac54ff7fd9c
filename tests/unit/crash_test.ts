// watchCrashes() in a process of its own: uncaught errors and rejections reach
// the log before anybody learns of the crash.

import assert from "node:assert/strict";
import { inDirectory } from "./temporary_directory.ts";

const program = `
import { openClock } from "./src/adapters/clock.ts";
import { watchCrashes } from "./src/adapters/crash.ts";
import { openDisk } from "./src/adapters/disk.ts";
import { openLog } from "./src/adapters/log.ts";
import { openLogFile } from "./src/adapters/log_file.ts";
const clock = openClock();
const disk = openDisk(Deno.args[0]);
const sinks = [openLogFile({ disk, clock })];
const log = openLog({ level: "info", sinks, clock });
const { crashed } = watchCrashes(log);
if (Deno.args[1] === "throw") setTimeout(() => { throw new Error("oops"); });
else Promise.reject(new Error("oops"));
try {
  await crashed;
} catch (error) {
  console.log(error.message);
  Deno.exit(3);
}
`;

for (const how of ["throw", "reject"]) {
  Deno.test(`watchCrashes() logs an error that is uncaught: ${how}`, () =>
    inDirectory(async (directory) => {
      const root = new URL("../..", import.meta.url);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", "--ext=ts", "-", directory, how],
        cwd: root,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(program));
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      assert.equal(code, 3, new TextDecoder().decode(stderr));
      assert.equal(
        new TextDecoder().decode(stdout),
        "The daemon crashed: oops\n",
      );
      const log = await Deno.readTextFile(`${directory}/pln.log`);
      assert.match(log, /"event":"daemon.crashed".*"message":"oops"/);
    }));
}
