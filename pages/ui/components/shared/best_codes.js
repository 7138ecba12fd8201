// The codes that draw a picture best, in place of the nearest ones: found one cell after another, each the best while all
// others stay, until no cell has a better one (coordinate descent on the squared error). As `vqvae/analysis/best_codes.py`,
// and in the same order. No DOM.

import { reach } from "./fields.js";
import { decode, lookup } from "./vqvae.js";

const CLOSE = 1e-9; // of squared error: what is no more than rounding is no gain

/** @typedef {{down: number, across: number}} Reach  in cells, to each side */

/**
 * Better codes than these, [cell, code] as each is found; what is given back at the end are all codes.
 * @param {import("./vqvae.js").Network} network
 * @param {ArrayLike<number>} pixels  (height, width, channels) in [0, 1]
 * @param {Int32Array} codes  (height, width)
 * @returns {Generator<[number, number], Int32Array>}
 */
export function* improve(network, pixels, codes) {
  const { grid } = network;
  const far = reachOf(network);
  const now = codes.slice();
  const due = new Uint8Array(now.length).fill(1); // cells with something new around them since they were tried
  while (due.some((one) => one)) {
    for (let cell = 0; cell < now.length; cell++) {
      if (!due[cell]) continue;
      due[cell] = 0;
      const code = bestCode(network, pixels, now, cell, far);
      if (code === now[cell]) continue;
      now[cell] = code;
      const { top, bottom, left, right } = around(cell, twice(far), grid);
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) due[row * grid.width + column] = 1;
      }
      due[cell] = 0;
      yield [cell, code];
    }
  }
  return now;
}

/**
 * The code of one cell that draws the picture best while all others stay; that which is there, unless one is better.
 * @param {import("./vqvae.js").Network} network
 * @param {ArrayLike<number>} pixels
 * @param {Int32Array} codes
 * @param {number} at  the cell
 * @param {Reach} far
 */
function bestCode(network, pixels, codes, at, far) {
  const { grid, K } = network;
  // What a code's ink reaches depends on the codes that reach there too, and on no others.
  const seen = around(at, twice(far), grid);
  const size = { height: seen.bottom - seen.top, width: seen.right - seen.left };
  const tried = Int32Array.from({ length: size.height * size.width }, (_, n) => {
    const [row, column] = [seen.top + Math.floor(n / size.width), seen.left + (n % size.width)];
    return codes[row * grid.width + column];
  });
  const here = (Math.floor(at / grid.width) - seen.top) * size.width + (at % grid.width) - seen.left;
  const maps = decode(network, lookup(network, tried, size));
  const inked = around(at, far, grid);
  let best = codes[at];
  let least = error(network, pixels, maps.at(-1), inked, seen) - CLOSE;
  for (let code = 0; code < K; code++) {
    if (code === codes[at]) continue;
    tried[here] = code;
    const found = error(network, pixels, decode(network, lookup(network, tried, size), maps).at(-1), inked, seen);
    if (found < least) [best, least] = [code, found];
  }
  return best;
}

/**
 * The squared error in some cells, drawn as a part of the picture that begins with other ones.
 * @param {import("./vqvae.js").Network} network
 * @param {ArrayLike<number>} pixels  of the whole picture
 * @param {import("./layers.js").FeatureMap} drawn  the part
 * @param {import("./layers.js").Box} cells  where to measure
 * @param {import("./layers.js").Box} part  the cells that are drawn
 */
function error({ cell, image: { width, channels } }, pixels, drawn, cells, part) {
  let sum = 0;
  for (let row = cells.top * cell.height; row < cells.bottom * cell.height; row++) {
    const other = ((row - part.top * cell.height) * drawn.width - part.left * cell.width) * channels;
    const end = cells.right * cell.width * channels;
    for (let i = cells.left * cell.width * channels; i < end; i++) {
      sum += (pixels[row * width * channels + i] - drawn.values[other + i]) ** 2;
    }
  }
  return sum;
}

/**
 * How far a code's ink reaches: as far from its cell as a pixel's codes lie from the cell that the pixel is in.
 * @param {import("./vqvae.js").Network} network
 * @returns {Reach}
 */
function reachOf(network) {
  const { grid, cell } = network;
  let [down, across] = [0, 0];
  for (let row = 0; row < grid.height; row++) {
    for (const y of [row * cell.height, (row + 1) * cell.height - 1]) {
      const { top, bottom } = reach(network, y, 0);
      down = Math.max(down, row - top, bottom - 1 - row);
    }
  }
  for (let column = 0; column < grid.width; column++) {
    for (const x of [column * cell.width, (column + 1) * cell.width - 1]) {
      const { left, right } = reach(network, 0, x);
      across = Math.max(across, column - left, right - 1 - column);
    }
  }
  return { down, across };
}

/**
 * @param {Reach} far
 * @returns {Reach}
 */
const twice = ({ down, across }) => ({ down: 2 * down, across: 2 * across });

/**
 * The cells around one, clipped at the border.
 * @param {number} cell
 * @param {Reach} far
 * @param {import("./layers.js").Size} grid
 * @returns {import("./layers.js").Box}
 */
function around(cell, { down, across }, { height, width }) {
  const [row, column] = [Math.floor(cell / width), cell % width];
  return {
    top: Math.max(0, row - down),
    bottom: Math.min(height, row + down + 1),
    left: Math.max(0, column - across),
    right: Math.min(width, column + across + 1),
  };
}
