// A whole codebook as tiles, those that a drawing uses framed. A tile takes a millisecond to draw and there may be hundreds,
// so that they come a few at a time, and a drawing's own first.

import { paint } from "../shared/pixels.js";
import { tile } from "../shared/vqvae.js";

const FRAME = [255, 182, 39]; // of a code in use
const SLICE = 5; // milliseconds at a time
const [FEW, ROW] = [64, 32]; // up to so many codes, half a row

export class Book {
  constructor(canvas, words) {
    this.canvas = canvas;
    this.words = words;
  }

  resize(network) {
    this.close();
    this.network = network;
    this.used = new Set();
    const { K, cell } = network;
    this.columns = K > FEW ? ROW : ROW / 2;
    const wide = Math.min(K, this.columns);
    this.canvas.width = wide * (cell.width + 2);
    this.canvas.height = Math.ceil(K / this.columns) * (cell.height + 2);
    this.canvas.style.width = `${(100 * wide) / this.columns}%`;
    this.fill(0);
  }

  /** Frame the codes in use. */
  show(used) {
    const { K } = this.network;
    const changed = [...new Set([...this.used, ...used])].filter((code) => this.used.has(code) !== used.has(code));
    this.used = used;
    for (const code of changed) this.draw(code);
    const share = `${used.size} of its ${K.toLocaleString("en")} codes`;
    this.words.textContent = `Its codebook: this drawing uses ${share}, framed`;
    this.canvas.setAttribute("aria-label", `The tiles of all codes; the drawing uses ${share}`);
  }

  /** Draw all codes, from this one on. */
  fill(code) {
    const begun = performance.now();
    for (; code < this.network.K; code++) {
      if (performance.now() - begun > SLICE) {
        this.timer = setTimeout(() => this.fill(code), SLICE);
        return;
      }
      this.draw(code);
    }
  }

  draw(code) {
    const { network, canvas, columns } = this;
    const { cell, image } = network;
    const size = { height: cell.height + 2, width: cell.width + 2 };
    const [left, top] = [(code % columns) * size.width, Math.floor(code / columns) * size.height];
    const context = canvas.getContext("2d");
    context.fillStyle = `rgb(${FRAME})`;
    if (this.used.has(code)) context.fillRect(left, top, size.width, size.height);
    else context.clearRect(left, top, size.width, size.height);
    paint(canvas, tile(network, code), { ...cell, channels: image.channels }, left + 1, top + 1);
  }

  close() {
    clearTimeout(this.timer);
  }
}
