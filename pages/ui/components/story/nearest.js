// The nearest code: the chosen cell's vector beside it, their squared differences, and the next nearest ones.

import { paint } from "../shared/pixels.js";
import { nearest, tile } from "../shared/vqvae.js";
import { figure } from "../shared/words.js";
import { paintBars } from "./bars.js";
import { decimal, writeTable } from "./sums.js";

const SHOWN = 5;

export class Nearest {
  constructor(story) {
    this.story = story;
  }

  resize() {
    const { $, network } = this.story;
    const { cell, K } = network;
    this.entries = Array.from({ length: Math.min(SHOWN, K) }, () => {
      const entry = document.createElement("li");
      const picture = Object.assign(document.createElement("canvas"), { width: cell.width, height: cell.height });
      const [name, words, bar] = ["b", "div", "i"].map((kind) => document.createElement(kind));
      entry.append(picture, name, words, bar);
      return { entry, picture, name, words, bar };
    });
    $["codes-nearest"].replaceChildren(...this.entries.map(({ entry }) => entry));
  }

  show() {
    const { $, network, pass, cell } = this.story;
    const { D, codebook, image } = network;
    const near = nearest(network, pass.distances, cell, this.entries.length);
    const farthest = Math.max(near.at(-1).distance, 1e-12);
    near.forEach(({ code, distance }, rank) => {
      const { picture, name, words, bar } = this.entries[rank];
      if (picture.dataset.code !== `${code} ${this.story.fingerprint}`) {
        picture.dataset.code = `${code} ${this.story.fingerprint}`;
        paint(picture, tile(network, code), { ...network.cell, channels: image.channels });
      }
      name.textContent = `code ${code}`;
      words.textContent = figure(distance);
      bar.style.transform = `scaleX(${distance / farthest})`;
    });
    const [{ code, distance }] = near;
    const z = pass.latents.values.subarray(cell * D, (cell + 1) * D);
    const e = codebook.subarray(code * D, (code + 1) * D);
    const squares = z.map((value, d) => (value - e[d]) ** 2);
    paintBars($.versus, [
      { values: z, color: "#3fc1cd" },
      { values: e, color: "#ffb627" },
      { values: squares, color: "#ff5d8f" },
    ]);
    $.versus.setAttribute(
      "aria-label",
      `The vector, code ${code}, and their squared differences, which add up to ${figure(distance)}`,
    );
    if (!this.story.open("nearest")) return;
    writeTable(
      $["nearest-sum"],
      ["number", "vector zₑ", "code e", "difference", "squared"],
      Array.from(z, (value, d) => [String(d + 1), ...[value, e[d], value - e[d], squares[d]].map(decimal)]),
      [[`squared distance to code ${code}`, "", "", "", decimal(distance)]],
    );
    $["nearest-sum"].dataset.value = String(distance);
  }
}
