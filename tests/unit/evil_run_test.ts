// Every hostile module that may run, on real workers through the real pool, one
// process for each family: it ends for its reason, sane seeds answer beside and
// after it, no thread is lost, the log is capped and memory bounded. If the
// process dies the test says after which module. SCENARIOS.md S35, S36.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { evilFamilies, isRunning } from "../fixtures/evil/corpus.ts";
import type { Outcome } from "../fixtures/evil/evil_child.ts";

const child = new URL("../fixtures/evil/evil_child.ts", import.meta.url).href;
const decoder = new TextDecoder();

/** The dearest cases hold some hundred megabytes; leaks hold gigabytes. */
const rssBytesMax = 1.5 * 1024 ** 3;
/** The line that says that the log is full, and what is in the seed's name. */
const logSlackCharacters = 256;

async function outcomesOf(family: string): Promise<readonly Outcome[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", child, family],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = decoder.decode(stdout).trim().split("\n");
  const outcomes: Outcome[] = lines.map((line) => JSON.parse(line));
  const last = outcomes.at(-1)?.name ?? "nothing";
  assert.equal(code, 0, `it died after "${last}": ${decoder.decode(stderr)}`);
  return outcomes;
}

/** What was not as it must be. */
function faultsOf(outcome: Outcome, ends: string | undefined): string[] {
  const { name, ending, message, sane, loggedCharacters } = outcome;
  const faults: string[] = [];
  if (ending !== ends) {
    faults.push(`ended "${ending}", not "${ends}": ${message}`);
  }
  if (sane.some((one) => one !== "ok")) faults.push(`sane seeds ended ${sane}`);
  if (loggedCharacters > limits.callLogBytesMax + logSlackCharacters) {
    faults.push(`logged ${loggedCharacters} characters`);
  }
  if (outcome.threadsLost > 0) faults.push("cost a thread");
  if (outcome.rssBytes > rssBytesMax) {
    faults.push(`left the process at ${outcome.rssBytes} bytes`);
  }
  return faults.map((fault) => `${name} ${fault}`);
}

for (const [family, cases] of Object.entries(evilFamilies)) {
  const running = cases.filter(isRunning);
  if (running.length === 0) continue;
  Deno.test(`S35 S36 ${family}: each ends alone, for its reason`, async () => {
    const endings = new Map(running.map(({ name, fate }) => [name, fate.ends]));
    const outcomes = await outcomesOf(family);
    assert.deepEqual(
      outcomes.map(({ name }) => name).toSorted(),
      [...endings.keys()].toSorted(),
    );
    assert.deepEqual(
      outcomes.flatMap((one) => faultsOf(one, endings.get(one.name))),
      [],
    );
  });
}
