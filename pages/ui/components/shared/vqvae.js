// The model in the browser: load, encode, quantise, decode. No DOM, so that it runs in a page, in a worker
// and in Node. Van den Oord et al. 2017, eq. 1-3: z_e = encoder(x), each vector swapped for its nearest code,
// x̂ = decoder(z_q).

import { toBytes } from "./bytes.js";
import { build, forward, sizesOf } from "./layers.js";
import { floatsOf, inTurn } from "./wire.js";

/**
 * @typedef {import("./layers.js").Size} Size
 * @typedef {import("./layers.js").Image} Image
 * @typedef {import("./layers.js").FeatureMap} FeatureMap
 * @typedef {import("./layers.js").Layer} Layer
 * @typedef {import("./layers.js").Built} Built
 * @typedef {Image & {fingerprint: string, noun: import("./noun.js").Noun, offset: number, variance: number, K: number,
 *   D: number, encoder: Layer[], decoder: Layer[], weights: string | Float32Array}} Description  what Python's `describe`
 *   sends, or `fetched.js` finds
 * @typedef {{image: Image, grid: Size, cell: Size, offset: number, variance: number, K: number, D: number,
 *   encoder: Built[], decoder: Built[], codebook: Float64Array, tiles: Map<number, Uint8ClampedArray>}} Network
 * @typedef {{latents: FeatureMap, codes: Int32Array, distances: Float64Array, pixels: Float64Array}} Reconstructed
 */

/**
 * Build a network; throws where the weights do not fit the layers.
 * @param {Description} description
 * @returns {Network}
 */
export function load({ channels, height, width, offset, variance, K, D, encoder, decoder, weights }) {
  const { take, end } = inTurn(typeof weights === "string" ? floatsOf(weights) : weights);
  const network = {
    image: { height, width, channels },
    offset,
    variance,
    K,
    D,
    encoder: encoder.map((layer) => build(layer, take)),
    decoder: decoder.map((layer) => build(layer, take)),
    codebook: Float64Array.from(take(K * D)), // (K, D)
    tiles: new Map(),
    grid: { height: 0, width: 0 },
    cell: { height: 0, width: 0 },
  };
  end();
  const grid = sizesOf(network.encoder, network.image).at(-1);
  const cell = sizesOf(network.decoder, { height: 3 * grid.height, width: 3 * grid.width, channels: D }).at(-1);
  network.grid = { height: grid.height, width: grid.width };
  network.cell = { height: Math.round(cell.height / grid.height / 3), width: Math.round(cell.width / grid.width / 3) };
  return network;
}

/**
 * Whole bits that one code takes: 7 for K = 128.
 * @param {number} K
 */
export function bitsPerCode(K) {
  return K > 1 ? 32 - Math.clz32(K - 1) : 0;
}

/**
 * Pixels in [0, 1] (height, width, channels) -> the encoder's input and the feature map after each layer; the last one
 * is z_e. `before` is what an earlier call gave, for its speed alone.
 * @param {Network} network
 * @param {ArrayLike<number>} pixels
 * @param {FeatureMap[]} [before]
 */
export function encode(network, pixels, before) {
  const { offset, image } = network;
  return forward(network.encoder, { ...image, values: Float64Array.from(pixels, (value) => value - offset) }, before);
}

/**
 * z_e -> {codes (height, width), distances (height, width, K)}: squared, Euclidean; the lowest index wins a tie.
 * @param {Network} network
 * @param {FeatureMap} latents
 */
export function quantise(network, latents) {
  const { K, D, codebook } = network;
  const cells = latents.height * latents.width;
  const z = latents.values;
  const codes = new Int32Array(cells);
  const distances = new Float64Array(cells * K);
  for (let cell = 0; cell < cells; cell++) {
    let nearest = Infinity;
    for (let code = 0, e = 0; code < K; code++) {
      let distance = 0;
      for (let d = cell * D, end = d + D; d < end; d++, e++) {
        const difference = z[d] - codebook[e];
        distance += difference * difference;
      }
      distances[cell * K + code] = distance;
      if (distance < nearest) {
        nearest = distance;
        codes[cell] = code;
      }
    }
  }
  return { codes, distances };
}

/**
 * Codes (height, width) -> z_q, the feature map of their vectors.
 * @param {Network} network
 * @param {Int32Array} codes
 * @param {Size} [size]
 * @returns {FeatureMap}
 */
export function lookup(network, codes, { height, width } = network.grid) {
  const { D, codebook } = network;
  const values = new Float64Array(height * width * D);
  for (let cell = 0; cell < codes.length; cell++) {
    values.set(codebook.subarray(codes[cell] * D, (codes[cell] + 1) * D), cell * D);
  }
  return { height, width, channels: D, values };
}

/**
 * Latents, quantised or not -> themselves, the feature map after each layer, and the image, not clamped to [0, 1].
 * `before` is what an earlier call gave, for its speed alone.
 * @param {Network} network
 * @param {FeatureMap} latents
 * @param {FeatureMap[]} [before]
 */
export function decode(network, latents, before) {
  const maps = forward(network.decoder, latents, before?.slice(0, -1));
  const image = maps.at(-1);
  return [...maps, { ...image, values: image.values.map((value) => value + network.offset) }];
}

/**
 * One whole pass: pixels in [0, 1] (height, width, channels) -> their latents, codes and picture.
 * @param {Network} network
 * @param {ArrayLike<number>} pixels
 * @returns {Reconstructed}
 */
export function reconstruct(network, pixels) {
  const latents = encode(network, pixels).at(-1);
  const { codes, distances } = quantise(network, latents);
  return { latents, codes, distances, pixels: draw(network, codes) };
}

