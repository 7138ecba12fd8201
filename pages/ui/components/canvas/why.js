// Why this code: the nearest codes of a cell with their distances, and the cells by how sure the choice was, or by how
// unlikely the prior finds it.

import { placeOf } from "../shared/codes.js";
import { write } from "../shared/elements.js";
import { receptiveField } from "../shared/fields.js";
import { certainty, nearest } from "../shared/vqvae.js";
import { figure } from "../shared/words.js";

const NEAREST = 5;
const HEATS = {
  nothing: "",
  error: "Error: the squared distance from the encoder’s vector to its code. Warm is far.",
  margin: "Margin: how much farther away the second nearest code is. Warm is a close call.",
  surprise: "Surprise: how unlikely the prior finds the code, given all the others. Warm is unlikely.",
};

export class Why {
  /** `bench` is the Workbench whose choices it explains. */
  constructor(bench) {
    this.bench = bench;
    this.heat = "nothing"; // what the cells are coloured by
    this.asked = 0; // the cell that is explained
    this.near = []; // its nearest codes
    this.buttons = []; // one for each
    /** @type {{codes: string, bits?: Float64Array} | undefined} */
    this.weighed = undefined; // how surprising the prior finds each cell of a grid, once it has said so
    for (const name of Object.keys(HEATS)) {
      bench.$[`heat-${name}`].onclick = () => {
        if (name === "surprise" && !bench.prior.classes) return;
        this.heat = name;
        this.warm();
        bench.read();
      };
    }
    bench.$.swap.onclick = () => bench.edit([[this.asked, this.near[1].code]]);
  }

  resize({ K, cell }) {
    const { $ } = this.bench;
    this.buttons = Array.from({ length: Math.min(NEAREST, K) }, (_, rank) => {
      const button = document.createElement("button");
      button.className = "near";
      const picture = Object.assign(new Image(cell.width, cell.height), { alt: "", hidden: true });
      button.append(picture, document.createElement("span"), document.createElement("i"));
      button.onclick = () => this.bench.edit([[this.asked, this.near[rank].code]]);
      return button;
    });
    $.nearest.replaceChildren(...this.buttons);
    $.swap.hidden = K < 2;
    this.weighed = undefined;
    const known = this.bench.prior.classes > 0;
    if (!known && this.heat === "surprise") this.heat = "nothing";
    $["heat-surprise"].setAttribute("aria-disabled", String(!known));
    $["heat-surprise"].title = known
      ? "How unlikely the prior finds each code: warm is unlikely"
      : "This model has no prior yet";
  }

  /** With every pass. */
  show() {
    if (this.heat !== "nothing") this.warm();
  }

  /** How surprising each code on the bench is, in bits; undefined until the prior has said so. */
  get surprise() {
    return this.heat === "surprise" && this.weighed?.codes === String(this.bench.pass.chosen)
      ? this.weighed.bits
      : undefined;
  }

  /** Have the prior weigh the codes on the bench, once the hand rests. */
  async weigh() {
    const { bench } = this;
    const { chosen } = bench.pass;
    const codes = String(chosen);
    if (!bench.resting || this.weighed?.codes === codes) return;
    const weighed = { codes, bits: undefined };
    this.weighed = weighed;
    const nats = await bench.prior.ask("surprise", chosen, bench.prior.classes);
    if (this.weighed !== weighed) return;
    weighed.bits = nats.map((value) => value / Math.LN2);
    this.warm();
    bench.read();
  }

  /** The nearest codes of the cell under the hand, or of the last one; not while the pen draws elsewhere. */
  explain() {
    const { network, pass, grid, palette, target, middle, pen, $ } = this.bench;
    if (pen.stroke) return;
    const cell = grid.pointed ?? target ?? grid.visited ?? middle;
    this.asked = cell;
    grid.ask(cell);
    this.see(cell);
    this.near = nearest(network, pass.distances, cell, NEAREST);
    const farthest = Math.max(this.near.at(-1).distance, 1e-12);
    this.near.forEach(({ code, distance }, rank) => {
      const button = this.buttons[rank];
      const [picture, words, bar] = button.children;
      const src = palette.pictures[code];
      if (src && picture.src !== src) Object.assign(picture, { src, hidden: false });
      write(words, `<b>code ${code}</b><small>${figure(distance)}</small>`);
      bar.style.width = `${(100 * distance) / farthest}%`;
      button.setAttribute("aria-label", `code ${code}, squared distance ${figure(distance)}`);
      button.setAttribute("aria-pressed", String(code === pass.chosen[cell]));
    });
    const [first, second] = this.near;
    const [row, column] = placeOf(cell, network.grid);
    const margin = second ? `; the runner-up is <b>${figure(second.distance - first.distance)}</b> farther` : "";
    const bits = this.surprise?.[cell];
    const surprise = bits === undefined ? "" : `; surprise <b>${bits.toFixed(1)}</b> bits`;
    write(
      $.facts,
      `Row ${row + 1}, column ${column + 1}: quantisation error <b>${figure(first.distance)}</b>${margin}${surprise}`,
    );
  }

  /** The patch of the digit that a cell sees. */
  see(cell) {
    const { network, $ } = this.bench;
    const [row, column] = placeOf(cell, network.grid);
    const { top, bottom, left, right } = receptiveField(network, row, column);
    const [width, height] = [right - left, bottom - top];
    Object.assign($.seen, { width, height }); // clears it
    $.seen.getContext("2d").drawImage($.ink, left, top, width, height, 0, 0, width, height);
  }

  /** Warm cells: far from their code, close to choosing another, or unlikely where they stand. */
  warm() {
    const { heat, bench } = this;
    if (heat === "surprise") this.weigh();
    const { cells } = bench.grid;
    for (const name of Object.keys(HEATS)) {
      bench.$[`heat-${name}`].setAttribute("aria-pressed", String(name === heat));
    }
    bench.$["heat-note"].textContent = HEATS[heat];
    bench.$["heat-note"].hidden = !HEATS[heat];
    const values = heat === "surprise" ? this.surprise : certainty(bench.network, bench.pass.distances)[heat];
    // By rank: a few extreme cells would leave all others alike.
    const ranks = values ? [...values.keys()].sort((a, b) => values[a] - values[b]) : [];
    if (heat === "margin") ranks.reverse();
    const said = (value) => (heat === "surprise" ? `${value.toFixed(1)} bits` : figure(value));
    const warmth = new Float64Array(cells.length);
    for (const [rank, cell] of ranks.entries()) warmth[cell] = (rank / Math.max(1, ranks.length - 1)) ** 2;
    cells.forEach((cell, index) => {
      const [green, alpha] = [Math.round(180 - 110 * warmth[index]), (0.85 * warmth[index]).toFixed(3)];
      cell.style.background = values ? `rgb(255 ${green} 30 / ${alpha})` : "";
      cell.title = values ? `${heat} ${said(values[index])}` : "";
    });
  }
}
