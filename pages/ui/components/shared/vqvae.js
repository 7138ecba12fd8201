// The model in the browser: load, encode, quantise, decode. No DOM, so that it runs in a page, in a worker
// and in Node. Van den Oord et al. 2017, eq. 1-3: z_e = encoder(x), each vector swapped for its nearest code,
// x̂ = decoder(z_q).
//
// Feature maps are {height, width, channels, values}, channels last: values[(row * width + column) * channels + c].
// Every layer with weights is a list of small correlations, whose windows lie contiguous in such a map: a convolution
// is one, a transposed convolution of stride s is s x s of them, one for each parity of the output's row and column
// (Dumoulin and Visin 2016, "A guide to convolution arithmetic", section 4).
//
// A stroke changes a few pixels, and each layer sees few of them at once. So a pass takes the maps of an earlier one and
// computes only what the change reaches, in the same order of additions: the outcome is the same to the last bit.

import { floatsOf, inTurn } from "./wire.js";

/**
 * @typedef {{height: number, width: number}} Size
 * @typedef {Size & {channels: number}} Image
 * @typedef {Image & {values: Float64Array}} FeatureMap  (height, width, channels)
 * @typedef {{kind: "relu" | "silu" | "tanh" | "bound" | "add" | "conv" | "conv_transpose", in: number, out: number,
 *   kernel: number[], stride: number[], padding: number[], output_padding: number[], shift: number[], scale: number[],
 *   offset: number[], by: number, back: number}} Layer  as Python describes it; a relu has its kind alone, a bound
 *   shift, scale and offset, a tanh may have what it is multiplied by. `back` says how many layers before the last map
 *   that one stands which an add adds, or a convolution beside others takes: 0 where it is not said
 * @typedef {Size & {first: number[], step: number[], to: number[], every: number[], weights: Float64Array}} Piece
 * @typedef {Layer & {bias: Float64Array, pieces: Piece[]}} Built  those without weights have no pieces
 * @typedef {Image & {fingerprint: string, noun: import("./noun.js").Noun, offset: number, variance: number, K: number,
 *   D: number, encoder: Layer[], decoder: Layer[], weights: string | Float32Array}} Description  what Python's `describe`
 *   sends, or `fetched.js` finds
 * @typedef {{image: Image, grid: Size, cell: Size, offset: number, variance: number, K: number, D: number,
 *   encoder: Built[], decoder: Built[], codebook: Float64Array, tiles: Map<number, Uint8ClampedArray>}} Network
 * @typedef {{latents: FeatureMap, codes: Int32Array, distances: Float64Array, pixels: Float64Array}} Reconstructed
 * @typedef {{top: number, bottom: number, left: number, right: number}} Box  [top, bottom) x [left, right)
 * @typedef {(count: number) => Float32Array} Take  the next weights
 * @typedef {(o: number, i: number, y: number, x: number) => number} WeightAt
 */

const BLOCK = 4; // output channels summed side by side, each in a register

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
 * The pixels that a cell sees: its receptive field, clipped at the border.
 * @param {Network} network
 * @param {number} row
 * @param {number} column
 */
export function receptiveField({ encoder, image }, row, column) {
  return seen(encoder, image, row, column);
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

/**
 * [0, 1] -> bytes, clamped and rounded.
 * @param {ArrayLike<number>} values
 */
export function toBytes(values) {
  return Uint8ClampedArray.from(values, (value) => value * 255); // this array clamps and rounds by itself
}

/**
 * Bytes -> [0, 1].
 * @param {ArrayLike<number>} bytes
 */
export function fromBytes(bytes) {
  return Float64Array.from(bytes, (value) => value / 255);
}

/**
 * A picture in another size and number of channels: each new pixel is the mean of the area it covers. One channel
 * becomes three alike; three become their mean.
 * @param {ArrayLike<number>} bytes
 * @param {Image} from
 * @param {Image} to
 */
export function resample(bytes, from, to) {
  const overlaps = (/** @type {number} */ source, /** @type {number} */ target) =>
    Array.from({ length: target }, (_, i) => {
      const [start, end] = [(i * source) / target, ((i + 1) * source) / target];
      const first = Math.floor(start);
      return Array.from({ length: Math.min(Math.ceil(end - 1e-9), source) - first }, (_, n) => ({
        at: first + n,
        share: (Math.min(first + n + 1, end) - Math.max(first + n, start)) / (end - start),
      }));
    });
  const [rows, columns] = [overlaps(from.height, to.height), overlaps(from.width, to.width)];
  const result = new Uint8ClampedArray(to.height * to.width * to.channels);
  const sum = new Float64Array(from.channels);
  for (let y = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++) {
      sum.fill(0);
      for (const row of rows[y]) {
        for (const column of columns[x]) {
          const start = (row.at * from.width + column.at) * from.channels;
          for (let c = 0; c < from.channels; c++) sum[c] += row.share * column.share * bytes[start + c];
        }
      }
      const mean = sum.reduce((total, value) => total + value) / from.channels;
      for (let c = 0; c < to.channels; c++) {
        result[(y * to.width + x) * to.channels + c] = from.channels === to.channels ? sum[c] : mean;
      }
    }
  }
  return result;
}

