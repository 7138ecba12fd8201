// Cells written anew: a hand marks some of them, the prior writes these in several ways, and a click takes one. The cells
// that a pen has not touched, marked as one, finish a drawing.

import { toBytes } from "../shared/bytes.js";
import { write } from "../shared/elements.js";
import { paint } from "../shared/pixels.js";
import { draw } from "../shared/vqvae.js";

const SHOWN = 6; // alternatives
const TRIES = 18; // to find so many that differ
const STEPS = 8; // at most, to write one: of many cells several are written at once
const ANY = "any";

export class Refill {
  /** `bench` is the Workbench whose cells it writes. */
  constructor(bench) {
    this.bench = bench;
    /** @type {Set<number>} */
    this.region = new Set(); // the cells that are marked
    this.finishing = false; // whether they are those that the pen has not touched
    this.turn = 0; // another six at each
    /** @type {Int32Array[]} */
    this.found = []; // whole grids, alike outside the region
    this.listen();
  }

  listen() {
    const { finish, alternatives } = this.bench.$;
    const label = this.bench.$["refill-label"];
    finish.onclick = () => (this.finishing ? this.bench.grid.work("choose") : this.finish());
    this.bench.$["refill-others"].onclick = () => {
      this.turn++;
      this.offer();
    };
    label.onchange = () => this.offer();
    alternatives.onpointerover = (event) => event.pointerType !== "touch" && this.look(numberOf(event.target));
    alternatives.onpointerleave = () => this.look(undefined);
    alternatives.addEventListener(
      "focusin",
      ({ target }) => target.matches(":focus-visible") && this.look(numberOf(target)),
    );
    alternatives.addEventListener("focusout", () => this.look(undefined));
    alternatives.onclick = ({ target }) => numberOf(target) !== undefined && this.take(numberOf(target));
  }

  /** Another model: other cells, and perhaps other classes. */
  resize() {
    const label = this.bench.$["refill-label"];
    const names = [ANY, ...Array(this.bench.prior.classes).keys()].map(String);
    label.replaceChildren(...names.map((name) => new Option(name === ANY ? `any ${this.bench.noun}` : name, name)));
    this.clear();
  }

  get open() {
    return this.bench.grid.mode === "redraw";
  }

  /** The class that is asked for; as many as there are for any. */
  get label() {
    const { value } = this.bench.$["refill-label"];
    return value === ANY || value === "" ? this.bench.prior.classes : Number(value);
  }

  // The region

  /** Mark a cell, or no longer. */
  mark(cell, marked) {
    this.finishing = false;
    if (marked) this.region.add(cell);
    else this.region.delete(cell);
    this.show();
  }

  clear() {
    this.choose([], false);
  }

  /** Mark these cells and no others. */
  choose(cells, finishing) {
    this.region = new Set(cells);
    this.finishing = finishing;
    this.key = undefined;
    this.found = [];
    this.show();
  }

  /** Mark what the pen has not touched. */
  finish() {
    const { bench } = this;
    bench.grid.work("redraw");
    if (!this.open) return;
    this.choose(this.untouched, true);
    bench.request();
    requestAnimationFrame(() => bench.$.refill.scrollIntoView({ block: "nearest" })); // on a phone it lies below the codes
  }

  /** Mark the lower half of the grid. */
  redrawLowerHalf() {
    const { bench } = this;
    const { height, width } = bench.network.grid;
    bench.grid.work("redraw");
    const first = Math.ceil(height / 2) * width;
    if (this.open) this.choose([...bench.grid.cells.keys()].slice(first), false);
    bench.request();
  }

  /** The cells without ink. */
  get untouched() {
    const { network, pixels } = this.bench;
    const { grid, cell, image } = network;
    const inked = new Set();
    pixels.forEach((value, i) => {
      if (!value) return;
      const [x, y] = [Math.floor(i / image.channels) % image.width, Math.floor(i / image.channels / image.width)];
      inked.add(Math.floor(y / cell.height) * grid.width + Math.floor(x / cell.width));
    });
    return Array.from({ length: grid.height * grid.width }, (_, index) => index).filter((index) => !inked.has(index));
  }

