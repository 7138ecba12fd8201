// The prior over codes in the browser: how likely each code is in each cell, given any of the others, and what follows
// from that: which cell to write next, and which code to write there. No DOM, as `vqvae.js`; `vqvae/prior.py` is the
// same in torch (Hoogeboom et al. 2022, "Autoregressive Diffusion Models").
//
// Chance is a number for each seed and cell, not a stream: whatever is taken back, or steered by hand, a cell's own
// number stays, and the same link writes the same picture.

import { build, forward } from "./layers.js";
import { halvesOf, inTurn } from "./wire.js";

/**
 * @typedef {{model: string, K: number, height: number, width: number, classes: number, channels: number,
 *   layers: import("./layers.js").Layer[], weights: string}} Description  what Python's `describe_prior` sends; the weights are float16, as in the file
 * @typedef {{K: number, height: number, width: number, cells: number, classes: number, channels: number,
 *   code: Float32Array, label: Float32Array, cell: Float32Array, layers: import("./layers.js").Built[],
 *   last: Map<number, import("./layers.js").FeatureMap[]>}} Prior  last: the latest pass for a class
 * @typedef {"certain" | "rows" | "random" | "hand"} Order
 * @typedef {{order: Order, temperature: number, stride: number, seed: number, guidance: number}} Settings  stride: cells
 *   a step; guidance: how much the class counts, 1 as the prior has learned it
 */

/**
 * @param {Description} description
 * @returns {Prior}
 */
export function load({ K, height, width, classes, channels, layers, weights }) {
  const { take, end } = inTurn(halvesOf(weights));
  const prior = {
    K,
    height,
    width,
    cells: height * width,
    classes,
    channels,
    code: take((K + 1) * channels), // the last row stands for a hidden cell
    label: take((classes + 1) * channels), // the last row stands for any class
    cell: take(height * width * channels),
    layers: layers.map((layer) => build(layer, take)),
    last: new Map(),
  };
  end();
  return prior;
}

/**
 * How likely each code is in each cell: (cells, K). Guidance above 1 leans towards codes that speak for the class (Ho and
 * Salimans 2022, "Classifier-Free Diffusion Guidance"). What a cell that is not hidden says of itself means nothing.
 * @param {Prior} prior
 * @param {ArrayLike<number>} codes  (cells), K where hidden
 * @param {number} label  `classes` for any
 * @param {number} [guidance]
 */
export function probabilities(prior, codes, label, guidance = 1) {
  const logits = next(prior, codes, label);
  if (guidance === 1 || label === prior.classes) return softmax(prior, logits);
  const without = next(prior, codes, prior.classes);
  return softmax(
    prior,
    logits.map((logit, i) => without[i] + guidance * (logit - without[i])),
  );
}

/**
 * The logits, computed where they differ from the latest pass for the class: between two steps a cell or two.
 * @param {Prior} prior
 * @param {ArrayLike<number>} codes
 * @param {number} label
 */
function next(prior, codes, label) {
  const { last } = prior;
  const maps = through(prior, codes, label, last.get(label));
  if (!last.has(label) && last.size === 2) last.delete(last.keys().next().value); // a class, and any: no more are needed
  last.set(label, maps);
  return maps.at(-1).values;
}

/**
 * -log p of each cell's code given all the others, in nats: (cells).
 * @param {Prior} prior
 * @param {ArrayLike<number>} codes
 * @param {number} label
 */
export function surprise(prior, codes, label) {
  const { K, cells } = prior;
  const whole = through(prior, codes, label);
  return Float64Array.from({ length: cells }, (_, cell) => {
    const others = Int32Array.from(codes);
    others[cell] = K;
    const logits = through(prior, others, label, whole)
      .at(-1)
      .values.subarray(cell * K, (cell + 1) * K);
    return -Math.log(softmax(prior, logits)[codes[cell]]);
  });
}

/**
 * The feature map after each layer, the last one the logits; `before` is what other codes gave, for its speed alone.
 * @param {Prior} prior
 * @param {ArrayLike<number>} codes
 * @param {number} label
 * @param {import("./layers.js").FeatureMap[]} [before]
 */
