// Where a number comes from: the places that it depends on, and the sum that it is.

import { around, BLOCK, sizesOf, sourceOf } from "./layers.js";

/**
 * @typedef {import("./layers.js").Box} Box
 * @typedef {import("./layers.js").Built} Built
 * @typedef {import("./layers.js").FeatureMap} FeatureMap
 * @typedef {import("./layers.js").Image} Image
 * @typedef {import("./layers.js").Size} Size
 * @typedef {import("./vqvae.js").Network} Network
 */

/**
 * The pixels that a cell sees: its receptive field, clipped at the border.
 * @param {Network} network
 * @param {number} row
 * @param {number} column
 */
export function receptiveField({ encoder, image }, row, column) {
  return seen(encoder, image, row, column);
}

/**
 * The cells whose codes a pixel of the decoder's picture depends on.
 * @param {Network} network
 * @param {number} row
 * @param {number} column
 */
export function reach({ decoder, grid, D }, row, column) {
  return seen(decoder, { ...grid, channels: D }, row, column);
}

/**
 * The places of a network's input that one place of its output depends on, clipped at the border.
 * @param {Built[]} layers
 * @param {Image} input
 * @param {number} row
 * @param {number} column
 * @returns {Box}
 */
function seen(layers, input, row, column) {
  const sizes = sizesOf(layers, input);
  /** @type {(Box | undefined)[]} */
  const boxes = sizes.map(() => undefined); // of each map, what the place depends on
  boxes[layers.length] = { top: row, bottom: row + 1, left: column, right: column + 1 };
  for (let n = layers.length - 1; n >= 0; n--) {
    const box = boxes[n + 1];
    if (!box || box.top >= box.bottom || box.left >= box.right) continue;
    const [layer, from] = [layers[n], sourceOf(layers[n], n)];
    if (!layer.pieces.length) {
      for (const map of new Set([n, from])) boxes[map] = around(boxes[map], box);
      continue;
    }
    // A window's rows follow from the row alone, its columns from the column.
    for (let y = box.top; y < box.bottom; y++) boxes[from] = around(boxes[from], windowOf(layer, y, box.left));
    for (let x = box.left; x < box.right; x++) boxes[from] = around(boxes[from], windowOf(layer, box.top, x));
    boxes[from] = clipped(boxes[from], sizes[from]);
  }
  return boxes[0] ?? { top: 0, bottom: 0, left: 0, right: 0 }; // a border that holds the bias alone
}

/**
 * The part of a box that lies on a map.
 * @param {Box} box
 * @param {Size} size
 * @returns {Box}
 */
function clipped({ top, bottom, left, right }, { height, width }) {
  return {
    top: Math.max(0, top),
    bottom: Math.min(height, bottom),
    left: Math.max(0, left),
    right: Math.min(width, right),
  };
}

/**
 * The window of a layer's input that one place of its output is summed over, which may reach beyond the borders.
 * @param {Built} layer
 * @param {number} row
 * @param {number} column
 */
function windowOf({ pieces }, row, column) {
  const piece = pieces.find(({ to, every }) => row % every[0] === to[0] && column % every[1] === to[1]);
  const { first, step, to, every } = piece;
  const [top, left] = [row, column].map((at, side) => first[side] + ((at - to[side]) / every[side]) * step[side]);
  return { piece, top, left, bottom: top + piece.height, right: left + piece.width };
}

/**
 * One number that a layer with weights gives, as the sum that it is: bias and products, those of inputs that exist.
 * @param {Built} layer
 * @param {FeatureMap} input
 * @param {number} row
 * @param {number} column
 * @param {number} channel
 */
export function summands(layer, input, row, column, channel) {
  const { piece, top, left } = windowOf(layer, row, column);
  const span = piece.height * piece.width * input.channels;
  const lane = channel % BLOCK;
  const blocked = channel < layer.out - (layer.out % BLOCK);
  /** @type {{row: number, column: number, channel: number, value: number, weight: number, product: number}[]} */
  const terms = [];
  for (let k = 0; k < span; k++) {
    const [place, c] = [Math.floor(k / input.channels), k % input.channels];
    const [y, x] = [top + Math.floor(place / piece.width), left + (place % piece.width)];
    if (y < 0 || y >= input.height || x < 0 || x >= input.width) continue;
    const value = input.values[(y * input.width + x) * input.channels + c];
    const weight = piece.weights[blocked ? (channel - lane) * span + k * BLOCK + lane : channel * span + k]; // see `pack`
    terms.push({ row: y, column: x, channel: c, value, weight, product: value * weight });
  }
  const bias = layer.bias[channel];
  return { bias, terms, total: terms.reduce((sum, { product }) => sum + product, bias) };
}
