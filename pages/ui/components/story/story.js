// The whole idea on one page, on the visitor's own drawing: encoder, nearest code, decoder, each a box that opens into its
// computation; what it buys; how it learns; why codes die.
//
// The pen leads, as on Draw: one forward pass an animation frame, and each part that is in sight shows it. Python is told
// nothing while one draws. The drawing lies in the tab's storage, where Draw finds it.

import { Learning } from "../learning/learning.js";
import { Plane } from "../plane/plane.js";
import { resample, toBytes } from "../shared/bytes.js";
import { found, listen } from "../shared/carried.js";
import { mosaic, mosaicSize, placeOf } from "../shared/codes.js";
import { byId, locate } from "../shared/elements.js";
import { Engine } from "../shared/engine.js";
import { receptiveField } from "../shared/fields.js";
import { History } from "../shared/history.js";
import { drew } from "../shared/live.js";
import { speakOf } from "../shared/noun.js";
import { Pen } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";
import { putAgain, remember, remembered } from "../shared/storage.js";
import { bitsPerCode } from "../shared/vqvae.js";
import { count, sized } from "../shared/words.js";
import { Cells } from "./cells.js";
import { Decoder } from "./decoder.js";
import { Encoder } from "./encoder.js";
import { Gradient } from "./gradient.js";
import { Nearest } from "./nearest.js";
import { Question } from "./question.js";
import { Slides } from "./slides.js";
import { Worth } from "./worth.js";

const BOXES = ["encoder", "nearest", "decoder"]; // in the order of the way through the model

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.story ??= new Story(parentElement);
  parentElement.story.update(data, setTriggerValue);
  return () => {
    parentElement.story.close();
    parentElement.story = undefined;
  };
}

class Story {
  constructor(root) {
    this.root = root;
    this.board = root.querySelector(".story");
    this.$ = byId(root);
    this.ink = 0; // grows with every change of the pixels
    this.history = new History(); // of {pixels, edits}
    this.example = false; // whether what is on the canvas is an example, which gives way to the first stroke
    this.cell = undefined; // the one that all boxes are about
    this.seen = new Set(); // parts that can be seen
    this.pen = new Pen(this);
    this.cells = [new Cells(this.$.grid, this), new Cells(this.$.chooser, this)];
    this.plane = new Plane(root);
    this.learning = new Learning(root);
    this.decoder = new Decoder(this);
    this.gradient = new Gradient(this);
    /** @type {Record<string, {resize?(): void, show(): void}>} what each part shows of a pass, by its id */
    this.parts = {
      question: new Question(this),
      encoder: new Encoder(this),
      nearest: new Nearest(this),
      flat: { show: () => this.plane.show(this.job.pixels, this.image) },
      decoder: this.decoder,
      worth: new Worth(this),
      loss: this.gradient,
    };
    this.slides = new Slides(this);
    this.listen();
    this.sight = new IntersectionObserver((entries) => this.see(entries));
    for (const part of root.querySelectorAll(".part")) this.sight.observe(part);
  }

  listen() {
    const { $, root } = this;
    $.undo.onclick = () => this.undo();
    $.clear.onclick = () => this.replace(this.blank);
    $.another.onclick = () => this.ask("another", this.set.serial);
    for (const door of root.querySelectorAll(".door")) {
      door.onclick = (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a window of its own is the browser's
        event.preventDefault();
        this.ask("door", door.dataset.page);
      };
    }
    for (const step of root.querySelectorAll(".step")) step.onclick = () => this.walk(step.dataset.to);
    for (const name of BOXES) {
      const box = $[`box-${name}`];
      box.ontoggle = () => this.request();
      box.onkeydown = (event) => this.step(event, name);
    }
  }

  // Python's side

  update(data, ask) {
    this.data = data;
    this.ask = ask;
    this.unlisten?.();
    this.unlisten = listen(() => this.arrive());
    this.slides.update(data.presenting);
    this.arrive();
  }

