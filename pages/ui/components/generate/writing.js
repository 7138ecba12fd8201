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
    /** @type {Promise<unknown>} */
    this.moved = Promise.resolve(); // once all moves that were wished are made
    this.left = false;
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
      const { known } = this;
      const uniform = () => new Float64Array(sizes.cells * sizes.K).fill(1 / sizes.K);
      const found = settings.source === "uniform" ? uniform() : await this.weigh(this.codes, settings.label);
      if (known !== this.known) return found; // a hand has begun another story meanwhile
      known.set(at, found);
    }
    return this.known.get(at);
  }

  /** The cells that come next, given what `look` gave. */
  next(found) {
    return nextCells(this.sizes, found, this.codes, this.settings);
  }

  /**
   * Moves begin where the last one ended, however soon they are wished: each looks first, and the prior takes its time.
   * @template T
   * @param {() => T | Promise<T>} move
   * @returns {Promise<T>}
   */
  inTurn(move) {
    const moved = this.moved.then(move);
    this.moved = moved.catch(() => {}); // whoever wished it hears of it
    return moved;
  }

  /** One step on, a known one or a new one; whether there was one. */
  forward() {
    return this.inTurn(() => this.step());
  }

  back() {
    return this.inTurn(() => {
      this.at = Math.max(0, this.at - 1);
    });
  }

  /** Back or forth to the place after so many steps, or as far as it goes. */
  reach(step) {
    return this.inTurn(async () => {
      this.at = Math.min(this.at, Math.max(0, step));
      while (this.at < step && !this.whole && !this.left && (await this.step()));
    });
  }

  /** Write a code, or what chance gives, into a hidden cell; what followed is dropped. */
  take(cell, code) {
    return this.inTurn(() => this.put(cell, code));
  }

  /** Nobody looks at it any more. */
  leave() {
    this.left = true;
  }

  async step() {
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

  async put(cell, code) {
    if (this.codes[cell] !== this.sizes.K) return;
    const found = await this.look();
    this.steps.length = this.at;
    for (const step of this.byHand.keys()) if (step >= this.at) this.byHand.delete(step);
    this.known = new Map([...this.known].filter(([step]) => step <= this.at));
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