function through(prior, codes, label, before) {
  const { height, width, channels, cells } = prior;
  const values = new Float64Array(cells * channels);
  for (let cell = 0, i = 0; cell < cells; cell++) {
    for (let c = 0; c < channels; c++, i++) {
      values[i] = prior.code[codes[cell] * channels + c] + prior.cell[i] + prior.label[label * channels + c];
    }
  }
  return forward(prior.layers, { height, width, channels, values }, before);
}

/**
 * @param {Prior} prior
 * @param {Float64Array} logits  (…, K)
 */
function softmax({ K }, logits) {
  const found = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += K) {
    const highest = logits.subarray(start, start + K).reduce((a, b) => Math.max(a, b));
    let sum = 0;
    for (let i = start; i < start + K; i++) sum += found[i] = Math.exp(logits[i] - highest);
    for (let i = start; i < start + K; i++) found[i] /= sum;
  }
  return found;
}

/**
 * A number in [0, 1) for a seed and a place: `uniform` in Python, to the last bit.
 * @param {number} seed
 * @param {number} place
 */
export function uniform(seed, place) {
  let x = (Math.imul(seed, 0x9e3779b1) + Math.imul(place, 0x85ebca6b) + 0x6d2b79f5) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

/**
 * The hidden cells that come next, as many as a step writes: the surest ones first, row by row, or in any order. None
 * where the hand decides.
 * @param {{K: number, cells: number}} prior
 * @param {Float64Array} found  (cells, K) probabilities
 * @param {ArrayLike<number>} codes
 * @param {Settings} settings
 */
export function nextCells({ K, cells }, found, codes, { order, stride, seed }) {
  if (order === "hand") return [];
  const rank = {
    certain: (/** @type {number} */ cell) => -likeliest({ K }, found, cell).probability,
    rows: (/** @type {number} */ cell) => cell,
    random: (/** @type {number} */ cell) => uniform(seed, cells + cell),
  }[order];
  const hidden = Array.from({ length: cells }, (_, cell) => cell).filter((cell) => codes[cell] === K);
  const ranked = hidden.map((cell) => ({ cell, rank: rank(cell) }));
  ranked.sort((a, b) => a.rank - b.rank || a.cell - b.cell);
  return ranked.slice(0, stride).map(({ cell }) => cell);
}

/**
 * The code that chance gives a cell: probabilities p^(1 / temperature), normalised, at the cell's own number.
 * @param {{K: number}} prior
 * @param {Float64Array} found
 * @param {number} cell
 * @param {Settings} settings
 */
export function drawn({ K }, found, cell, { temperature, seed }) {
  const shares = tempered({ K }, found, cell, temperature);
  let left = uniform(seed, cell);
  for (let code = 0; code < K; code++) {
    left -= shares[code];
    if (left < 0) return code;
  }
  return likeliest({ K }, found, cell).code; // the shares sum to a little less than 1
}

/**
 * A cell's probabilities at a temperature: (K).
 * @param {{K: number}} prior
 * @param {Float64Array} found
 * @param {number} cell
 * @param {number} temperature
 */
export function tempered({ K }, found, cell, temperature) {
  const own = found.subarray(cell * K, (cell + 1) * K);
  const highest = own.reduce((a, b) => Math.max(a, b));
  const powers = own.map((p) => (p / highest) ** (1 / temperature));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/**
 * A cell's most likely code.
 * @param {{K: number}} prior
 * @param {Float64Array} found
 * @param {number} cell
 */
export function likeliest({ K }, found, cell) {
  let best = cell * K;
  for (let i = best + 1; i < (cell + 1) * K; i++) if (found[i] > found[best]) best = i;
  return { code: best - cell * K, probability: found[best] };
}

/**
 * Fill the hidden cells of a grid, and say which: {codes, steps: [[cell, …], …]}.
 * @param {Prior} prior
 * @param {ArrayLike<number>} codes  (cells), K where hidden
 * @param {number} label
 * @param {Settings} settings  any order but the hand's
 */
export function write(prior, codes, label, settings) {
  const written = Int32Array.from(codes);
  const steps = [];
  while (written.includes(prior.K)) {
    const found = probabilities(prior, written, label, settings.guidance);
    const cells = nextCells(prior, found, written, settings);
    for (const cell of cells) written[cell] = drawn(prior, found, cell, settings);
    steps.push(cells);
  }
  return { codes: written, steps };
}
