// The scenarios that are shipped, as tests: which of them runs in which file
// (files run beside each other), and what each has to show, with its number in
// the list of faults. Where there are many nodes most worlds have fewer: what
// chance breaks shows in many small worlds sooner than in few large ones.

import { openTurn } from "../../src/adapters/turn.ts";
import { PlnError } from "../../src/kernel/mod.ts";
import { clusterScenarios, runScenario } from "../../src/sim/mod.ts";
import { signer } from "./lab.ts";
import { isLongForm, seedNumbers } from "./seeds.ts";

const turn = openTurn();
const quickSeeds = 2;
const quickNodesMax = 12;
/** Where many worlds are asked for, one of so many has all its nodes. */
const wholeWorldEvery = 10;

type Row = { readonly group: string; readonly says: string };

export const scenarioRows: Readonly<Record<string, Row>> = {
  "partition": {
    group: "cuts",
    says: "both sides of a cut serve and agree 10 s after it heals (S01)",
  },
  "long-partition": {
    group: "cuts",
    says: "ten minutes apart are healed in 10 s (S01)",
  },
  "day-partition": {
    group: "cuts",
    says: "a day apart is healed in 10 s (S01)",
  },
  "one-way": {
    group: "cuts",
    says: "a node that nobody hears makes nobody lose others (S02)",
  },
  "half-detached": {
    group: "cuts",
    says: "a node with 90 % loss harms nobody else, at a bounded cost (S04)",
  },
  "everybody-lost": {
    group: "cuts",
    says: "a node that lost everybody finds them again (S03)",
  },
  "restored-disk": {
    group: "disks",
    says: "a node with an old backup rolls nothing back (S13)",
  },
  "clone": {
    group: "disks",
    says: "of two machines with one identity one stops writing",
  },
  "old-document": {
    group: "disks",
    says: "old documents do not bring back what was taken back",
  },
  "long-absence": {
    group: "disks",
    says: "three weeks away end within 30 s of the start (S33)",
  },
  "lost-batches": {
    group: "disks",
    says: "a gap that nobody can fill holds nobody up (S20)",
  },
  "starved": {
    group: "members",
    says: "a node that stands still makes nobody else lost (S05)",
  },
  "stopped": {
    group: "members",
    says: "a node that was stopped for a minute goes on (S06)",
  },
  "failure": {
    group: "members",
    says: "all know in 20 s who is dead, and lose nobody else",
  },
  "withheld-deny": {
    group: "members",
    says: "a denial that somebody withholds arrives before all else (R11)",
  },
  "leaver": {
    group: "members",
    says: "seeds of one who left stay until it is forgotten (S22)",
  },
  "wrong-clocks": {
    group: "members",
    says: "order does not depend on wall clocks (S15)",
  },
  "join-storm": {
    group: "storm",
    says: "a storm of joins is over in 15 s and fills no memory (S21)",
  },
  "bad-weather": {
    group: "weather",
    says: "loss, delay, reordering and doubling do no harm (S32)",
  },
  "spread": {
    group: "weather",
    says: "a change reaches 99 % in 1 s, all in 10 s at 30 % loss",
  },
  "hostile": {
    group: "hostile",
    says: "no view shows a lie about others (R01, R03, R05, R06)",
  },
  "hostile-frames": {
    group: "hostile",
    says: "who lies about who has what costs nobody a link (R01, R06, S20)",
  },
  "hostile-work": {
    group: "hostile",
    says: "who makes work without end keeps nobody from the others (R01, R05)",
  },
  "chaos": {
    group: "chaos",
    says: "chaos ends in equal views with all that was acknowledged",
  },
};

/** Registers the tests of one file. */
export function testScenarios(group: string): void {
  for (const scenario of clusterScenarios) {
    const { name, nodesDefault } = scenario;
    const row = scenarioRows[name];
    if (row?.group !== group) continue;
    const fn = async () => {
      for (const seed of seedNumbers(quickSeeds)) {
        const isWhole = isLongForm && seed % wholeWorldEvery === 1;
        const nodes = isWhole
          ? nodesDefault
          : Math.min(quickNodesMax, nodesDefault);
        await tellHow(runScenario(scenario, { seed, nodes, signer, turn }));
      }
    };
    Deno.test({ name: `${name}: ${row.says}`, permissions: "none", fn });
  }
}

/** A failure shows the command that brings it back. */
async function tellHow(run: Promise<unknown>): Promise<void> {
  try {
    await run;
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    throw new Error(`${cause.message}\n  ${cause.hint}`, { cause });
  }
}