/**
 * A layer of the description with its weights, taken in torch's order, packed for `correlate`.
 * @param {Layer} layer
 * @param {Take} take
 * @returns {Built}
 */
export function build(layer, take) {
  if (POINTWISE[layer.kind]) return { ...layer, bias: new Float64Array(), pieces: [] };
  const { kind, kernel, stride, padding } = layer;
  const [height, width] = kernel;
  const weights = take(layer.in * layer.out * height * width);
  const bias = Float64Array.from(take(layer.out));
  if (kind === "conv") {
    const at = (o, i, y, x) => weights[((o * layer.in + i) * height + y) * width + x];
    const piece = { height, width, first: padding.map((p) => -p), step: stride, to: [0, 0], every: [1, 1] };
    return { ...layer, bias, pieces: [{ ...piece, weights: pack(layer, height, width, at) }] };
  }
  if (kind !== "conv_transpose")
    throw new Error(`expected one of conv, conv_transpose, ${Object.keys(POINTWISE).join(", ")}, got ${kind}`);
  const pieces = [];
  for (let row = 0; row < stride[0]; row++) {
    for (let column = 0; column < stride[1]; column++) {
      // The taps of the kernel that reach outputs of this parity, turned round so that they meet inputs in order.
      const taps = [row, column].map((parity, side) =>
        Array.from({ length: kernel[side] }, (_, k) => k)
          .filter((k) => (parity + padding[side] - k) % stride[side] === 0)
          .reverse(),
      );
      const [ys, xs] = taps;
      const at = (o, i, y, x) => weights[((i * layer.out + o) * height + ys[y]) * width + xs[x]];
      pieces.push({
        height: ys.length,
        width: xs.length,
        first: [row, column].map((parity, side) =>
          taps[side].length ? (parity + padding[side] - taps[side][0]) / stride[side] : 0,
        ),
        step: [1, 1],
        to: [row, column],
        every: stride,
        weights: pack(layer, ys.length, xs.length, at),
      });
    }
  }
  return { ...layer, bias, pieces };
}

/**
 * Weights in the order in which `correlate` reads them: BLOCK outputs side by side, then those left over singly.
 * @param {Layer} layer
 * @param {number} height
 * @param {number} width
 * @param {WeightAt} at
 */
function pack(layer, height, width, at) {
  const packed = new Float64Array(layer.out * height * width * layer.in);
  const blocked = layer.out - (layer.out % BLOCK);
  let next = 0;
  for (let o = 0; o < layer.out; o += o < blocked ? BLOCK : 1) {
    const lanes = o < blocked ? BLOCK : 1;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let i = 0; i < layer.in; i++) {
          for (let lane = 0; lane < lanes; lane++) packed[next++] = at(o + lane, i, y, x);
        }
      }
    }
  }
  return packed;
}

/**
 * The sizes of an input and of the feature map after each layer.
 * @param {Layer[]} layers
 * @param {Image} input
 */
function sizesOf(layers, input) {
  const sizes = [{ height: input.height, width: input.width, channels: input.channels }];
  layers.forEach((layer, n) => {
    sizes.push(outputSize(sizes[layer.kernel ? sourceOf(layer, n) : n], layer));
  });
  return sizes;
}

/**
 * Which map the n-th layer takes, or adds to the last one.
 * @param {Layer} layer
 * @param {number} n
 */
function sourceOf({ back }, n) {
  return n - (back ?? 0);
}

/**
 * The size a feature map has after a layer.
 * @param {Image} image
 * @param {Layer} layer
 * @returns {Image}
 */
