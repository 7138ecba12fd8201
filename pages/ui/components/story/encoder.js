// The encoder: the vectors of all cells, one cell's patch and numbers, and how one of these is added up.

import { fromBytes } from "../shared/bytes.js";
import { placeOf } from "../shared/codes.js";
import { receptiveField, summands } from "../shared/fields.js";
import { paintVectors } from "../shared/pictures.js";
import { paintBars } from "./bars.js";
import { decimal, showMaps, writeSum } from "./sums.js";

export class Encoder {
  constructor(story) {
    this.story = story;
    this.dimension = 0;
    story.$.dimension.oninput = () => {
      this.dimension = Number(story.$.dimension.value);
      this.show();
    };
  }

  resize() {
    const { $, network } = this.story;
    this.dimension = 0;
    $.dimension.max = network.D - 1;
    $.dimension.value = 0;
    $["encoder-maps"].replaceChildren();
  }

  show() {
    const { $, network, pass, cell, job } = this.story;
    if (!pass) return;
    const { D, grid, image } = network;
    const [row, column] = placeOf(cell, grid);
    paintVectors($.latents, pass.latents);
    const { top, bottom, left, right } = receptiveField(network, row, column);
    const [width, height] = [right - left, bottom - top];
    if ($.patch.width !== width || $.patch.height !== height) Object.assign($.patch, { width, height });
    $.patch.getContext("2d").drawImage($.ink, -left, -top);
    const place = this.story.root.querySelector(".place");
    place.textContent = `Row ${row + 1}, column ${column + 1}`;
    const vector = pass.latents.values.subarray(cell * D, (cell + 1) * D);
    paintBars($.numbers, [{ values: vector, color: "#3fc1cd", faint: this.dimension }]);
    $.numbers.setAttribute("aria-label", `The cell’s numbers: ${Array.from(vector, decimal).join(", ")}`);
    $.number.textContent = String(this.dimension + 1);
    if (!pass.inside || !this.story.open("encoder")) return;
    const { encoder } = pass.inside;
    showMaps($["encoder-maps"], encoder, Boolean(this.story.pen.stroke));
    const last = network.encoder.findLastIndex(({ pieces }) => pieces.length);
    const input = last
      ? encoder[last - 1].map
      : { ...image, values: fromBytes(job.pixels).map((value) => value - network.offset) };
    const sum = summands(network.encoder[last], input, row, column, this.dimension);
    const value = vector[this.dimension];
    const after = network.encoder[last + 1]?.kind;
    const words = after === "bound" ? "bounded to the range of its levels" : "what the last layers make of it";
    writeSum($["encoder-sum"], sum, after ? [[words, "", "", decimal(value)]] : []);
    $["encoder-sum"].dataset.value = String(value);
  }
}
