// A grid of codes: as text, and as one picture of its tiles. No DOM.

import { tile } from "./vqvae.js";

/**
 * A line for each row, numbers between spaces.
 * @param {Int32Array} codes  (height, width)
 * @param {number} width
 */
export function toText(codes, width) {
  const line = (/** @type {number} */ row) => codes.subarray(row * width, (row + 1) * width).join(" ");
  return Array.from({ length: codes.length / width }, (_, row) => line(row)).join("\n");
}

/**
 * The codes in a text of a line for each row, between spaces, commas or semicolons; undefined where it is no such grid.
 * @param {string} text
 * @param {{grid: {height: number, width: number}, K: number}} network
 */
export function fromText(text, { grid, K }) {
  const lines = text
    .trim()
    .split(/\s*\n\s*/)
    .map((line) => line.split(/[\s,;]+/));
  const fits = lines.length === grid.height && lines.every((line) => line.length === grid.width);
  const codes = lines.flat();
  if (!fits || !codes.every((code) => /^\d{1,6}$/.test(code) && Number(code) < K)) return undefined;
  return codes.map(Number);
}

/**
 * The tiles of a grid of codes, as the bytes of one picture of `mosaicSize`.
 * @param {import("./vqvae.js").Network} network
 * @param {Int32Array} codes  (height, width)
 */
export function mosaic(network, codes) {
  const { grid, cell, image } = network;
  const line = cell.width * image.channels;
  const bytes = new Uint8ClampedArray(codes.length * cell.height * line);
  codes.forEach((code, index) => {
    const picture = tile(network, code);
    const [row, column] = placeOf(index, grid);
    for (let y = 0; y < cell.height; y++) {
      const start = ((row * cell.height + y) * grid.width + column) * line;
      bytes.set(picture.subarray(y * line, (y + 1) * line), start);
    }
  });
  return bytes;
}

/** @param {import("./vqvae.js").Network} network */
export function mosaicSize({ grid, cell, image }) {
  return { height: grid.height * cell.height, width: grid.width * cell.width, channels: image.channels };
}

/**
 * Row and column of a cell, counted from 0.
 * @param {number} cell  in reading order
 * @param {{width: number}} grid
 */
export function placeOf(cell, { width }) {
  return [Math.floor(cell / width), cell % width];
}