function outputSize({ height, width, channels }, layer) {
  if (POINTWISE[layer.kind]) return { height, width, channels };
  const [h, w] = [height, width].map((size, side) => {
    const [kernel, stride, padding] = [layer.kernel[side], layer.stride[side], layer.padding[side]];
    return layer.kind === "conv"
      ? Math.floor((size + 2 * padding - kernel) / stride) + 1
      : (size - 1) * stride - 2 * padding + kernel + layer.output_padding[side];
  });
  return { height: h, width: w, channels: layer.out };
}

/**
 * `input` and the feature map after each layer; where `before` holds the maps of another input, out of these.
 * @param {Built[]} layers
 * @param {FeatureMap} input
 * @param {FeatureMap[]} [before]
 */
export function forward(layers, input, before) {
  const changed = before ? difference(before[0], input) : EVERYTHING;
  if (!changed) return before;
  const [maps, boxes] = [[input], [changed]]; // of each map, where it has changed
  layers.forEach((layer, n) => {
    const from = sourceOf(layer, n);
    const pointwise = POINTWISE[layer.kind];
    const size = outputSize(maps[pointwise ? n : from], layer);
    const values = before ? before[n + 1].values.slice() : new Float64Array(size.height * size.width * size.channels);
    const output = { ...size, values };
    const reached = pointwise
      ? each(pointwise(layer), maps[n], maps[from], output, around(boxes[from], boxes[n]))
      : convolve(layer, maps[from], output, boxes[from]);
    boxes.push(before ? reached : EVERYTHING); // there are places that see nothing, and hold the bias alone
    maps.push(output);
  });
  return maps;
}

const EVERYTHING = { top: -Infinity, bottom: Infinity, left: -Infinity, right: Infinity };

/**
 * The smallest box around all places where two maps differ; undefined where none does.
 * @param {FeatureMap} one
 * @param {FeatureMap} other
 */
function difference(one, other) {
  const { width, channels, values } = one;
  let box;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === other.values[i]) continue;
    const [row, column] = [Math.floor(i / channels / width), Math.floor(i / channels) % width];
    box = around(box, { top: row, bottom: row + 1, left: column, right: column + 1 });
  }
  return box;
}

/**
 * The smallest box around two, of which the first may be undefined.
 * @param {Box | undefined} box
 * @param {Box} other
 * @returns {Box}
 */
function around(box, other) {
  if (!box) return other;
  return {
    top: Math.min(box.top, other.top),
    bottom: Math.max(box.bottom, other.bottom),
    left: Math.min(box.left, other.left),
    right: Math.max(box.right, other.right),
  };
}

// Layers that take each number by itself: what they make of one in channel c. "bound" keeps it within its levels' range
// (Mentzer et al. 2023, "Finite Scalar Quantization", appendix A).
// "add" adds what an earlier layer made of the same place (He et al. 2016, "Deep Residual Learning").
/** @type {Record<string, (layer: Layer) => (value: number, c: number, earlier: number) => number>} */
const POINTWISE = {
  relu: () => (value) => Math.max(0, value),
  silu: () => (value) => value / (1 + Math.exp(-value)),
  tanh:
    ({ by = 1 }) =>
    (value) =>
      Math.tanh(value) * by,
  add: () => (value, _, earlier) => value + earlier,
  bound:
    ({ shift, scale, offset }) =>
    (value, c) =>
      Math.tanh(value + shift[c]) * scale[c] - offset[c],
};

/**
 * A function of each number that has changed; returns where.
 * @param {(value: number, c: number, earlier: number) => number} apply
 * @param {FeatureMap} input
 * @param {FeatureMap} earlier
 * @param {FeatureMap} output
 * @param {Box} changed
 */
function each(apply, input, earlier, output, changed) {
  const { width, height, channels } = output;
  const [left, right] = [Math.max(0, changed.left), Math.min(width, changed.right)];
  for (let row = Math.max(0, changed.top); row < Math.min(height, changed.bottom); row++) {
    const end = (row * width + right) * channels;
    for (let i = (row * width + left) * channels; i < end; i += channels) {
      for (let c = 0; c < channels; c++) output.values[i + c] = apply(input.values[i + c], c, earlier.values[i + c]);
    }
  }
  return changed;
}

/**
 * A layer with weights, at all places that see something of what has changed; returns where these lie.
 * @param {Built} layer
 * @param {FeatureMap} input
 * @param {FeatureMap} output
 * @param {Box} changed
 */
