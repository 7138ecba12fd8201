// The alphabet: the drawing as the numbers of codes, and all codes with those framed that it uses.

import { paint } from "../shared/pixels.js";
import { tile } from "../shared/vqvae.js";
import { count } from "../shared/words.js";

const SCALE = 3; // of a tile's pixels
const GAP = 4;
const SHARE = 8; // milliseconds at a time for drawing tiles

export class Question {
  constructor(story) {
    this.story = story;
  }

  resize() {
    const { $, network } = this.story;
    const { K, cell, grid } = network;
    this.letters = Array.from({ length: grid.height * grid.width }, () => document.createElement("span"));
    $.letters.replaceChildren(...this.letters);
    const [width, height] = [cell.width * SCALE + GAP, cell.height * SCALE + GAP];
    this.columns = Math.max(1, Math.round(Math.sqrt((K * height) / width)));
    this.side = { width, height };
    [$.book.width, $.book.height] = [this.columns * width + GAP, Math.ceil(K / this.columns) * height + GAP];
    this.easel = Object.assign(document.createElement("canvas"), { width: cell.width, height: cell.height });
    this.drawn = 0;
    this.framed = "";
    this.fill(network);
  }

  /** Draw the tiles, few at a time: each is a pass of the decoder. */
  fill(network) {
    if (network !== this.story.network) return;
    const pen = this.story.$.book.getContext("2d");
    pen.imageSmoothingEnabled = false;
    const { cell, image, K } = network;
    for (const begun = performance.now(); this.drawn < K && performance.now() - begun < SHARE; this.drawn++) {
      paint(this.easel, tile(network, this.drawn), { ...cell, channels: image.channels });
      const [x, y] = this.corner(this.drawn);
      pen.drawImage(this.easel, x, y, cell.width * SCALE, cell.height * SCALE);
    }
    if (this.drawn < K) setTimeout(() => this.fill(network), SHARE);
  }

  corner(code) {
    return [GAP + (code % this.columns) * this.side.width, GAP + Math.floor(code / this.columns) * this.side.height];
  }

  show() {
    const { $, pass, network } = this.story;
    const { codes } = pass;
    const counts = new Map();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    const commonest = Math.max(...counts.values());
    codes.forEach((code, cell) => {
      const letter = this.letters[cell];
      if (letter.textContent !== String(code)) letter.textContent = String(code);
      letter.className = counts.get(code) === commonest ? "" : "ink";
    });
    const used = [...counts.keys()].sort((a, b) => a - b);
    if (String(used) === this.framed) return;
    $.used.textContent = String(used.length);
    $.letters.setAttribute("aria-label", `Codes in reading order: ${[...codes].join(", ")}`);
    $.book.setAttribute("aria-label", `${count(network.K)} codes; in use: ${used.join(", ")}`);
    const pen = $.book.getContext("2d");
    pen.lineWidth = GAP - 1;
    const frame = (code, color) => {
      const [x, y] = this.corner(code);
      pen.strokeStyle = color;
      pen.strokeRect(x - GAP / 2, y - GAP / 2, this.side.width, this.side.height);
    };
    if (this.framed) for (const code of this.framed.split(",")) frame(Number(code), "#000");
    for (const code of used) frame(code, "#ffb627");
    this.framed = String(used);
  }
}