  // The alternatives

  /** Have the region written where its surroundings are others than before; runs with every pass. */
  async offer() {
    const { bench } = this;
    if (!this.open || !bench.resting || !bench.pass || bench.engine.waiting) return;
    if (this.finishing) this.region = new Set(this.untouched);
    this.show();
    const { network, pass, prior, fingerprint } = bench;
    const given = pass.chosen.map((code, cell) => (this.region.has(cell) ? network.K : code));
    const key = [fingerprint, this.label, this.turn, given].join();
    if (key === this.key) return;
    this.key = key;
    this.found = [];
    this.show();
    if (!this.region.size) return;
    const stride = Math.ceil(this.region.size / STEPS);
    for (let n = 0; n < TRIES && this.found.length < SHOWN; n++) {
      const settings = { order: "certain", temperature: 1, guidance: 2, stride, seed: this.turn * TRIES + n };
      const { codes } = await prior.ask("write", given, this.label, settings);
      if (this.key !== key) return; // another question was asked meanwhile
      if (this.found.some((other) => String(other) === String(codes))) continue;
      this.found.push(codes);
      this.show();
    }
    this.complete = key;
    bench.read();
  }

  /** Show an alternative for as long as the hand stays on it. */
  look(number) {
    const { bench } = this;
    const codes = this.found[number];
    bench.preview = codes && [...this.region].map((cell) => [cell, codes[cell]]);
    bench.request();
  }

  /** Give the marked cells the codes of an alternative. */
  take(number) {
    const { bench } = this;
    const codes = this.found[number];
    bench.preview = undefined;
    bench.edit([...this.region].map((cell) => [cell, codes[cell]]));
    bench.request();
  }

  // What is seen

  show() {
    const { bench, found, region } = this;
    const { $, grid, network, pass } = bench;
    $.palette.hidden = this.open;
    $.refill.hidden = !this.open;
    $.finish.setAttribute("aria-pressed", String(this.finishing && this.open));
    for (const [index, cell] of grid.cells.entries()) {
      cell.toggleAttribute("data-region", this.open && region.has(index));
    }
    const others = $["refill-others"];
    others.setAttribute("aria-disabled", String(!region.size));
    while ($.alternatives.children.length > found.length) $.alternatives.lastChild.remove();
    found.forEach((codes, number) => {
      const button = $.alternatives.children[number] ?? $.alternatives.appendChild(alternative(number));
      if (button.codes !== codes) {
        button.codes = codes;
        Object.assign(button.firstChild, { width: network.image.width, height: network.image.height });
        paint(button.firstChild, toBytes(draw(network, codes)), network.image);
      }
      const taken = !bench.preview && [...region].every((cell) => pass.chosen[cell] === codes[cell]);
      button.setAttribute("aria-pressed", String(taken));
    });
    if (this.open) write($.task, this.sentence);
  }

  /** What is marked, and what to do next. */
  get sentence() {
    const { region, finishing, found } = this;
    if (!region.size) return finishing ? "Your pen has touched every cell" : "Drag over the cells to redraw";
    const cells = `<b>${region.size} ${region.size === 1 ? "cell" : "cells"}</b>`;
    const what = finishing ? `${cells} without your ink` : cells;
    if (this.complete !== this.key) return `The prior is writing ${what} …`;
    const sure = found.length < SHOWN ? ", where it is nearly sure" : "";
    return `${what}, as the prior would write ${region.size === 1 ? "it" : "them"}${sure}: click a picture to take it`;
  }
}

/** The picture of an alternative, to be clicked. */
function alternative(number) {
  const button = document.createElement("button");
  button.className = "alternative";
  button.dataset.number = number;
  button.title = "Take this one";
  button.setAttribute("aria-label", `Alternative ${number + 1}`);
  button.append(document.createElement("canvas"));
  return button;
}

/** The number of the alternative that an element belongs to. */
function numberOf(element) {
  const number = element.closest(".alternative")?.dataset.number;
  return number === undefined ? undefined : Number(number);
}
