// Figures of the benches: what was measured, and whether it reaches its target
// where it has one. Each is said on stderr when it is there; all of them leave
// as JSON at the end, with the machine that they are of. Nothing is asserted.

export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Such as "<= 40"; undefined for a figure that is only told. */
  readonly target?: string;
  readonly met?: boolean;
};

type Limit = readonly [target: number, unit: string];

export class Figures {
  readonly #figures: Figure[] = [];

  atMost(name: string, value: number, [target, unit]: Limit): void {
    const met = value <= target;
    this.#add({ name, value, unit, target: `<= ${target}`, met });
  }

  atLeast(name: string, value: number, [target, unit]: Limit): void {
    const met = value >= target;
    this.#add({ name, value, unit, target: `>= ${target}`, met });
  }

  /** Without a target. */
  tell(name: string, value: number, { unit }: { readonly unit: string }): void {
    this.#add({ name, value, unit });
  }

  /** All that have a target, one line each, misses last. */
  table(): string {
    const rows = this.#figures.filter((figure) => figure.met !== undefined)
      .sort((a, b) => Number(b.met) - Number(a.met));
    const width = Math.max(0, ...rows.map(({ name }) => name.length));
    return rows.map(({ name, value, unit, target = "", met }) =>
      `${met ? "ok  " : "MISS"} ${name.padEnd(width)} ` +
      `${String(rounded(value)).padStart(9)} ${unit.padEnd(3)} ${target}`
    ).join("\n");
  }

  /** One JSON text: `version`, `machine` and `figures`. */
  json(): string {
    const machine = {
      os: Deno.build.os,
      arch: Deno.build.arch,
      cores: navigator.hardwareConcurrency,
      memoryBytes: Deno.systemMemoryInfo().total,
      deno: Deno.version.deno,
      date: new Date().toISOString(),
    };
    const whole = { version: 1, machine, figures: this.#figures };
    return JSON.stringify(whole, undefined, 2);
  }

  #add(figure: Figure): void {
    this.#figures.push(figure);
    const { name, value, unit, target, met } = figure;
    const mark = met === undefined ? "    " : met ? "ok  " : "MISS";
    const wanted = target === undefined ? "" : ` (${target})`;
    console.error(`${mark} ${name}: ${rounded(value)} ${unit}${wanted}`);
  }
}

function rounded(value: number): number {
  const digits = value < 10 ? 2 : value < 1000 ? 1 : 0;
  return Number(value.toFixed(digits));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** By rank: `share` of the values are at most as large. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.floor(sorted.length * share);
  return sorted[Math.min(rank, sorted.length - 1)] ?? NaN;
}