function convolve({ pieces, bias }, input, output, changed) {
  let reached = { top: Infinity, bottom: -Infinity, left: Infinity, right: -Infinity };
  for (const piece of pieces) {
    const { height, width, first, step, to, every } = piece;
    const all = [output.height, output.width].map((size, side) => Math.ceil((size - to[side]) / every[side]));
    const sees = (side, size, low, high) => [
      Math.max(0, Math.ceil((low - first[side] - size + 1) / step[side])),
      Math.min(all[side], Math.floor((high - 1 - first[side]) / step[side]) + 1),
    ];
    const [rows, columns] = [sees(0, height, changed.top, changed.bottom), sees(1, width, changed.left, changed.right)];
    if (rows[0] >= rows[1] || columns[0] >= columns[1]) continue;
    correlate(piece, bias, pad(piece, input, all), output, rows, columns);
    reached = around(reached, {
      top: to[0] + rows[0] * every[0],
      bottom: to[0] + (rows[1] - 1) * every[0] + 1,
      left: to[1] + columns[0] * every[1],
      right: to[1] + (columns[1] - 1) * every[1] + 1,
    });
  }
  return reached;
}

/**
 * Slide one small window over rows and columns [from, to) and write the outputs it is for; the innermost loops.
 * @param {Piece} piece
 * @param {Float64Array} bias
 * @param {{width: number, channels: number, values: Float64Array}} padded
 * @param {FeatureMap} output
 * @param {number[]} rows
 * @param {number[]} columns
 */
function correlate(piece, bias, padded, output, rows, columns) {
  const { weights, height, width, step, to, every } = piece;
  const C = padded.channels;
  const O = output.channels;
  const [x, y] = [padded.values, output.values];
  const run = width * C; // one row of the window, contiguous in the input
  const span = height * run; // the whole window: weights of one output channel
  const line = padded.width * C;
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column += 2) {
      // Two neighbours at a time, for weights once loaded; at an odd end the last one is its own neighbour.
      const second = Math.min(column + 1, columns[1] - 1);
      const ahead = (second - column) * step[1] * C;
      const start = row * step[0] * line + column * step[1] * C;
      const target = (to[0] + row * every[0]) * output.width + to[1];
      const first = (target + column * every[1]) * O;
      const next = (target + second * every[1]) * O;
      let o = 0;
      for (let w = 0; o + BLOCK <= O; o += BLOCK) {
        let a0 = bias[o];
        let a1 = bias[o + 1];
        let a2 = bias[o + 2];
        let a3 = bias[o + 3];
        let b0 = a0;
        let b1 = a1;
        let b2 = a2;
        let b3 = a3;
        for (let k = 0; k < height; k++) {
          let i = start + k * line;
          for (const end = i + run; i < end; i++, w += BLOCK) {
            const a = x[i];
            const b = x[i + ahead];
            if (a === 0 && b === 0) continue; // after a ReLU every other number, and wherever there is no ink
            a0 += a * weights[w];
            a1 += a * weights[w + 1];
            a2 += a * weights[w + 2];
            a3 += a * weights[w + 3];
            b0 += b * weights[w];
            b1 += b * weights[w + 1];
            b2 += b * weights[w + 2];
            b3 += b * weights[w + 3];
          }
        }
        y[first + o] = a0;
        y[first + o + 1] = a1;
        y[first + o + 2] = a2;
        y[first + o + 3] = a3;
        y[next + o] = b0;
        y[next + o + 1] = b1;
        y[next + o + 2] = b2;
        y[next + o + 3] = b3;
      }
      for (; o < O; o++) {
        let a = bias[o];
        let b = a;
        for (let k = 0, w = o * span; k < height; k++) {
          let i = start + k * line;
          for (const end = i + run; i < end; i++, w++) {
            a += x[i] * weights[w];
            b += x[i + ahead] * weights[w];
          }
        }
        y[first + o] = a;
        y[next + o] = b;
      }
    }
  }
}

/**
 * The part of a feature map that a piece slides over, zeros where that lies beyond the borders.
 * @param {Piece} piece
 * @param {FeatureMap} input
 * @param {number[]} steps  of the window, down and across
 */
function pad({ height, width, first: [top, left], step }, input, [rows, columns]) {
  const C = input.channels;
  const size = { height: (rows - 1) * step[0] + height, width: (columns - 1) * step[1] + width };
  const values = new Float64Array(size.height * size.width * C);
  const [from, to] = [Math.max(0, left), Math.min(input.width, left + size.width)];
  for (let row = Math.max(0, top); from < to && row < Math.min(input.height, top + size.height); row++) {
    const line = input.values.subarray((row * input.width + from) * C, (row * input.width + to) * C);
    values.set(line, ((row - top) * size.width + from - left) * C);
  }
  return { width: size.width, channels: C, values };
}
