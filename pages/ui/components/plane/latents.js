// What lies in the plane: the vectors of a drawing, and the view's own copy of the codebook, whose codes may be moved.
// No DOM. A model of D = 2 is drawn as it is; of others the two leading components of latents (PCA), a projection.

import { fromBytes } from "../shared/bytes.js";
import { decode, encode, load, lookup, quantise, score, tile } from "../shared/vqvae.js";

/**
 * @typedef {import("../shared/layers.js").FeatureMap} FeatureMap
 * @typedef {import("./voronoi.js").Point} Point
 * @typedef {{matrix: number[][], mean: number[]}} Projection  (2, D), rows at right angles and of length 1; (D)
 * @typedef {{codes: Int32Array, before: Int32Array, changed: number[], pixels: Float64Array, nmse: number,
 *   points: Point[]}} Seen  codes by the moved codebook and by the shipped one, the cells where they differ, the picture
 *   from the former, and where the drawing's vectors lie
 */

export class Latents {
  /**
   * @param {import("../shared/vqvae.js").Description} description
   * @param {Projection} projection
   */
  constructor(description, projection) {
    this.network = load(description);
    this.shipped = this.network.codebook.slice(); // (K, D)
    this.projection = projection;
    this.moved = new Set();
  }

  /** Where each code lies. */
  get sites() {
    return this.place(this.network.codebook);
  }

  /**
   * Vectors of D numbers, one after another, as points.
   * @param {Float64Array} vectors
   */
  place(vectors) {
    const { matrix, mean } = this.projection;
    const D = mean.length;
    return Array.from(
      { length: vectors.length / D },
      (_, n) =>
        /** @type {Point} */ (
          matrix.map((axis) => axis.reduce((sum, a, d) => sum + a * (vectors[n * D + d] - mean[d]), 0))
        ),
    );
  }

  /**
   * The vector at a point of the plane.
   * @param {Point} point
   */
  vector(point) {
    const { matrix, mean } = this.projection;
    return Float64Array.from(mean, (value, d) => value + point[0] * matrix[0][d] + point[1] * matrix[1][d]);
  }

  /**
   * Move a code along the plane, to a point of it.
   * @param {number} code
   * @param {Point} point
   */
  move(code, point) {
    const { codebook, D, tiles } = this.network;
    const own = codebook.subarray(code * D, (code + 1) * D);
    const [from] = this.place(own);
    const { matrix } = this.projection;
    for (let d = 0; d < D; d++) {
      own[d] += (point[0] - from[0]) * matrix[0][d] + (point[1] - from[1]) * matrix[1][d];
    }
    this.moved.add(code);
    tiles.delete(code);
  }

  /** Put all codes back where they were learned. */
  reset() {
    this.network.codebook.set(this.shipped);
    for (const code of this.moved) this.network.tiles.delete(code);
    this.moved.clear();
  }

  /**
   * Look at a drawing: bytes (height, width, channels). Its latents, where the same model has computed them already,
   * need not be computed again.
   * @param {Uint8ClampedArray} bytes
   * @param {FeatureMap} [latents]
   */
  look(bytes, latents) {
    this.pixels = fromBytes(bytes);
    if (!latents) this.there = encode(this.network, this.pixels, this.there);
    this.latents = latents ?? this.there.at(-1);
  }

  /**
   * What the moved codebook makes of the drawing.
   * @returns {Seen | undefined}
   */
  see() {
    const { network, latents } = this;
    if (!latents) return undefined;
    const { codes } = quantise(network, latents);
    const before = this.moved.size ? quantise({ ...network, codebook: this.shipped }, latents).codes : codes;
    this.back = decode(network, lookup(network, codes), this.back);
    const pixels = this.back.at(-1).values;
    return {
      codes,
      before,
      changed: [...codes.keys()].filter((cell) => codes[cell] !== before[cell]),
      pixels,
      nmse: score(network, this.pixels, pixels).nmse,
      points: this.place(latents.values),
    };
  }

  /**
   * What the decoder draws at a point: the middle of a 3 x 3 grid of that very vector; and the code nearest to it, with
   * its squared distance.
   * @param {Point} point
   */
  at(point) {
    const { network } = this;
    const vector = this.vector(point);
    const one = { height: 1, width: 1, channels: network.D, values: vector };
    const { codes, distances } = quantise(network, one);
    const drawn = tile({ ...network, codebook: vector, tiles: new Map() }, 0);
    return { drawn, code: codes[0], distance: distances[codes[0]], tile: tile(network, codes[0]) };
  }

  /**
   * What a code draws, by itself.
   * @param {number} code
   */
  tile(code) {
    return tile(this.network, code);
  }

  /**
   * For how many cells the code that lies nearest in the plane is not the nearest one.
   * @param {Seen} seen
   */
  deceived({ codes, points }) {
    const { sites } = this;
    return points.filter(([x, y], cell) => {
      const gaps = sites.map((site) => (site[0] - x) ** 2 + (site[1] - y) ** 2);
      return gaps[codes[cell]] > Math.min(...gaps);
    }).length;
  }
}