  /** Models and recordings may come before or after what is to be done with them. */
  arrive() {
    const [carried, plane, learning] = [this.data.fingerprint, "plane", "learning"].map(found);
    this.$.flat.hidden = !this.data.plane;
    this.$.death.querySelector(".learning").hidden = !this.data.learning;
    if (plane) this.plane.update(plane.data);
    if (learning) this.learning.update({ ...learning.data, presenting: this.data.presenting });
    if (!carried) return;
    const { set } = this.data;
    const before = this.image;
    if (this.fingerprint !== this.data.fingerprint) {
      this.engine?.close();
      this.engine = new Engine(carried.model, (job, pass) => this.show(job, pass));
      this.fingerprint = this.data.fingerprint;
      this.noun = carried.model.noun;
      speakOf(this.root, this.noun);
      this.network = this.engine.network;
      this.image = this.network.image;
      this.pass = undefined;
      this.resize();
      if (before) this.adopt({ ...before, pixels: this.pixels });
    }
    if (before && set.serial === this.set.serial) {
      this.set = set;
      this.request();
      return;
    }
    if (before && putAgain(set, this.set)) {
      this.set = set;
      this.changed(true); // the session that asks is another one, and knows nothing of the drawing
      return;
    }
    if (before) this.keep();
    const kept = before ? undefined : remembered(set, this.fingerprint);
    this.set = set;
    if (kept) this.adopt(kept, kept.fingerprint === this.fingerprint ? kept.edits : undefined);
    else this.put(set);
    this.example = Boolean(set.example) && String(set.pixels) === String([...this.pixels]);
    this.changed(true);
  }

  /** Everything whose size is the model's. */
  resize() {
    const { $, network } = this;
    const { image, grid, K, D } = network;
    for (const canvas of [$.ink, $.reconstruction, $.together, $.error]) {
      [canvas.width, canvas.height] = [image.width, image.height];
    }
    for (const canvas of [$.tiles, $.alone]) {
      ({ width: canvas.width, height: canvas.height } = mosaicSize(network));
    }
    const { style } = this.board;
    style.setProperty("--ratio", image.width / image.height);
    style.setProperty("--rows", grid.height);
    style.setProperty("--columns", grid.width);
    const [bytes, cells, each] = [
      image.height * image.width * image.channels,
      grid.height * grid.width,
      bitsPerCode(K),
    ];
    const sizes = {
      K: count(K),
      D,
      grid: sized(grid),
      cells,
      bytes: count(bytes),
      each,
      bits: count(cells * each),
      times: each ? Math.round((8 * bytes) / (cells * each)) : "∞",
    };
    for (const place of this.root.querySelectorAll("[data-size]")) place.textContent = sizes[place.dataset.size];
    this.pen.resize(image);
    for (const cells of this.cells) cells.resize(grid);
    for (const part of Object.values(this.parts)) part.resize?.();
    this.choose(Math.floor(grid.height / 2) * grid.width + Math.floor(grid.width / 2));
    this.board.hidden = false;
  }

  put({ pixels, edits }) {
    this.pixels = pixels ? Uint8ClampedArray.from(pixels) : this.blank;
    this.edits = edits ? Int32Array.from(edits) : this.unedited;
  }

  /** Take over a drawing, perhaps of another size; codes that were edited on Draw are kept for it, and shown there. */
  adopt({ pixels, height, width, channels }, edits) {
    const [from, to] = [{ height, width, channels }, this.image];
    const fits = from.height === to.height && from.width === to.width && from.channels === to.channels;
    const taken = (/** @type {Uint8ClampedArray} */ one) => (fits ? one : resample(one, from, to));
    this.pixels = taken(pixels);
    this.edits = edits?.length === this.unedited.length ? Int32Array.from(edits) : this.unedited;
    this.history.adapt((state) => ({ pixels: taken(state.pixels), edits: this.unedited }));
  }

  close() {
    this.unlisten?.();
    this.sight.disconnect();
    this.engine?.close();
    this.plane.close();
    this.learning.close();
    this.gradient.close();
    this.slides.close();
    drew(undefined);
  }

  // The drawing

  get blank() {
    return new Uint8ClampedArray(this.image.height * this.image.width * this.image.channels);
  }

  get unedited() {
    return new Int32Array(this.network.grid.height * this.network.grid.width).fill(-1);
  }

  /** A hand begins to draw: on an example with the pen, a new drawing. */
  begin(erasing) {
    this.keep();
    const renew = this.example && !erasing;
    this.pixels = renew ? this.blank : this.pixels.slice();
    if (renew) this.edits = this.unedited;
    this.example = false;
  }

