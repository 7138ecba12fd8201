// One of two models: which it is, and what it makes of the drawing.

import { fromBytes, resample, toBytes } from "../shared/bytes.js";
import { mosaic, mosaicSize } from "../shared/codes.js";
import { Engine } from "../shared/engine.js";
import { fetched } from "../shared/fetched.js";
import { resting } from "../shared/idle.js";
import { paintDifference } from "../shared/pictures.js";
import { paint } from "../shared/pixels.js";
import { score } from "../shared/vqvae.js";
import { Book } from "./book.js";

const FAMILIES = {
  codes: { option: "Default with fewer or more codes", moved: "Codes in the codebook:" },
  steps: { option: "Default with less training", moved: "Training:" },
};

export class Side {
  /** `ladder` is the Ladder that it is a side of. */
  constructor(ladder, section, template) {
    this.ladder = ladder;
    this.id = section.id;
    section.append(template.content.cloneNode(true));
    this.$ = Object.fromEntries([...section.querySelectorAll("[data-part]")].map((one) => [one.dataset.part, one]));
    this.$.whose.textContent = `The ${this.id} model`;
    this.book = new Book(this.$.book, this.$["book-words"]);
    this.ink = 0; // grows with every drawing
    this.$.family.onchange = () => this.turn(this.$.family.value);
    this.$.slider.oninput = () => this.choose(this.rungs[Number(this.$.slider.value)]);
  }

  get entry() {
    return this.ladder.entries.get(this.name);
  }

  /** The entries of the family that the slider moves along. */
  get rungs() {
    return [...this.ladder.entries.values()].filter(({ group }) => group === this.entry.group);
  }

  /** Show what there is to choose from, with this chosen. */
  offer(name) {
    const options = [];
    const entries = [...this.ladder.entries.values()];
    for (const [group, { option }] of Object.entries(FAMILIES)) {
      if (entries.some((entry) => entry.group === group)) options.push(new Option(option, `family:${group}`));
    }
    for (const entry of entries) if (entry.group === "models") options.push(new Option(entry.title, entry.name));
    const named = (all) => JSON.stringify(Array.from(all, ({ value, text }) => [value, text]));
    if (named(this.$.family.options) !== named(options)) this.$.family.replaceChildren(...options);
    this.show(name);
  }

  /** Another family, or a model outside of the ladder: in a family, the rung that is nearest to what was shown. */
  turn(value) {
    const [, group] = value.split("family:");
    if (!group) return this.choose(this.ladder.entries.get(value));
    const rungs = [...this.ladder.entries.values()].filter((entry) => entry.group === group);
    this.choose(rungs[Math.floor(rungs.length / 2)]);
  }

  choose(entry) {
    if (entry.name === this.name) return;
    this.show(entry.name);
    this.ladder.chosen(entry);
  }

  show(name) {
    this.name = name;
    const { $, entry } = this;
    const family = FAMILIES[entry.group];
    $.family.value = family ? `family:${entry.group}` : name;
    $.slide.hidden = !family;
    if (family) {
      const { rungs } = this;
      const at = rungs.indexOf(entry);
      $.slider.max = String(rungs.length - 1);
      $.slider.value = String(at);
      $.moved.textContent = family.moved;
      $.reading.textContent = entry.group === "codes" ? String(entry.K) : entry.title;
      $.slider.setAttribute("aria-valuetext", entry.title);
    }
    this.fetch();
  }

  /** Have the model chosen, the last one where several were. */
  async fetch() {
    const { entry, $ } = this;
    const { address } = entry;
    if (this.address === address && this.engine) return;
    for (const part of ["pictures", "shown-book"]) $[part].hidden = Boolean(entry.problem);
    $.status.textContent = entry.problem ?? (address ? "" : "Opening the model …");
    if (!address) return this.leave();
    if (!this.ladder.near) return;
    try {
      const model = await fetched(address);
      if (this.entry.address !== address || this.address === address) return;
      this.engine?.close();
      this.address = address;
      this.network = model.network;
      this.engine = new Engine(model.description, (job, pass) => this.made(job, pass), model.network);
      this.resize();
      this.drawing = undefined;
      this.ladder.look();
      this.fetchNeighbours();
    } catch {
      if (this.entry.address !== address) return;
      this.leave();
      $.status.textContent = "This model could not be fetched. Choose it again, or reload the page.";
    }
  }

  /** The rungs beside this one, in idle time, so that the next move finds them here. */
  fetchNeighbours() {
    const { rungs, entry } = this;
    if (entry.group === "models") return;
    const at = rungs.indexOf(entry);
    const idle = globalThis.requestIdleCallback ?? ((work) => setTimeout(work, 200));
    for (const beside of [rungs[at + 1], rungs[at - 1]]) {
      // Not on the way to another page: what this one offered is then no longer there.
      if (beside?.address) idle(() => resting() && fetched(beside.address).catch(() => {}));
    }
  }

  /** There is no model to show. */
  leave() {
    this.engine?.close();
    this.engine = this.address = this.live = undefined;
    for (const name of ["tiles", "reconstruction", "error", "book"]) this.$[name].width = 1;
    this.$["book-words"].textContent = "";
    this.book.close();
    this.ladder.compare();
  }

  resize() {
    const { $, network } = this;
    const { image } = network;
    for (const canvas of [$.reconstruction, $.error]) [canvas.width, canvas.height] = [image.width, image.height];
    ({ width: $.tiles.width, height: $.tiles.height } = mosaicSize(network));
    this.book.resize(network);
  }

  /** Pass a drawing through the model in the next animation frame. */
  see(drawing) {
    if (!this.engine || this.drawing === drawing) return;
    this.drawing = drawing;
    const { image, grid } = this.network;
    const fits = ["height", "width", "channels"].every((side) => drawing.image[side] === image[side]);
    const pixels = fits ? drawing.pixels : resample(drawing.pixels, drawing.image, image);
    const edits = new Int32Array(grid.height * grid.width).fill(-1);
    this.engine.request({ pixels, ink: ++this.ink, edits, deep: false });
  }

  /** What the model made of it. */
  made({ pixels }, { codes, pixels: drawn }) {
    const { $, network, entry } = this;
    const bytes = toBytes(drawn);
    paint($.reconstruction, bytes, network.image);
    paintDifference($.error, pixels, bytes, network.image);
    paint($.tiles, mosaic(network, codes), mosaicSize(network));
    const used = new Set(codes);
    this.book.show(used);
    const { nmse } = score(network, fromBytes(pixels), drawn);
    this.live = { nmse, used: used.size };
    $.tiles.dataset.codes = codes.join(" "); // for whoever wants to know them
    $.tiles.setAttribute("aria-label", `The drawing as codes of ${entry.title}: ${used.size} different ones`);
    $.reconstruction.setAttribute("aria-label", `Reconstruction by ${entry.title}`);
    $.error.setAttribute("aria-label", "More ink than drawn in orange, less in blue");
    this.ladder.compare();
  }

  close() {
    this.engine?.close();
    this.engine = this.address = this.drawing = undefined;
    this.book.close();
  }
}
