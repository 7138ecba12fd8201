// The workbench on the page: a pen, the grid of codes, the reconstruction and its scorecard.
//
// Ink never waits: pointer events draw at once, and one forward pass runs for each animation frame on the latest
// pixels. Python hears of a drawing after a stroke.

import { resample, toBytes } from "../shared/bytes.js";
import { mosaicSize, placeOf } from "../shared/codes.js";
import { byId, write } from "../shared/elements.js";
import { Engine } from "../shared/engine.js";
import { History } from "../shared/history.js";
import { resting, SOON } from "../shared/idle.js";
import { drew } from "../shared/live.js";
import { speakOf } from "../shared/noun.js";
import { Pen } from "../shared/pen.js";
import { LESS, MORE, paintDifference } from "../shared/pictures.js";
import { paint } from "../shared/pixels.js";
import { putAgain, remember, remembered } from "../shared/storage.js";
import { count, sized } from "../shared/words.js";
import { Best } from "./best.js";
import { Grid } from "./grid.js";
import { showInside } from "./inside.js";
import { Palette } from "./palette.js";
import { PriorAtHand } from "./prior_at_hand.js";
import { Refill } from "./refill.js";
import { showScore, showSize } from "./scorecard.js";
import { Takeaway } from "./takeaway.js";
import { Tour } from "./tour.js";
import { Why } from "./why.js";

const PAUSE = 250; // milliseconds between the end of a stroke and the message to Python
const VIEWS = ["picture", "error", "edits"]; // what the third picture shows
const SWATCHES = [MORE, LESS].map((color) => `<i style="color: rgb(${color})">■</i>`);

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue }) {
  parentElement.workbench ??= new Workbench(parentElement);
  parentElement.workbench.update(
    data,
    (drawing) => setStateValue("drawing", drawing),
    (fingerprint) => setStateValue("prior", fingerprint),
  );
  return () => parentElement.workbench.close();
}

class Workbench {
  constructor(root) {
    this.root = root;
    this.board = root.querySelector(".workbench");
    this.$ = byId(root);
    this.view = "picture";
    this.ink = 0; // grows with every change of the pixels
    this.history = new History(); // of {pixels, edits}
    this.target = undefined; // the cell that the palette is for
    this.example = false; // whether what is on the canvas is an example, which gives way to the first stroke
    this.preview = undefined; // [[cell, code]] that are shown while the hand stays on what would give them
    this.pen = new Pen(this);
    this.grid = new Grid(this);
    this.palette = new Palette(this);
    this.prior = new PriorAtHand(this);
    this.refill = new Refill(this);
    this.best = new Best(this);
    this.why = new Why(this);
    this.takeaway = new Takeaway(this);
    this.tour = new Tour(this);
    this.listen();
  }

  listen() {
    const { undo, redo, clear, restore, within } = this.$;
    undo.onclick = () => this.travel("undo");
    redo.onclick = () => this.travel("redo");
    clear.onclick = () => this.replace(this.blank, this.unedited);
    restore.onclick = () => this.restore();
    within.ontoggle = () => this.request();
    for (const view of VIEWS) {
      this.$[`show-${view}`].onclick = () => {
        this.view = view;
        this.compare();
        this.read();
      };
    }
    this.board.onkeydown = (event) => this.key(event);
  }

  // Python's side

  update({ model, set, tour, classes }, tell, fetchPrior) {
    this.tell = tell;
    this.fetchPrior = fetchPrior;
    this.sought = tour.code;
    const before = this.image;
    const another = this.fingerprint !== model.fingerprint;
    if (another) {
      this.best.stop();
      this.engine?.close();
      this.engine = new Engine(model, (job, pass) => this.show(job, pass));
      this.fingerprint = model.fingerprint;
      this.noun = model.noun;
      speakOf(this.root, this.noun);
      this.network = this.engine.network;
      this.image = this.network.image;
      this.pass = this.target = this.preview = undefined;
      this.prior.update(classes);
      this.resize();
      if (before) this.adopt({ ...before, pixels: this.pixels, edits: this.edits });
    }
    this.prior.update(classes);
    const again = before && putAgain(set, this.set);
    if (before && !again) this.keep();
    const kept = before ? undefined : remembered(set, model.fingerprint);
    if (kept) {
      this.adopt(kept, kept.fingerprint === model.fingerprint ? kept.edits : undefined);
      this.example = Boolean(set.example) && String(set.pixels) === String([...kept.pixels]);
      const cell = kept.cell === undefined ? set.cell : kept.cell;
      if (cell !== null && cell < this.grid.cells.length) this.aim(cell);
    } else if (!again) this.put(set);
    if (before && (another || set.aim !== this.set.aim)) this.aim(set.cell ?? undefined);
    this.set = set;
    this.tour.update(tour);
    this.changed(true);
  }

