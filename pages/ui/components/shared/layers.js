// Layers with trained weights: convolutions, transposed ones, and functions of each number by itself. No DOM, so that
// they run in a page, in a worker and in Node.
//
// Feature maps are {height, width, channels, values}, channels last: values[(row * width + column) * channels + c].
// Every layer with weights is a list of small correlations, whose windows lie contiguous in such a map: a convolution
// is one, a transposed convolution of stride s is s x s of them, one for each parity of the output's row and column
// (Dumoulin and Visin 2016, "A guide to convolution arithmetic", section 4).
//
// A stroke changes a few pixels, and each layer sees few of them at once. So a pass takes the maps of an earlier one and
// computes only what the change reaches, in the same order of additions: the outcome is the same to the last bit.

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
 * @typedef {{top: number, bottom: number, left: number, right: number}} Box  [top, bottom) x [left, right)
 * @typedef {(count: number) => Float32Array} Take  the next weights
 * @typedef {(o: number, i: number, y: number, x: number) => number} WeightAt
 */

export const BLOCK = 4; // output channels summed side by side, each in a register

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
export function sizesOf(layers, input) {
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
export function sourceOf({ back }, n) {
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
export function around(box, other) {
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
