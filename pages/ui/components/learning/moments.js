// A recorded run of a D = 2 model, moment by moment: where its vectors, its codes and the means of these are. No DOM.

import { bytesOf, halvesOf } from "../shared/wire.js";

/**
 * @typedef {{title: string, words: string, latents: string, codebook: string, means: string, counts: string,
 *   ink_counts: string, nmse: number[]}} Recipe  as Python packs it: (F, N, 2), (F, K, 2), (F, K, 2) halves, and twice
 *   (F, K) 16-bit numbers
 * @typedef {{latents: Float32Array, codebook: Float32Array, means: Float32Array, counts: Uint16Array, nearest: number[],
 *   used: number, perplexity: number, inkPerplexity: number, nmse: number}} Moment
 */

export class Moments {
  /**
   * @param {Recipe} recipe
   * @param {number} K
   */
  constructor(recipe, K) {
    this.K = K;
    this.count = recipe.nmse.length;
    this.nmse = recipe.nmse;
    this.latents = halvesOf(recipe.latents);
    this.codebook = halvesOf(recipe.codebook);
    this.means = halvesOf(recipe.means);
    this.counts = new Uint16Array(bytesOf(recipe.counts).buffer);
    this.inkCounts = new Uint16Array(bytesOf(recipe.ink_counts).buffer);
  }

  /**
   * What is seen at a moment, or on the way from one to the next: positions in between, and figures of the earlier one.
   * @param {number} at
   * @returns {Moment}
   */
  at(at) {
    const first = Math.min(this.count - 1, Math.floor(at));
    const share = Math.min(this.count - 1, at) - first;
    const between = (/** @type {Float32Array} */ all) => {
      const size = all.length / this.count;
      const [here, next] = [first, Math.min(this.count - 1, first + 1)].map((n) =>
        all.subarray(n * size, (n + 1) * size),
      );
      return here.map((value, i) => value + share * (next[i] - value));
    };
    const [latents, codebook, means] = [this.latents, this.codebook, this.means].map(between);
    const [counts, inkCounts] = [this.counts, this.inkCounts].map((all) =>
      all.subarray(first * this.K, (first + 1) * this.K),
    );
    return {
      latents,
      codebook,
      means,
      counts,
      nearest: nearest(latents, codebook),
      used: counts.filter((count) => count > 0).length,
      perplexity: perplexity(counts),
      inkPerplexity: perplexity(inkCounts),
      nmse: this.nmse[first],
    };
  }

  /** The rectangle in which all of it takes place: [left, right, low, high]. */
  get extent() {
    const [xs, ys] = [0, 1].map((side) => [...this.latents, ...this.codebook].filter((_, i) => i % 2 === side));
    return [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  }
}

/** For each vector its nearest code; of several the first. */
function nearest(latents, codebook) {
  return Array.from({ length: latents.length / 2 }, (_, n) => {
    let [best, least] = [0, Infinity];
    for (let code = 0; code < codebook.length / 2; code++) {
      const distance = (latents[2 * n] - codebook[2 * code]) ** 2 + (latents[2 * n + 1] - codebook[2 * code + 1]) ** 2;
      if (distance < least) [best, least] = [code, distance];
    }
    return best;
  });
}

/** exp of the entropy of how often each code is used. */
export function perplexity(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let entropy = 0;
  for (const count of counts) if (count) entropy -= (count / total) * Math.log(count / total);
  return Math.exp(entropy);
}