  /** Everything whose size is the model's. */
  resize() {
    const { $, network } = this;
    const { image, grid, cell } = network;
    for (const canvas of [$.ink, $.reconstruction, $.error, $.continuous, $.quantised]) {
      [canvas.width, canvas.height] = [image.width, image.height];
    }
    ({ width: $.tiles.width, height: $.tiles.height } = mosaicSize(network));
    const { style } = this.board;
    style.setProperty("--ratio", image.width / image.height);
    style.setProperty("--tile-ratio", cell.width / cell.height);
    style.setProperty("--rows", grid.height);
    style.setProperty("--columns", grid.width);
    this.pen.resize(image);
    showSize($, network);
    this.grid.resize(grid);
    this.why.resize(network);
    $.maps.replaceChildren();
    this.palette.resize(network);
    this.refill.resize();
    this.grid.point(undefined);
  }

  /** Put Python's picture on the canvas, or a blank one. */
  put({ pixels, edits, cell, example }) {
    this.example = Boolean(example);
    this.pixels = pixels ? Uint8ClampedArray.from(pixels) : this.blank;
    this.edits = edits ? Int32Array.from(edits) : this.unedited;
    if (cell !== null) this.aim(cell);
    this.say("");
  }

  /**
   * Take over a drawing made for another model, perhaps of another size; edits only where they mean the same codes.
   * @param {import("../shared/layers.js").Image & {pixels: Uint8ClampedArray, edits: ArrayLike<number>}} drawing
   * @param {ArrayLike<number>} [stillMeant]
   */
  adopt({ pixels, edits, height, width, channels }, stillMeant) {
    const [from, to] = [{ height, width, channels }, this.image];
    const fits = from.height === to.height && from.width === to.width;
    const taken = (pixels) => (fits && from.channels === to.channels ? pixels : resample(pixels, from, to));
    this.pixels = taken(pixels);
    this.edits = stillMeant?.length === this.unedited.length ? Int32Array.from(stillMeant) : this.unedited;
    this.history.adapt((state) => ({ pixels: taken(state.pixels), edits: this.unedited }));
    const notes = [];
    if (!fits) notes.push(`This model reads ${sized(to)} pixels: your drawing was resampled from ${sized(from)}.`);
    if (!stillMeant && Array.from(edits).some((code) => code >= 0)) {
      notes.push("Your edits of the codes are gone: their codes belonged to another model.");
    }
    this.say(notes.join(" "));
  }

  /** Tell Python what is on the canvas, once the page and the hand rest and the codes are those of these pixels. */
  announce(after = PAUSE) {
    this.hush();
    this.timer = setTimeout(() => {
      if (!this.root.isConnected) return; // another page has taken its place
      if (!resting()) return this.announce(SOON);
      if (!this.resting || this.engine.waiting || this.job.pixels !== this.pixels) return;
      const { fingerprint } = this;
      const [pixels, codes, edits] = [this.pixels, this.pass.chosen, this.edits].map((numbers) => [...numbers]);
      const { step } = this.tour;
      this.tell({ serial: this.set.serial, fingerprint, pixels, codes, edits, cell: this.target ?? -1, step });
      this.unannounced = false;
      this.$.grid.dataset.told = "";
    }, after);
  }

  /** Tell Python nothing before the next change. */
  hush() {
    clearTimeout(this.timer);
  }

  close() {
    this.hush();
    drew(undefined);
    this.engine?.close();
    this.best.stop();
    this.prior.close();
    this.tour.close();
  }

  // The drawing

  get blank() {
    return new Uint8ClampedArray(this.image.height * this.image.width * this.image.channels);
  }