  keep() {
    this.history.keep({ pixels: this.pixels, edits: this.edits });
  }

  replace(pixels) {
    if (this.pen.stroke) return;
    this.keep();
    Object.assign(this, { pixels, edits: this.unedited, example: false });
    this.changed(true);
  }

  undo() {
    const state = this.pen.stroke ? undefined : this.history.undo({ pixels: this.pixels, edits: this.edits });
    if (!state) return;
    Object.assign(this, state, { example: false });
    this.changed(true);
  }

  /** Nothing waits here for the pen to rest. */
  hush() {}

  /** The pixels are others than before: show them and have them encoded, and at rest remember them. */
  changed(resting) {
    const { $ } = this;
    this.ink++;
    paint($.ink, this.pixels, this.image);
    const blank = !this.pixels.some((value) => value > 0);
    $.invitation.hidden = !blank && !this.example;
    $.invitation.textContent = this.example ? "Draw your own here" : `Draw a ${this.noun} here`;
    $["title-digit"].textContent = this.example ? "An example" : `Your ${this.noun}`;
    this.request();
    if (!resting) return;
    $.undo.setAttribute("aria-disabled", String(!this.history.past.length));
    $.clear.setAttribute("aria-disabled", String(blank));
    const { pixels, edits, image, set, fingerprint, cell: target } = this;
    remember({ pixels, edits, image, set, fingerprint, target });
  }

  request() {
    if (!this.pixels) return;
    const deep = ["encoder", "decoder"].some((name) => this.open(name) && this.seen.has(name));
    this.engine.request({ pixels: this.pixels, ink: this.ink, edits: this.unedited, deep });
  }

  // What the model makes of it

  show(job, pass) {
    this.job = job;
    this.pass = pass;
    const { $, network, image, fingerprint } = this;
    paint($.reconstruction, toBytes(pass.pixels), image);
    paint($.tiles, mosaic(network, pass.codes), mosaicSize(network));
    for (const cells of this.cells) cells.show(pass.codes);
    for (const name of this.seen) this.parts[name]?.show();
    drew({ pixels: job.pixels, image, fingerprint, network, pass, resting: !this.pen.stroke });
  }

  /** Parts come into sight and leave it: what nobody sees is not drawn. */
  see(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.seen.add(target.id);
      else this.seen.delete(target.id);
      if (isIntersecting && this.pass) this.parts[target.id]?.show();
    }
    if (this.image) this.request(); // an opened box that came into sight wants the maps between
  }

  /** Make a cell the one that all boxes are about. */
  choose(cell) {
    this.cell = cell;
    const { $, network } = this;
    const [row, column] = placeOf(cell, network.grid);
    const { top, bottom, left, right } = receptiveField(network, row, column);
    const { height, width } = network.image;
    $["input-spot"].hidden = $["output-spot"].hidden = false;
    locate($["input-spot"], top / height, left / width, (bottom - top) / height, (right - left) / width);
    const { grid } = network;
    for (const spot of [$["output-spot"], $["alone-spot"]]) {
      spot.hidden = false;
      locate(spot, row / grid.height, column / grid.width, 1 / grid.height, 1 / grid.width);
    }
    for (const cells of this.cells) cells.select(cell);
    this.decoder.aim(row, column);
    if (this.pass) for (const name of this.seen) this.parts[name]?.show();
  }

  // The boxes

  open(name) {
    return this.$[`box-${name}`].open;
  }

  /** Step on to a box, or close all: one is open at a time. */
  walk(to) {
    const from = BOXES.find((name) => this.open(name));
    for (const name of BOXES) this.$[`box-${name}`].open = name === to;
    const summary = this.$[`box-${to || from}`].querySelector("summary");
    this.$[to || from].scrollIntoView({ block: "start" });
    summary.focus({ preventScroll: true });
  }

  /** By keyboard: arrows lead from an open box to the next one, Esc closes it. */
  step(event, name) {
    if (!this.open(name) || event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowRight: 1, ArrowLeft: -1, Escape: 0 }[event.key];
    const to = way ? BOXES[BOXES.indexOf(name) + way] : "";
    if (way === undefined || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.walk(to);
  }
}
