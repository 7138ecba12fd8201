// Pictures as bytes, and as numbers in [0, 1]: (height, width, channels).

/** @typedef {import("./layers.js").Image} Image */

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