  /** Edits that leave every cell to the encoder. */
  get unedited() {
    return new Int32Array(this.grid.cells.length).fill(-1);
  }

  /** Whether no hand is at work. */
  get resting() {
    return !this.pen.stroke && !this.grid.painting && !this.preview;
  }

  /** The pixels are others than before: show them and have them encoded, and at rest keep and announce them. */
  changed(resting) {
    this.ink++;
    paint(this.$.ink, this.pixels, this.image);
    const blank = !this.pixels.some((value) => value > 0);
    const { invitation } = this.$;
    invitation.hidden = !blank && !this.example;
    invitation.textContent = this.example ? "Draw your own here" : `Draw a ${this.noun} here`;
    invitation.classList.toggle("beside", this.example);
    this.$["title-digit"].textContent = this.example ? "An example" : `Your ${this.noun}`;
    this.request();
    if (resting) this.rest();
  }

  /** Have the pixels and codes passed through the model in the next animation frame. */
  request() {
    let { edits } = this;
    if (this.preview) {
      edits = edits.slice();
      for (const [cell, code] of this.preview) edits[cell] = code;
    }
    this.engine.request({ pixels: this.pixels, ink: this.ink, edits, deep: this.$.within.open });
  }

  rest() {
    this.unannounced = true;
    delete this.$.grid.dataset.told;
    this.enable();
    remember(this);
  }

  /** Grey out what would do nothing; never by `disabled`, which would throw the focus out of the workbench. */
  enable() {
    const { undo, redo, clear, restore, reset } = this.$;
    const useful = (button, use) => button.setAttribute("aria-disabled", String(!use));
    useful(undo, this.history.past.length);
    useful(redo, this.history.future.length);
    useful(clear, this.pixels.some((value) => value > 0) || this.edits.some((code) => code >= 0));
    useful(
      restore,
      this.set.pixels?.some((value, i) => value !== this.pixels[i]),
    );
    useful(
      reset,
      this.edits.some((code) => code >= 0),
    );
  }

  /** Remember pixels and edits for undo, before they change. */
  keep() {
    this.history.keep({ pixels: this.pixels, edits: this.edits });
  }

  /** Other pixels, and other edits where they are given, as one step of undo. */
  replace(pixels, edits = this.edits) {
    const same = (these, those) => these.every((value, i) => value === those[i]);
    if (!this.resting || (same(pixels, this.pixels) && same(edits, this.edits))) return;
    this.keep();
    Object.assign(this, { pixels, edits, example: false });
    this.changed(true);
  }

  /** Back to what was put on the canvas. */
  restore() {
    if (!this.set.pixels) return;
    this.replace(Uint8ClampedArray.from(this.set.pixels));
    this.example = Boolean(this.set.example);
    this.changed(true);
  }

  /** A hand begins to draw: on an example with the pen, a new drawing. Undo brings the example back, to draw over. */
  begin(erasing) {
    this.keep();
    const renew = this.example && !erasing;
    this.pixels = renew ? this.blank : this.pixels.slice();
    if (renew || this.best.on) this.edits = this.unedited;
    this.best.stop();
    this.example = false;
  }

  /** Undo or redo. */
  travel(way) {
    if (this.pen.stroke || this.grid.painting) return;
    const state = this.history[way]({ pixels: this.pixels, edits: this.edits });
    if (!state) return;
    this.best.leave();
    Object.assign(this, state, { example: false });
    this.changed(true);
  }

  // The codes

  /** Overrule cells: [[cell, code]], a code of -1 leaves the cell to the encoder. */
  edit(changes) {
    const { painting } = this.grid;
    const edits = this.edits.slice();
    for (const [cell, code] of changes) edits[cell] = code === this.pass.codes[cell] ? -1 : code;
    if (edits.every((code, cell) => code === this.edits[cell])) return;
    this.best.leave();
    if (!painting?.kept) this.keep(); // what one hand paints is undone in one step
    if (painting) painting.kept = true;
    this.edits = edits;
    this.say("");
    this.request();
    if (!painting) this.rest();
  }

  /** Make a cell the one that the palette is for. */
  aim(cell) {
    this.target = cell;
    this.grid.select(cell);
    this.palette.offer();
    this.read();
    this.tour.refresh();
    if (!this.set) return;
    this.rest(); // Python hears of it, for the address
    this.request();
  }

