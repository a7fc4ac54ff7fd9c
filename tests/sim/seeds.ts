// How many worlds each scenario is played in: what the tests say, unless
// PLN_SIM_SEEDS says otherwise, as `deno task sim --seeds n` does. In comes the
// environment, out go seed numbers; nothing else may decide how long tests take.

const asked = Deno.env.get("PLN_SIM_SEEDS");

/** Whether somebody asked for so many: then sizes are the scenarios' own. */
export const isLongForm = asked !== undefined;

/** 1 to as many as are asked for. */
export function seedNumbers(unlessAsked: number): readonly number[] {
  const count = asked === undefined ? unlessAsked : Number(asked);
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`PLN_SIM_SEEDS is no number of seeds: ${asked}`);
  }
  return Array.from({ length: count }, (_, index) => index + 1);
}
