// Sums written out: a line each for the largest terms, one for all others, and what they come to.

import { paintMaps } from "../shared/pictures.js";

const LINES = 8;

/** A number as a sum shows it. */
export function decimal(value) {
  return value.toFixed(4).replace("-", "−");
}

/**
 * A table: heads, lines of cells, and the line of what it all comes to.
 * @param {HTMLElement} place
 * @param {string[]} heads
 * @param {string[][]} lines
 * @param {string[][]} feet
 */
export function writeTable(place, heads, lines, feet) {
  const rows = [heads, ...lines, ...feet];
  const shape = String(rows.map((row) => row.length));
  if (place.dataset.shape !== shape) {
    place.dataset.shape = shape;
    const table = document.createElement("table");
    const [head, body, foot] = [table.createTHead(), table.createTBody(), table.createTFoot()];
    rows.forEach((row, n) => {
      const group = n === 0 ? head : n <= lines.length ? body : foot;
      const line = group.insertRow();
      for (const _ of row) line.append(document.createElement(n === 0 ? "th" : "td"));
    });
    place.replaceChildren(table);
  }
  const cells = place.querySelectorAll("th, td");
  rows.flat().forEach((text, n) => {
    if (cells[n].textContent !== text) cells[n].textContent = text;
  });
}

/**
 * What a layer adds up for one number, the largest products first.
 * @param {HTMLElement} place
 * @param {ReturnType<typeof import("../shared/fields.js").summands>} sum
 * @param {string[][]} after  lines below: what is made of the total
 */
export function writeSum(place, { bias, terms, total }, after) {
  const largest = [...terms].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, LINES);
  const rest = total - bias - largest.reduce((sum, { product }) => sum + product, 0);
  const left = terms.length - largest.length;
  writeTable(
    place,
    ["from", "value", "weight", "product"],
    [
      ...largest.map(({ row, column, channel, value, weight, product }) => [
        `map ${channel + 1}, row ${row + 1}, column ${column + 1}`,
        ...[value, weight, product].map(decimal),
      ]),
      ...(left ? [[`the other ${left} products`, "", "", decimal(rest)]] : []),
      ["bias, a learned number", "", "", decimal(bias)],
    ],
    [["sum", "", "", decimal(total)], ...after],
  );
}

/**
 * The feature map after every layer, as small pictures: all of them, or while the pen moves, one after another.
 * @param {HTMLElement} place
 * @param {{name: string, map: import("../shared/layers.js").FeatureMap}[]} layers
 * @param {boolean} moving
 */
export function showMaps(place, layers, moving) {
  const fresh = place.children.length !== layers.length;
  const turn = (Number(place.dataset.turn ?? 0) + 1) % layers.length;
  place.dataset.turn = String(turn);
  if (place.children.length !== layers.length) {
    place.replaceChildren(
      ...layers.map(() => {
        const figure = document.createElement("figure");
        figure.append(document.createElement("canvas"), document.createElement("figcaption"));
        return figure;
      }),
    );
  }
  layers.forEach(({ name, map }, n) => {
    if (moving && !fresh && n !== turn) return;
    const [picture, caption] = place.children[n].children;
    paintMaps(picture, map);
    const words = `${name}: ${map.channels} ${map.channels === 1 ? "map" : "maps"} of ${map.height} × ${map.width}`;
    if (caption.textContent !== words) caption.textContent = words;
  });
}