  get middle() {
    const { height, width } = this.network.grid;
    return Math.floor(height / 2) * width + Math.floor(width / 2);
  }

  // What the model makes of it

  show(job, pass) {
    this.job = job;
    this.pass = pass;
    paint(this.$.reconstruction, toBytes(pass.edited), this.image);
    this.compare();
    this.grid.show(pass, this.sought);
    if (!this.preview && job.edits === this.edits) this.palette.offer();
    this.read();
    this.why.show();
    this.refill.offer();
    this.best.offer();
    if (pass.inside) showInside(this.$, this.network, job.pixels, pass);
    this.tour.refresh();
    showScore(this.$, this.network, job.pixels, pass.edited);
    const { image, fingerprint, network, resting } = this;
    drew({ pixels: job.pixels, image, fingerprint, network, pass, resting });
    if (this.unannounced && this.resting && !this.engine.waiting) this.announce();
  }

  /** The reconstruction, or where it differs from the digit or from what the encoder alone chose. */
  compare() {
    const { view, pass, image } = this;
    this.$.error.hidden = view === "picture";
    for (const name of VIEWS) this.$[`show-${name}`].setAttribute("aria-pressed", String(name === view));
    if (!pass || view === "picture") return;
    const before = view === "error" ? this.job.pixels : toBytes(pass.pixels);
    paintDifference(this.$.error, before, toBytes(pass.edited), image);
  }

  /** The lines of words under the pictures. */
  read() {
    const { pass, target, network, sought } = this;
    if (!pass) return;
    const { pointed, mode } = this.grid;
    const { looking, brush } = this.palette;
    const named = (cell, code) => {
      const [row, column] = placeOf(cell, network.grid);
      const own = code === pass.codes[cell] ? "" : ` (encoder: ${pass.codes[cell]})`;
      return `<span class="first">row ${row + 1}, column ${column + 1}</span>: <b>code ${code}</b>${own}`;
    };
    const places = pass.chosen.filter((code) => code === sought).length;
    const found = sought === null ? "" : `; <b>code ${sought}</b>, framed, in ${places}`;
    const used = `${new Set(pass.chosen).size} of ${count(network.K)} codes in use${found}`;
    write(this.$.readout, pointed !== undefined ? named(pointed, pass.chosen[pointed]) : this.best.short || used);
    const swap = looking === undefined ? "Pick another code." : `Click for <b>code ${looking}</b>.`;
    const chosen = (cell) => named(cell, this.edits[cell] < 0 ? pass.codes[cell] : this.edits[cell]);
    const tasks = {
      choose:
        target === undefined
          ? "Pick a cell above, then another code for it"
          : `${chosen(target)}. <span class="do">${swap}</span>`,
      paint: `Painting <b>code ${looking ?? brush}</b>: drag over cells`,
      restore: "Drag over cells to give them back to the encoder",
      redraw: this.refill.sentence,
    };
    write(this.$.task, tasks[mode]);
    const legends = {
      picture: "Drawn from the codes alone",
      error: `${SWATCHES[0]} more ink than your ${this.noun} ${SWATCHES[1]} less`,
      edits: `${SWATCHES[0]} ink that your edits add ${SWATCHES[1]} or take away`,
    };
    write(this.$.legend, legends[this.view]);
    this.why.explain();
  }

  say(sentence) {
    this.$.status.textContent = sentence;
  }

  /** Keys that work while the focus is anywhere in the workbench. */
  key(event) {
    const key = event.key.toLowerCase();
    const { undo, redo, clear, pen, eraser, numbers, brush } = this.$;
    if (event.ctrlKey || event.metaKey) {
      const button = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" ? redo : undefined;
      if (!button) return;
      event.preventDefault();
      event.stopPropagation();
      button.click();
      return;
    }
    if (event.altKey) return;
    const buttons = { p: pen, e: eraser, n: numbers, delete: clear, backspace: clear };
    const sizes = { "[": -0.5, "]": 0.5 };
    if (buttons[key]) buttons[key].click();
    else if (sizes[key]) brush.value = Number(brush.value) + sizes[key];
    else return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
  }
}