/**
 * Codes (height, width) -> the decoder's pixels, not clamped to [0, 1].
 * @param {Network} network
 * @param {Int32Array} codes
 */
export function draw(network, codes) {
  return decode(network, lookup(network, codes)).at(-1).values;
}

/**
 * A function for passes of which some codes are overruled: (pixels, edits, deep) -> what `reconstruct` gives, with
 * `chosen`, the codes after the edits, `edited`, their picture, and where it is to go deep, `inside`. An edit of -1
 * leaves the encoder's choice. Where `pixels` is null they are as before, and are not encoded again.
 * @param {Network} network
 */
export function overruled(network) {
  /** @type {FeatureMap[] | undefined} */
  let there;
  /** @type {FeatureMap[] | undefined} */
  let back;
  /** @type {FeatureMap[] | undefined} */
  let drawn;
  /** @type {FeatureMap[] | undefined} */
  let smooth;
  /** @type {Reconstructed | undefined} */
  let pass;
  /**
   * @param {ArrayLike<number> | null} pixels  (height, width, channels) in [0, 1]; not null at first
   * @param {ArrayLike<number>} edits  (height, width)
   * @param {boolean} deep
   */
  return (pixels, edits, deep) => {
    if (pixels) {
      there = encode(network, pixels, there);
      const latents = there.at(-1);
      const { codes, distances } = quantise(network, latents);
      back = decode(network, lookup(network, codes), back);
      pass = { latents, codes, distances, pixels: back.at(-1).values };
    }
    if (!pass || !there || !back) throw new Error("expected pixels for the first pass");
    const { codes } = pass;
    const chosen = codes.map((code, cell) => (edits[cell] < 0 ? code : edits[cell]));
    const same = chosen.every((code, cell) => code === codes[cell]);
    drawn = same ? back : decode(network, lookup(network, chosen), drawn ?? back);
    if (deep) smooth = decode(network, there.at(-1), smooth);
    const within = deep ? inside(network, there, drawn, smooth.at(-1).values) : undefined;
    return { ...pass, chosen, edited: drawn.at(-1).values, inside: within };
  };
}

/**
 * What lies between, out of the maps of `encode` and `decode`: the feature map after each layer, there and back, and
 * the picture that the decoder draws from z_e itself, without quantising. {encoder: [{name, map}], decoder: [...],
 * continuous: pixels}.
 * @param {Network} network
 * @param {FeatureMap[]} there
 * @param {FeatureMap[]} back
 * @param {Float64Array} continuous
 */
function inside(network, there, back, continuous) {
  const named = (/** @type {Built[]} */ layers, /** @type {FeatureMap[]} */ maps) =>
    layers.map(({ kind }, n) => ({ name: kind.replace("_", " "), map: maps[n + 1] }));
  return { encoder: named(network.encoder, there), decoder: named(network.decoder, back), continuous };
}

/**
 * The codes nearest to a cell's z_e, nearest first, with their squared distances.
 * @param {Network} network
 * @param {Float64Array} distances  (height, width, K)
 * @param {number} cell
 * @param {number} count
 */
export function nearest(network, distances, cell, count) {
  const { K } = network;
  const order = Array.from({ length: K }, (_, code) => ({ code, distance: distances[cell * K + code] }));
  return order.sort((a, b) => a.distance - b.distance || a.code - b.code).slice(0, count);
}

/**
 * For every cell its quantisation error, the squared distance to its nearest code, and the margin to the next.
 * @param {Network} network
 * @param {Float64Array} distances  (height, width, K)
 */
export function certainty(network, distances) {
  const { K } = network;
  const cells = distances.length / K;
  const [error, margin] = [new Float64Array(cells), new Float64Array(cells)];
  for (let cell = 0; cell < cells; cell++) {
    let [first, second] = [Infinity, Infinity];
    for (let i = cell * K; i < (cell + 1) * K; i++) {
      if (distances[i] < first) [first, second] = [distances[i], first];
      else if (distances[i] < second) second = distances[i];
    }
    error[cell] = first;
    margin[cell] = second - first; // infinite where there is one code alone
  }
  return { error, margin };
}

/**
 * What a code draws: the centre cell of a decoded 3 x 3 grid of it, as bytes (cell height, cell width, channels).
 * @param {Network} network
 * @param {number} code
 * @returns {Uint8ClampedArray}
 */
export function tile(network, code) {
  if (!network.tiles.has(code)) {
    const picture = decode(network, lookup(network, new Int32Array(9).fill(code), { height: 3, width: 3 })).at(-1);
    const { height, width } = network.cell;
    const row = width * picture.channels;
    const bytes = new Uint8ClampedArray(height * row);
    for (let y = 0; y < height; y++) {
      const start = ((height + y) * picture.width + width) * picture.channels;
      bytes.set(toBytes(picture.values.subarray(start, start + row)), y * row);
    }
    network.tiles.set(code, bytes);
  }
  return network.tiles.get(code);
}

/**
 * How far a reconstruction is from its picture, both in [0, 1] and unclamped: {mse, nmse, psnr in decibels}.
 * @param {Network} network
 * @param {ArrayLike<number>} pixels
 * @param {ArrayLike<number>} reconstruction
 */
export function score(network, pixels, reconstruction) {
  let squares = 0;
  for (let i = 0; i < pixels.length; i++) squares += (pixels[i] - reconstruction[i]) ** 2;
  const mse = squares / pixels.length;
  return { mse, nmse: mse / network.variance, psnr: -10 * Math.log10(mse) };
}
