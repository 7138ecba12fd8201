// The figures of two models, row by row: what they make of this drawing, and of test images.

import { count, figure } from "../shared/words.js";

/**
 * @typedef {{on: string, nmse: number, perplexity: number, ink: number | null, used: number}} Figures
 * @typedef {{name: string, title: string, group: "codes" | "steps" | "models", address: string | null,
 *   problem: string | null, best: number | null, K?: number, bits?: number,
 *   figures?: Figures}} Entry  as Python describes it
 * @typedef {{entry: Entry, live: {nmse: number, used: number} | undefined}} Shown
 */

/** @type {Array<[string, (shown: Shown) => string | undefined]>} */
const DRAWING = [
  ["Bits it takes", ({ entry }) => (entry.bits === undefined ? undefined : count(entry.bits))],
  ["Error (NMSE)", ({ live }) => live && figure(live.nmse)],
  ["Codes it uses", ({ entry, live }) => live && `${live.used} of ${count(entry.K)}`],
];
/** @type {Array<[string, (shown: Shown) => string | undefined]>} */
const TEST = [
  ["Error (NMSE)", ({ entry: { figures } }) => figures && figure(figures.nmse)],
  ["Perplexity, all cells", ({ entry: { figures } }) => figures?.perplexity.toFixed(1)],
  ["Perplexity, ink cells", ({ entry: { figures } }) => figures?.ink?.toFixed(1)],
  ["Codes in use", ({ entry: { figures, K } }) => figures && `${count(figures.used)} of ${count(K)}`],
];

/**
 * Both sides' figures into the rows of a table.
 * @param {HTMLElement} rows
 * @param {Shown[]} sides
 */
export function fillTable(rows, sides) {
  const measured = [...new Set(sides.map(({ entry }) => entry?.figures?.on).filter(Boolean))];
  const lines = [
    ["This drawing"],
    ...DRAWING.map(([name, of]) => [name, ...sides.map((side) => (side.entry && of(side)) ?? "–")]),
    [measured.length ? `On ${measured.join(", or ")}` : "On test images: not measured"],
    ...TEST.map(([name, of]) => [name, ...sides.map((side) => (side.entry && of(side)) ?? "–")]),
  ];
  while (rows.children.length < lines.length) rows.append(row(lines[rows.children.length].length));
  lines.forEach((line, n) => {
    line.forEach((text, m) => {
      const cell = rows.children[n].children[m];
      if (cell.textContent !== text) cell.textContent = text;
    });
  });
}

/** @param {number} cells  one is a heading over all columns */
function row(cells) {
  const line = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = cells === 1 ? "colgroup" : "row";
  if (cells === 1) name.colSpan = 3;
  line.append(name, ...Array.from({ length: cells - 1 }, () => document.createElement("td")));
  return line;
}
