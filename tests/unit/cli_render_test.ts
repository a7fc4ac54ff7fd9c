// Text for people: sizes, latencies, tables. Exact values at the edges of each
// unit; columns that align whatever is in them.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  latencyText,
  momentText,
  pairsText,
  printable,
  sizeText,
  tableText,
} from "../../src/cli/render.ts";

Deno.test("sizeText() changes units before a number reaches 1024", () => {
  const cases = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [10 * 1024, "10 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [2_202_009, "2.1 MiB"],
    [64 * 1024 * 1024, "64 MiB"],
    [2 ** 30, "1.0 GiB"],
    [2 ** 60, "1048576 TiB"],
  ] as const;
  for (const [bytes, text] of cases) assert.equal(sizeText(bytes), text);
});

Deno.test("latencyText() keeps two digits that matter", () => {
  assert.equal(latencyText(undefined), "-");
  assert.equal(latencyText(0.21), "0.2 ms");
  assert.equal(latencyText(14.2), "14 ms");
  assert.equal(latencyText(1_500), "1.5 s");
});

Deno.test("momentText() is UTC to the second", () => {
  assert.equal(momentText(1_790_000_000_000), "2026-09-21 14:13:20Z");
});

Deno.test("tableText() aligns its columns and adds no trailing spaces", () => {
  assert.equal(
    tableText(
      [{ title: "NAME" }, { title: "CALLS", align: "right" }, { title: "X" }],
      [["a", "1", "x"], ["longer", "1000000", ""]],
      { isBold: false },
    ),
    "NAME      CALLS  X\na             1  x\nlonger  1000000\n",
  );
});

Deno.test("tableText() puts each cell at its column's place", () => {
  const cell = fc.stringMatching(/^[a-z0-9]{1,12}$/);
  const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1 });
  fc.assert(fc.property(rows, (cells) => {
    const columns = ["A", "B", "C"].map((title) => ({ title }));
    const lines = tableText(columns, cells, { isBold: false }).split("\n");
    const starts = ["A", "B", "C"].map((title) => lines[0]?.indexOf(title));
    for (const [index, row] of cells.entries()) {
      for (const [column, text] of row.entries()) {
        const start = starts[column] ?? -1;
        const shown = lines[index + 1]?.slice(start, start + text.length);
        assert.equal(shown, text);
      }
    }
  }));
});

Deno.test("pairsText() aligns values and keeps strangers from the terminal", () => {
  assert.equal(
    pairsText([["a", "1"], ["long", "\u001b[2J"]]),
    "a     1\nlong  \ufffd[2J\n",
  );
  assert.equal(pairsText([]), "");
});

Deno.test("printable() leaves no control character", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const shown = printable(text);
    assert.equal(shown.length, text.length);
    assert.doesNotMatch(shown, /\p{Cc}/u);
  }));
});
