// The decoder: tiles alone and together, one pixel, the cells that reach it, and how it is added up.

import { toBytes } from "../shared/bytes.js";
import { mosaic, mosaicSize } from "../shared/codes.js";
import { locate } from "../shared/elements.js";
import { reach, summands } from "../shared/fields.js";
import { ARROWS } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";
import { lookup } from "../shared/vqvae.js";
import { decimal, showMaps, writeSum } from "./sums.js";

export class Decoder {
  constructor(story) {
    this.story = story;
    const { together } = story.$;
    together.onclick = (event) => {
      const box = together.getBoundingClientRect();
      const { height, width } = story.image;
      this.pick(
        Math.floor(((event.clientY - box.top) / box.height) * height),
        Math.floor(((event.clientX - box.left) / box.width) * width),
      );
    };
    together.onkeydown = (event) => {
      const step = ARROWS[event.key];
      if (!step || story.slides.claims(event)) return;
      event.preventDefault();
      event.stopPropagation();
      this.pick(this.row + step[1], this.column + step[0]);
    };
  }

  resize() {
    this.story.$["decoder-maps"].replaceChildren();
  }

  /** The pixel in the middle of a cell. */
  aim(row, column) {
    const { cell } = this.story.network;
    this.pick(Math.floor((row + 0.5) * cell.height), Math.floor((column + 0.5) * cell.width));
  }

  pick(row, column) {
    const { $, network, image } = this.story;
    this.row = Math.min(image.height - 1, Math.max(0, row));
    this.column = Math.min(image.width - 1, Math.max(0, column));
    const { top, bottom, left, right } = reach(network, this.row, this.column);
    const { height, width } = network.grid;
    $.reached.hidden = $["pixel-spot"].hidden = false;
    locate($.reached, top / height, left / width, (bottom - top) / height, (right - left) / width);
    locate($["pixel-spot"], this.row / image.height, this.column / image.width, 1 / image.height, 1 / image.width);
    if (this.story.pass && this.story.seen.has("decoder")) this.show();
  }

  show() {
    const { $, network, pass, image } = this.story;
    paint($.alone, mosaic(network, pass.codes), mosaicSize(network));
    paint($.together, toBytes(pass.pixels), image);
    if (!pass.inside || !this.story.open("decoder")) return;
    const { decoder } = pass.inside;
    showMaps($["decoder-maps"], decoder, Boolean(this.story.pen.stroke));
    const last = network.decoder.findLastIndex(({ pieces }) => pieces.length);
    const input = last ? decoder[last - 1].map : lookup(network, pass.codes);
    const sum = summands(network.decoder[last], input, this.row, this.column, 0);
    const after = last < network.decoder.length - 1;
    const value = after
      ? pass.pixels[(this.row * image.width + this.column) * image.channels]
      : sum.total + network.offset;
    const more = `${after ? "what the last layers make of it, and " : ""}${network.offset} more`;
    const colour = image.channels > 1 ? ", its red" : "";
    writeSum($["decoder-sum"], sum, [
      [`pixel in row ${this.row + 1}, column ${this.column + 1}${colour}: ${more}`, "", "", decimal(value)],
    ]);
    $["decoder-sum"].dataset.value = String(value);
  }
}
