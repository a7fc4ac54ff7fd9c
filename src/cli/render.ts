// Text for people: tables whose columns align, sizes and times in units. Exact
// numbers come in and stay exact in JSON, which never goes through here. Wide
// characters count as one column. No escape sequences unless asked for.

const kibi = 1024;
const sizeUnits = ["KiB", "MiB", "GiB", "TiB"] as const;

/** "512 B", "2.1 MiB". */
export function sizeText(bytes: number): string {
  if (bytes < kibi) return `${bytes} B`;
  let value = bytes;
  let unit: string = sizeUnits[0];
  for (const next of sizeUnits) {
    value /= kibi;
    unit = next;
    if (Math.round(value * 10) < kibi * 10) break;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** Short latencies: "0.2 ms", "14 ms", "1.5 s"; "-" when there is none. */
export function latencyText(durationMs: number | undefined): string {
  if (durationMs === undefined) return "-";
  if (durationMs >= 1_000) return `${(durationMs / 1_000).toFixed(1)} s`;
  return `${
    durationMs < 10 ? durationMs.toFixed(1) : durationMs.toFixed(0)
  } ms`;
}

/** "sha256:" and the first 12 digits, or all of them. */
export function digestText(
  digest: string,
  options: { readonly isWide: boolean },
): string {
  return `sha256:${options.isWide ? digest : digest.slice(0, 12)}`;
}

/** The first digits of a peer id, enough to name it; or all of them. */
export function peerText(
  peer: string,
  options: { readonly isWide: boolean },
): string {
  return options.isWide ? peer : peer.slice(0, 12);
}

/** A moment in UTC, to the second: "2026-01-31 08:15:00Z". */
export function momentText(wallMs: number): string {
  const text = new Date(wallMs).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)}Z`;
}

export type Column = {
  readonly title: string;
  readonly align?: "left" | "right";
};

/** Lines with the columns aligned; the titles bold when asked. */
export function tableText(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: { readonly isBold: boolean },
): string {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, at) =>
    Math.max(...[titles, ...rows].map((row) => (row[at] ?? "").length))
  );
  const line = (row: readonly string[]) =>
    columns.map(({ align }, at) => {
      const cell = printable(row[at] ?? "");
      const width = widths[at] ?? 0;
      return align === "right" ? cell.padStart(width) : cell.padEnd(width);
    }).join("  ").trimEnd();
  const head = options.isBold ? `\x1b[1m${line(titles)}\x1b[22m` : line(titles);
  return [head, ...rows.map(line)].map((one) => `${one}\n`).join("");
}

/** Lines of "name  value" with the values aligned. */
export function pairsText(
  pairs: readonly (readonly [name: string, value: string])[],
): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`)
    .join("");
}

/** A foreign text on one line: no control characters reach a terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is taken out
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}
