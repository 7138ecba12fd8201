// The rate-distortion curve: bits of a whole grid of codes against the error, a dot for each rung, and where the two sides
// and the drawing stand. Shannon 1959, "Coding theorems for a discrete source with a fidelity criterion".

import { count, figure } from "../shared/words.js";

const SVG = "http://www.w3.org/2000/svg";
const TICKS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
const MARGIN = { top: 8, right: 14, bottom: 48, left: 46 };
const HEIGHT = 260;
const [NARROWEST, WIDEST] = [280, 640];

/**
 * @typedef {import("./figures.js").Entry} Entry
 * @typedef {{rungs: Entry[], unquantised: number | null, sides: import("./figures.js").Shown[], bestOn: string}} Seen
 */

/**
 * Draw it, as wide as its place; nothing where there are fewer than two points.
 * @param {HTMLElement} place
 * @param {HTMLElement} legend
 * @param {Seen} seen
 */
export function drawCurve(place, legend, { rungs, unquantised, sides, bestOn }) {
  const shown = sides.filter(({ entry }) => entry?.bits !== undefined);
  const points = [...rungs, ...shown.map(({ entry }) => entry).filter(({ figures }) => figures)];
  place.closest("figure").hidden = points.length < 2;
  if (points.length < 2) return;
  const width = Math.min(WIDEST, Math.max(NARROWEST, place.clientWidth));
  const bits = points.map((entry) => entry.bits);
  const better = rungs.filter(({ best }) => best);
  const errors = [
    ...points.map(({ figures }) => figures.nmse),
    ...better.map(({ best }) => best),
    ...(unquantised ? [unquantised] : []),
  ];
  const x = linear([0, Math.max(...bits) * 1.04], [MARGIN.left, width - MARGIN.right]);
  const [low, high] = [Math.min(...errors) / 1.4, Math.max(...errors) * 1.4];
  const log = linear([Math.log(low), Math.log(high)], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const y = (/** @type {number} */ error) => log(Math.log(Math.min(high, Math.max(low, error))));
  const floor = HEIGHT - MARGIN.bottom;
  const parts = [
    ...TICKS.filter((tick) => tick >= low && tick <= high).flatMap((tick) => [
      line({ x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick), class: "rule" }),
      text(String(tick), { x: MARGIN.left - 6, y: y(tick) + 4, "text-anchor": "end" }),
    ]),
    ...rungs.flatMap(({ bits, K }) => [
      text(String(bits), { x: x(bits), y: floor + 15, "text-anchor": "middle" }),
      text(String(K), { x: x(bits), y: floor + 30, "text-anchor": "middle", class: "codes" }),
    ]),
    text("bits", { x: MARGIN.left - 6, y: floor + 15, "text-anchor": "end" }),
    text("codes", { x: MARGIN.left - 6, y: floor + 30, "text-anchor": "end", class: "codes" }),
    make("polyline", { points: rungs.map(({ bits, figures }) => `${x(bits)},${y(figures.nmse)}`).join(" ") }),
    make("polyline", { points: better.map(({ bits, best }) => `${x(bits)},${y(best)}`).join(" "), class: "best" }),
    ...rungs.map(({ bits, figures }) => make("circle", { cx: x(bits), cy: y(figures.nmse), r: 3.5, class: "rung" })),
  ];
  if (unquantised) {
    parts.push(
      line({ x1: MARGIN.left, x2: width - MARGIN.right, y1: y(unquantised), y2: y(unquantised), class: "bound" }),
      text(`without a codebook: ${figure(unquantised)}`, { x: MARGIN.left + 6, y: y(unquantised) - 6 }),
    );
  }
  sides.forEach((side, n) => {
    const { entry, live } = side;
    if (!shown.includes(side)) return;
    const sign = n ? "right" : "left";
    if (entry.figures) parts.push(mark(sign, x(entry.bits), y(entry.figures.nmse), "measured"));
    if (live) parts.push(mark(sign, x(entry.bits), y(live.nmse), "drawing"));
  });
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" }, ...parts);
  svg.setAttribute("aria-label", said(rungs, unquantised));
  place.replaceChildren(svg);
  legend.textContent =
    "Across: bits for the whole grid of codes. Up: error (NMSE), each line about three times the one below. " +
    "Filled signs: the two models on test images. Hollow signs: on this drawing." +
    (better.length ? ` Dotted line: with the codes that draw each picture best, measured on ${bestOn}.` : "");
}

/** The curve in words, for whoever hears the page. */
function said(rungs, unquantised) {
  const of = rungs.map(
    ({ K, bits, figures, best }) =>
      `${K} codes, ${count(bits)} bits: ${figure(figures.nmse)}${best ? `, with the best codes ${figure(best)}` : ""}`,
  );
  return `Error on test images by size of codebook. ${of.join("; ")}.${
    unquantised ? ` Without a codebook: ${figure(unquantised)}.` : ""
  }`;
}

/** A round sign for the left side, a square on its corner for the right. */
function mark(side, cx, cy, what) {
  const shape =
    side === "left"
      ? make("circle", { cx, cy, r: 7 })
      : make("rect", { x: cx - 6, y: cy - 6, width: 12, height: 12, transform: `rotate(45 ${cx} ${cy})` });
  shape.setAttribute("class", `mark ${side} ${what}`);
  return shape;
}

/**
 * @param {number[]} from
 * @param {number[]} to
 */
function linear([a, b], [c, d]) {
  return (/** @type {number} */ value) => c + ((value - a) / (b - a)) * (d - c);
}

function line(attributes) {
  return make("line", attributes);
}

function text(words, attributes) {
  const element = make("text", attributes);
  element.textContent = words;
  return element;
}

function make(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
