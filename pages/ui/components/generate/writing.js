// A grid as it is written: step by step, by chance or by hand. No DOM. What was written can be wound back and forth; a
// hand that writes in the middle makes all that followed another story, and so it is dropped.

import { drawn, nextCells } from "../shared/prior.js";

/**
 * @typedef {import("../shared/prior.js").Settings & {label: number, source: "prior" | "uniform"}} Settings
 *   source: who says how likely a code is; label: the class, or as many as there are for any
 * @typedef {{cell: number, code: number, probability: number, byHand: boolean}} Written  probability: at temperature 1
 * @typedef {{K: number, cells: number}} Sizes
 */

export class Writing {
  /**
   * @param {Sizes} sizes
   * @param {(codes: Int32Array, label: number) => Promise<Float64Array>} weigh  the prior's probabilities (cells, K)
   * @param {Settings} settings
   * @param {[number, number, number][]} hand  what a hand wrote: step, cell, code
   */
  constructor(sizes, weigh, settings, hand = []) {
    this.sizes = sizes;
    this.weigh = weigh;
    this.settings = settings;
    this.byHand = new Map(hand.map(([step, cell, code]) => [step, { cell, code }]));
    /** @type {Written[][]} */
    this.steps = [];
    this.at = 0;
    /** @type {Map<number, Float64Array>} */
    this.known = new Map(); // probabilities, by the number of steps before them
  }

  /** What a hand wrote, for a link. */
  get hand() {
    return [...this.byHand].map(([step, { cell, code }]) => [step, cell, code]).sort((a, b) => a[0] - b[0]);
  }

  /** The grid at this place, K where nothing is written. */
  get codes() {
    const codes = new Int32Array(this.sizes.cells).fill(this.sizes.K);
    for (const { cell, code } of this.steps.slice(0, this.at).flat()) codes[cell] = code;
    return codes;
  }

  get whole() {
    return !this.codes.includes(this.sizes.K);
  }

  /** Bits that the codes so far took: the sum of -log2 p. */
  get bits() {
    const written = this.steps.slice(0, this.at).flat();
    return written.reduce((sum, { probability }) => sum - Math.log2(probability), 0);
  }

  /** What was written last. */
  get last() {
    return this.at ? this.steps[this.at - 1] : [];
  }

  /** How likely each code is in each cell, at this place: (cells, K). */
  async look() {
    const { at, settings, sizes } = this;
    if (!this.known.has(at)) {
      const uniform = () => new Float64Array(sizes.cells * sizes.K).fill(1 / sizes.K);
      this.known.set(at, settings.source === "uniform" ? uniform() : await this.weigh(this.codes, settings.label));
    }
    return this.known.get(at);
  }

  /** The cells that come next, given what `look` gave. */
  next(found) {
    return nextCells(this.sizes, found, this.codes, this.settings);
  }

  /** One step on, a known one or a new one; whether there was one. */
  async forward() {
    if (this.at < this.steps.length) {
      this.at++;
      return true;
    }
    const found = await this.look();
    const given = this.byHand.get(this.at);
    if (given && this.codes[given.cell] === this.sizes.K) {
      this.steps.push([this.written(found, given.cell, given.code, true)]);
    } else {
      const cells = this.next(found);
      if (!cells.length) return false;
      this.steps.push(
        cells.map((cell) => this.written(found, cell, drawn(this.sizes, found, cell, this.settings), false)),
      );
    }
    this.at++;
    return true;
  }

  back() {
    this.at = Math.max(0, this.at - 1);
  }

  /** Write a code, or what chance gives, into a hidden cell; what followed is dropped. */
  async take(cell, code) {
    if (this.codes[cell] !== this.sizes.K) return;
    const found = await this.look();
    this.steps.length = this.at;
    for (const step of this.byHand.keys()) if (step >= this.at) this.byHand.delete(step);
    for (const step of this.known.keys()) if (step > this.at) this.known.delete(step);
    const own = code ?? drawn(this.sizes, found, cell, this.settings);
    this.byHand.set(this.at, { cell, code: own });
    this.steps.push([this.written(found, cell, own, true)]);
    this.at++;
  }

  /** @returns {Written} */
  written(found, cell, code, byHand) {
    return { cell, code, probability: found[cell * this.sizes.K + code], byHand };
  }
}
