// `deno task bench state`: what the replicated state costs. Documents of others
// on a real disk, a minute of a simulated cluster, and twenty real daemons.

import { seedChange } from "../unit/state_lab.ts";
import { type Figures, median } from "./figures.ts";
import { benchDaemons } from "./state_daemons.ts";
import { benchOwners, openState } from "./state_owners.ts";
import { benchSimulated } from "./state_simulated.ts";

const rounds = 5;
const single = 400;
const grouped = 8_000;
const abreast = 64;

export async function benchState(figures: Figures): Promise<void> {
  await benchSimulated(figures); // in a heap of its own size
  await benchPublishes(figures);
  await benchOwners(figures);
  await benchDaemons(figures);
}

/** Durable on this disk: each waits for the disk's own sync. */
async function benchPublishes(figures: Figures): Promise<void> {
  const rates = { alone: [] as number[], together: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const directory = await Deno.makeTempDir({ prefix: "pln-publishes-" });
    try {
      await using state = await openState(directory);
      let next = 0;
      const publish = async (end: number) => {
        while (next < end) {
          const number = next++;
          await state.publish([seedChange(`s${number % 50}`, number)]);
        }
      };
      await publish(abreast);
      rates.alone.push(await rateOf(single, () => publish(next + single)));
      rates.together.push(
        await rateOf(grouped, async () => {
          const end = next + grouped;
          const publishers = Array.from({ length: abreast });
          await Promise.all(publishers.map(() => publish(end)));
        }),
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }
  const unit = "/s";
  figures.tell("durable publishes, one at a time", median(rates.alone), {
    unit,
  });
  figures.tell("durable publishes, 64 at a time", median(rates.together), {
    unit,
  });
}

async function rateOf(
  count: number,
  work: () => Promise<void>,
): Promise<number> {
  const startMs = performance.now();
  await work();
  return count / (performance.now() - startMs) * 1_000;
}
