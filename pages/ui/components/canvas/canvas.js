// The workbench on the page: a pen, the grid of codes, the reconstruction and its scorecard.
//
// Ink never waits: pointer events draw at once, and one forward pass runs for each animation frame on the latest
// pixels. Python hears of a drawing after a stroke.

import { Engine } from "../shared/engine.js";
import { resting } from "../shared/idle.js";
import { paint } from "../shared/pixels.js";
import {
  bitsPerCode,
  certainty,
  fromBytes,
  nearest,
  receptiveField,
  resample,
  score,
  tile,
  toBytes,
} from "../shared/vqvae.js";
import { codeOf, locate, make, save, toggle, write } from "./elements.js";
import { LESS, MORE, mosaic, paintDifference, paintMaps, tilesSize } from "./pictures.js";
import { remember, remembered } from "./storage.js";
import { OTHERS, Walk } from "./tour.js";
import { count, figure, sized } from "./words.js";

const PAUSE = 250; // milliseconds between the end of a stroke and the message to Python
const UNDOS = 200;
const NEAREST = 5;
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const SWATCHES = [MORE, LESS].map((color) => `<i style="color: rgb(${color})">■</i>`);

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue }) {
  parentElement.workbench ??= new Workbench(parentElement);
  parentElement.workbench.update(data, (drawing) => setStateValue("drawing", drawing));
  return () => parentElement.workbench.close();
}

class Workbench {
  constructor(root) {
    this.root = root;
    this.$ = Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
    this.erasing = false;
    this.mode = "choose"; // what a hand does to cells: choose, paint or restore
    this.compared = "picture";
    this.heat = "nothing";
    this.ink = 0; // grows with every change of the pixels
    this.past = []; // of {pixels, edits}; neither array changes once it is in here
    this.future = [];
    this.cells = [];
    this.options = [];
    this.focused = 0;
    this.brush = 0;
    this.tour = new Walk(this);
    this.listen();
  }

  // Python's side

  update({ model, set, walk }, tell) {
    this.tell = tell;
    this.sought = walk.code;
    const before = this.image;
    if (this.engine?.description.fingerprint !== model.fingerprint) {
      this.engine?.close();
      this.engine = new Engine(model, (job, pass) => this.show(job, pass));
      this.network = this.engine.network;
      this.image = this.network.image;
      this.stroke = this.pass = this.painting = this.preview = this.target = this.visited = undefined;
      this.resize();
      if (before) this.adopt({ ...before, pixels: this.pixels, edits: this.edits });
    }
    if (before && set.serial !== this.set.serial) this.keep();
    const kept = before ? undefined : remembered(set);
    if (kept) {
      this.adopt(kept, kept.fingerprint === model.fingerprint ? kept.edits : undefined);
      if (set.cell !== null) this.aim(set.cell);
    } else if (!before || set.serial !== this.set.serial) this.put(set);
    this.set = set;
    this.tour.update(walk);
    this.changed(true);
  }

  /** Put Python's picture on the canvas, or a blank one. */
  put({ pixels, edits, cell }) {
    this.pixels = pixels ? Uint8ClampedArray.from(pixels) : new Uint8ClampedArray(this.size);
    this.edits = edits ? Int32Array.from(edits) : this.unedited;
    if (cell !== null) this.aim(cell);
    this.say("");
  }

  /** Take over a drawing made for another model, perhaps of another size; edits only where they mean the same codes. */
  adopt({ pixels, edits, ...from }, stillMeant) {
    const to = this.image;
    const fits = from.height === to.height && from.width === to.width;
    const taken = (pixels) => (fits && from.channels === to.channels ? pixels : resample(pixels, from, to));
    this.pixels = taken(pixels);
    this.edits = stillMeant?.length === this.cells.length ? Int32Array.from(stillMeant) : this.unedited;
    this.past = this.past.map((state) => ({ pixels: taken(state.pixels), edits: this.unedited }));
    this.future = this.future.map((state) => ({ pixels: taken(state.pixels), edits: this.unedited }));
    const notes = [];
    if (!fits) notes.push(`This model reads ${sized(to)} pixels: your drawing was resampled from ${sized(from)}.`);
    if (!stillMeant && edits.some((code) => code >= 0)) {
      notes.push("Your edits of the codes are gone: they were codes of another model.");
    }
    this.say(notes.join(" "));
  }

  close() {
    clearTimeout(this.timer);
    this.engine?.close();
    this.tour.close();
  }

  get size() {
    return this.image.height * this.image.width * this.image.channels;
  }

  /** Edits that leave every cell to the encoder. */
  get unedited() {
    return new Int32Array(this.cells.length).fill(-1);
  }

  get resting() {
    return !this.stroke && !this.painting && !this.preview;
  }

  /**
   * Tell Python what is on the canvas, once the page and the hand rest and the codes are those of these pixels.
   */
  announce() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.root.isConnected) return; // another page has taken its place
      if (!resting()) return this.announce();
      if (!this.resting || this.engine.waiting || this.job.pixels !== this.pixels) return;
      const { serial } = this.set;
      const { fingerprint } = this.engine.description;
      const [pixels, codes, edits] = [this.pixels, this.pass.chosen, this.edits].map((numbers) => [...numbers]);
      this.tell({ serial, fingerprint, pixels, codes, edits, cell: this.target ?? -1, step: this.tour.step });
      this.unannounced = false;
      this.$.grid.dataset.told = "";
    }, PAUSE);
  }

  // The drawing

  /** The pixels are others than before: show them and have them encoded, and at rest keep and announce them. */
  changed(resting) {
    this.ink++;
    paint(this.$.ink, this.pixels, this.image);
    this.$.invitation.hidden = this.pixels.some((value) => value > 0);
    this.request();
    if (resting) this.rest();
  }

  request() {
    let { edits } = this;
    if (this.preview) {
      edits = edits.slice();
      edits[this.preview.cell] = this.preview.code;
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
    useful(undo, this.past.length);
    useful(redo, this.future.length);
    useful(clear, this.pixels.some((value) => value > 0));
    useful(restore, this.set.pixels?.some((value, i) => value !== this.pixels[i]));
    useful(reset, this.edits.some((code) => code >= 0));
  }

  /** Remember pixels and edits for undo, before they change. */
  keep() {
    this.past.push({ pixels: this.pixels, edits: this.edits });
    if (this.past.length > UNDOS) this.past.shift();
    this.future = [];
  }

  replace(pixels) {
    if (!this.resting || pixels.every((value, i) => value === this.pixels[i])) return;
    this.keep();
    this.pixels = pixels;
    this.changed(true);
  }

  travel(from, to) {
    if (!from.length || this.stroke || this.painting) return;
    to.push({ pixels: this.pixels, edits: this.edits });
    Object.assign(this, from.pop());
    this.changed(true);
  }

  begin(x, y, erasing) {
    this.keep();
    this.pixels = this.pixels.slice();
    this.stroke = { x, y, erasing };
    clearTimeout(this.timer);
    this.extend(x, y);
    this.changed(false);
  }

  /** Ink from the last point to this one: full within the brush, fading over one pixel at its edge, like MNIST's. */
  extend(x, y) {
    const { stroke, pixels, radius } = this;
    const { height, width, channels } = this.image;
    const [dx, dy] = [x - stroke.x, y - stroke.y];
    const squared = dx * dx + dy * dy;
    const reach = radius + 0.5;
    const rows = [Math.min(y, stroke.y) - reach, Math.max(y, stroke.y) + reach];
    const columns = [Math.min(x, stroke.x) - reach, Math.max(x, stroke.x) + reach];
    for (let row = Math.max(0, Math.floor(rows[0])); row < Math.min(height, Math.ceil(rows[1])); row++) {
      for (let column = Math.max(0, Math.floor(columns[0])); column < Math.min(width, Math.ceil(columns[1])); column++) {
        const [px, py] = [column + 0.5 - stroke.x, row + 0.5 - stroke.y];
        const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const cover = 255 * Math.min(1, Math.max(0, reach - distance));
        for (let i = (row * width + column) * channels, end = i + channels; i < end; i++) {
          pixels[i] = stroke.erasing ? Math.min(pixels[i], 255 - cover) : Math.max(pixels[i], cover);
        }
      }
    }
    stroke.x = x;
    stroke.y = y;
  }

  end() {
    this.stroke = undefined;
    this.pixels = this.pixels.slice(); // a new object: what was announced or kept for undo never changes
    this.changed(true);
  }

  /** Radius of the nib in pixels of the model. */
  get radius() {
    return (Number(this.$.brush.value) / 2) * ((this.stroke?.erasing ?? this.erasing) ? 1.5 : 1);
  }

  // The codes

  /** Overrule cells: [[cell, code]], a code of -1 leaves the cell to the encoder. */
  edit(changes) {
    const edits = this.edits.slice();
    for (const [cell, code] of changes) edits[cell] = code === this.pass.codes[cell] ? -1 : code;
    if (edits.every((code, cell) => code === this.edits[cell])) return;
    if (!this.painting) this.keep();
    else if (!this.painting.kept) this.painting.kept = (this.keep(), true);
    this.edits = edits;
    this.say("");
    this.request();
    if (!this.painting) this.rest();
  }

  /** Make a cell the one that the palette is for. */
  aim(cell) {
    this.target = cell;
    this.cells.forEach((element, index) => element.setAttribute("aria-selected", String(index === cell)));
    this.offer();
    this.read();
    this.tour.refresh();
    if (!this.set) return;
    this.rest(); // Python hears of it, for the address
    this.request();
  }

  /** What a hand on a cell does, by the mode it is in. */
  handle(cell) {
    if (this.mode === "choose") this.aim(cell);
    else this.edit([[cell, this.mode === "paint" ? this.brush : -1]]);
  }

  /** Show a code in the cell aimed at, for as long as the hand stays on it. */
  look(code) {
    const cell = this.target;
    const preview = code === undefined || cell === undefined || this.mode !== "choose" ? undefined : { cell, code };
    this.looking = code;
    if (preview?.code !== this.preview?.code || preview?.cell !== this.preview?.cell) {
      this.preview = preview;
      this.request();
    }
    this.read();
  }

  /** Take a code out of the palette: for the cell aimed at, else to paint with. */
  choose(code) {
    this.brush = code;
    this.preview = undefined;
    if (this.mode !== "paint" && this.target === undefined) this.work("paint");
    if (this.mode === "choose") {
      this.edit([[this.target, code]]);
      this.request();
    }
    this.offer();
    this.read();
  }

  work(mode) {
    this.mode = mode;
    for (const name of ["choose", "paint", "restore"]) {
      this.$[`cells-${name}`].setAttribute("aria-pressed", String(name === mode));
    }
    if (mode !== "choose") this.aim(undefined);
    this.$.grid.dataset.mode = mode;
    this.offer();
    this.read();
  }

  /** Mark in the palette the code at hand; touches the two tiles that change alone, as it runs with every pass. */
  offer() {
    const code = this.mode === "paint" ? this.brush : this.target === undefined ? undefined : this.pass?.chosen[this.target];
    if (code === this.offered) return;
    this.options[this.offered]?.setAttribute("aria-selected", "false");
    this.options[code]?.setAttribute("aria-selected", "true");
    this.offered = code;
    if (code !== undefined) this.reach(code);
  }

  /** Make a tile the one that the Tab key reaches. */
  reach(code) {
    this.options[this.reached].tabIndex = -1;
    this.options[code].tabIndex = 0;
    this.reached = code;
  }

  /**
   * Draw the palette's tiles while nothing else is to do, few at a time. They are images: each canvas would be a layer
   * of its own for the browser to put together, frame by frame, at four times the cost of the forward pass.
   */
  fill() {
    const { network } = this;
    const { cell, image } = network;
    const easel = Object.assign(document.createElement("canvas"), cell);
    let next = 0;
    this.pictures = [];
    const some = () => {
      if (network !== this.network) return;
      const begun = performance.now();
      while (next < network.K && !this.stroke && performance.now() - begun < 8) {
        paint(easel, tile(network, next), { ...cell, channels: image.channels });
        this.pictures[next] = easel.toDataURL();
        Object.assign(this.options[next].firstChild, { src: this.pictures[next], hidden: false });
        next++;
      }
      if (next < network.K) setTimeout(some, 8);
      else this.read();
    };
    setTimeout(some, 100);
  }

  // What the model makes of it

  show(job, pass) {
    this.job = job;
    this.pass = pass;
    paint(this.$.reconstruction, toBytes(pass.edited), this.image);
    this.compare();
    this.showCodes();
    if (this.heat !== "nothing") this.warm();
    this.showInside();
    this.tour.refresh();
    const { mse, nmse, psnr } = score(this.network, fromBytes(job.pixels), pass.edited);
    this.$.mse.textContent = mse.toFixed(4);
    this.$.nmse.textContent = nmse.toFixed(3);
    this.$.psnr.textContent = Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : "∞ dB";
    if (this.unannounced && this.resting && !this.engine.waiting) this.announce();
  }

  compare() {
    const { compared, pass, image } = this;
    this.$.error.hidden = compared === "picture";
    for (const name of ["picture", "error", "edits"]) {
      this.$[`show-${name}`].setAttribute("aria-pressed", String(name === compared));
    }
    if (!pass || compared === "picture") return;
    const before = compared === "error" ? this.job.pixels : toBytes(pass.pixels);
    paintDifference(this.$.error, before, toBytes(pass.edited), image);
  }

  showCodes() {
    const { network, pass, job } = this;
    const { grid, image } = network;
    paint(this.$.tiles, mosaic(network, pass.chosen), { ...tilesSize(network), channels: image.channels });
    pass.chosen.forEach((code, index) => {
      const element = this.cells[index];
      const [edited, sought] = [code !== pass.codes[index], code === this.sought].map(String);
      if (element.dataset.sought !== sought) element.dataset.sought = sought;
      if (element.dataset.code !== String(code)) {
        const [row, column] = [Math.floor(index / grid.width), index % grid.width];
        element.dataset.code = code;
        element.setAttribute("aria-label", `row ${row + 1}, column ${column + 1}, code ${code}`);
      }
      if (element.dataset.edited !== edited) {
        element.dataset.edited = edited;
        element.setAttribute("aria-description", edited === "true" ? `edited; the encoder chose ${pass.codes[index]}` : "");
      }
    });
    if (!this.preview && job.edits === this.edits) this.offer();
    this.read();
  }

  /** Everything whose size is the model's. */
  resize() {
    const { image, grid, cell, K } = this.network;
    for (const id of ["ink", "reconstruction", "error"]) [this.$[id].width, this.$[id].height] = [image.width, image.height];
    const tiles = tilesSize(this.network);
    [this.$.tiles.width, this.$.tiles.height] = [tiles.width, tiles.height];
    const { style } = this.root.querySelector(".workbench");
    style.setProperty("--ratio", image.width / image.height);
    style.setProperty("--tile-ratio", cell.width / cell.height);
    style.setProperty("--rows", grid.height);
    style.setProperty("--columns", grid.width);

    const side = Math.min(image.height, image.width);
    const { brush } = this.$;
    const share = brush.value / brush.max;
    [brush.min, brush.max, brush.step] = [1, Math.max(2, Math.round(side / 5)), 0.5];
    brush.value = this.brushed ? share * brush.max : Math.max(1, side / 11);
    this.brushed = true;

    const bits = bitsPerCode(K);
    const [cells, bytes] = [grid.height * grid.width, this.size];
    const total = cells * bits;
    this.$.size.textContent = `${count(bytes)} bytes → ${count(total)} bits`;
    const times = total ? `, ${count(Math.round((bytes * 8) / total))} times smaller` : "";
    this.$.sum.textContent = `${count(cells)} codes × ${bits} bits = ${count(total)} bits${times}`;
    this.$["bar-codes"].style.width = `${(100 * total) / (bytes * 8)}%`;

    this.cells = [];
    this.$.grid.replaceChildren(
      ...Array.from({ length: grid.height }, () => {
        const line = make("div", "row");
        for (let column = 0; column < grid.width; column++) {
          const cell = make("div", "gridcell");
          const index = this.cells.push(cell) - 1;
          cell.tabIndex = index ? -1 : 0;
          cell.onfocus = () => this.focus(index);
          cell.onblur = () => this.point(undefined);
          line.append(cell);
        }
        return line;
      }),
    );
    this.nears = Array.from({ length: Math.min(NEAREST, K) }, (_, rank) => {
      const button = document.createElement("button");
      button.className = "near";
      const picture = Object.assign(new Image(cell.width, cell.height), { alt: "", hidden: true });
      button.append(picture, document.createElement("span"), document.createElement("i"));
      button.onclick = () => this.edit([[this.asked, this.near[rank].code]]);
      return button;
    });
    this.$.nearest.replaceChildren(...this.nears);
    this.$.swap.hidden = K < 2;
    for (const id of ["continuous", "quantised"]) [this.$[id].width, this.$[id].height] = [image.width, image.height];
    this.$.maps.replaceChildren();
    this.options = Array.from({ length: K }, (_, code) => {
      const option = make("div", "option");
      option.setAttribute("aria-label", `code ${code}`);
      option.title = `code ${code}`;
      option.tabIndex = code ? -1 : 0;
      option.dataset.code = code;
      option.append(Object.assign(new Image(cell.width, cell.height), { alt: "", draggable: false, hidden: true }));
      return option;
    });
    this.$.palette.replaceChildren(...this.options);
    this.brush = this.focused = this.reached = 0;
    this.offered = undefined;
    this.point(undefined);
    this.fill();
  }

  /** Show where a cell lies in all three pictures. */
  point(index) {
    if (index === this.pointed && index !== undefined) return;
    this.pointed = index;
    this.cells.forEach((cell, i) => cell.classList.toggle("pointed", i === index));
    const { grid } = this.network;
    this.$["input-spot"].hidden = this.$["output-spot"].hidden = index === undefined;
    if (index !== undefined) {
      const [row, column] = [Math.floor(index / grid.width), index % grid.width];
      const { height, width } = this.image;
      const { top, bottom, left, right } = receptiveField(this.network, row, column);
      locate(this.$["input-spot"], top / height, left / width, (bottom - top) / height, (right - left) / width);
      locate(this.$["output-spot"], row / grid.height, column / grid.width, 1 / grid.height, 1 / grid.width);
      this.visited = index;
    }
    this.read();
    if (this.tour.step === OTHERS) this.tour.refresh();
  }

  focus(index) {
    this.cells[this.focused].tabIndex = -1;
    this.cells[index].tabIndex = 0;
    this.focused = index;
    this.point(index);
  }

  /** The lines of words under the pictures. */
  read() {
    const { pass, pointed, target, mode, network, looking } = this;
    if (!pass) return;
    const place = (cell) => `row ${Math.floor(cell / network.grid.width) + 1}, column ${(cell % network.grid.width) + 1}`;
    const named = (cell, code) => {
      const own = code === pass.codes[cell] ? "" : ` (encoder: ${pass.codes[cell]})`;
      return `<span class="first">${place(cell)}</span>: <b>code ${code}</b>${own}`;
    };
    const places = pass.chosen.filter((code) => code === this.sought).length;
    const found = this.sought === null ? "" : `; <b>code ${this.sought}</b>, framed, in ${places}`;
    const used = `${new Set(pass.chosen).size} different of ${count(network.K)} codes${found}`;
    write(this.$.readout, pointed !== undefined ? named(pointed, pass.chosen[pointed]) : used);
    const swap = looking === undefined ? "pick its code below" : `click for <b>code ${looking}</b>`;
    const painting = `Painting <b>code ${looking ?? this.brush}</b>: drag over cells`;
    const words = {
      choose: target === undefined ? "Pick a cell above, then another code for it" : `${named(target, this.edits[target] < 0 ? pass.codes[target] : this.edits[target])}, ${swap}`,
      paint: painting,
      restore: "Drag over cells to give them back to the encoder",
    };
    write(this.$.task, words[mode]);
    const legends = {
      picture: "Drawn from the codes alone",
      error: `${SWATCHES[0]} more ink than your digit ${SWATCHES[1]} less`,
      edits: `${SWATCHES[0]} ink that your edits add ${SWATCHES[1]} or take away`,
    };
    write(this.$.legend, legends[this.compared]);
    this.explain();
  }

  /** The nearest codes of the cell under the hand, or of the last one; not while the pen draws elsewhere. */
  explain() {
    const { network, pass } = this;
    if (this.stroke) return;
    const cell = (this.asked = this.pointed ?? this.target ?? this.visited ?? this.middle);
    this.near = nearest(network, pass.distances, cell, NEAREST);
    const farthest = Math.max(this.near.at(-1).distance, 1e-12);
    this.near.forEach(({ code, distance }, rank) => {
      const button = this.nears[rank];
      const [picture, words, bar] = button.children;
      if (this.pictures[code] && picture.src !== this.pictures[code]) Object.assign(picture, { src: this.pictures[code], hidden: false });
      write(words, `<b>code ${code}</b><small>${figure(distance)}</small>`);
      bar.style.width = `${(100 * distance) / farthest}%`;
      button.setAttribute("aria-label", `code ${code}, squared distance ${figure(distance)}`);
      button.setAttribute("aria-pressed", String(code === pass.chosen[cell]));
    });
    const [first, second] = this.near;
    const place = `Row ${Math.floor(cell / network.grid.width) + 1}, column ${(cell % network.grid.width) + 1}`;
    const margin = second ? `; the runner-up is <b>${figure(second.distance - first.distance)}</b> farther` : "";
    write(this.$.facts, `${place}: quantisation error <b>${figure(first.distance)}</b>${margin}`);
  }

  get middle() {
    const { height, width } = this.network.grid;
    return Math.floor(height / 2) * width + Math.floor(width / 2);
  }

  /** Warm cells: far from their code, or close to choosing another. */
  warm() {
    for (const name of ["nothing", "error", "margin"]) {
      this.$[`heat-${name}`].setAttribute("aria-pressed", String(name === this.heat));
    }
    const values = this.heat === "nothing" ? undefined : certainty(this.network, this.pass.distances)[this.heat];
    // By rank: a few extreme cells would leave all others alike.
    const ranks = values && [...values.keys()].sort((a, b) => values[a] - values[b]);
    if (this.heat === "margin") ranks.reverse();
    const warmth = new Float64Array(this.cells.length);
    ranks?.forEach((cell, rank) => (warmth[cell] = (rank / Math.max(1, ranks.length - 1)) ** 2));
    this.cells.forEach((cell, index) => {
      const [green, alpha] = [Math.round(180 - 110 * warmth[index]), (0.85 * warmth[index]).toFixed(3)];
      cell.style.background = values ? `rgb(255 ${green} 30 / ${alpha})` : "";
      cell.title = values ? `${this.heat} ${figure(values[index])}` : "";
    });
  }

  /** The pictures from z_e and from the codes, and the feature map after every layer. */
  showInside() {
    const { inside, edited } = this.pass;
    if (!inside) return;
    const pixels = fromBytes(this.job.pixels);
    const errors = [inside.continuous, edited].map((picture) => score(this.network, pixels, picture).nmse);
    paint(this.$.continuous, toBytes(inside.continuous), this.image);
    paint(this.$.quantised, toBytes(edited), this.image);
    this.$["continuous-note"].textContent = `from z_e, not quantised: NMSE ${errors[0].toFixed(3)}`;
    this.$["quantised-note"].textContent = `from z_q, the codes: NMSE ${errors[1].toFixed(3)}`;
    this.$["origins-note"].textContent =
      "The left picture skips the codebook: its error is the autoencoder's own. What the right one adds is the price of " +
      "writing every cell as one code. Below, the feature map after each layer; a click enlarges one.";
    const layers = [...inside.encoder.map((layer) => ["encoder", layer]), ...inside.decoder.map((layer) => ["decoder", layer])];
    if (this.$.maps.children.length !== layers.length) {
      this.$.maps.replaceChildren(
        ...layers.map(() => {
          const button = document.createElement("button");
          button.className = "map";
          button.append(document.createElement("canvas"), document.createElement("small"));
          button.onclick = () => button.setAttribute("aria-expanded", String(button.classList.toggle("large")));
          return button;
        }),
      );
    }
    layers.forEach(([stack, { name, map }], n) => {
      const [picture, caption] = this.$.maps.children[n].children;
      paintMaps(picture, map);
      caption.textContent = `${stack}: ${name}, ${map.channels} × ${map.height} × ${map.width}`;
    });
  }

  say(sentence) {
    this.$.status.textContent = sentence;
  }

  // In and out

  /** The grid as text: a line for each row. */
  get text() {
    const { width } = this.network.grid;
    const codes = [...this.pass.chosen];
    return Array.from({ length: codes.length / width }, (_, row) => codes.slice(row * width, (row + 1) * width).join(" ")).join("\n");
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.text);
      this.say("The codes are copied as text.");
    } catch {
      this.say("This browser does not let the page copy: focus a cell and press Ctrl+C.");
    }
  }

  /** Take over a grid of codes from text; what is no such grid changes nothing. */
  paste(text) {
    const { grid, K } = this.network;
    const lines = text.trim().split(/\s*\n\s*/).map((line) => line.split(/[\s,;]+/));
    const fits = lines.length === grid.height && lines.every((line) => line.length === grid.width);
    const codes = lines.flat();
    if (!fits || !codes.every((code) => /^\d{1,6}$/.test(code) && Number(code) < K)) {
      this.say(`That is no grid for this model: expected ${sized(grid)} whole numbers from 0 to ${K - 1}, a line for each row.`);
      return;
    }
    this.edit(codes.map((code, cell) => [cell, Number(code)]));
    this.say("The codes are pasted.");
  }

  async pasteFromClipboard() {
    try {
      this.paste(await navigator.clipboard.readText());
    } catch {
      this.say("This browser does not let the page paste: focus a cell and press Ctrl+V.");
    }
  }

  /** Input, grid and reconstruction side by side. */
  async savePicture() {
    const [scale, gap] = [10, 20];
    const { height, width } = this.image;
    const picture = Object.assign(document.createElement("canvas"), { width: 3 * width * scale + 2 * gap, height: height * scale });
    const context = picture.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, picture.width, picture.height);
    context.imageSmoothingEnabled = false;
    ["ink", "tiles", "reconstruction"].forEach((id, n) => {
      context.drawImage(this.$[id], n * (width * scale + gap), 0, width * scale, height * scale);
    });
    save("digit.png", await new Promise((done) => picture.toBlob(done)));
  }

  saveNumbers() {
    const { image, network, pass } = this;
    const { fingerprint } = this.engine.description;
    const distances = Array.from(pass.codes, (_, cell) =>
      Array.from(pass.distances.subarray(cell * network.K, (cell + 1) * network.K)),
    );
    const numbers = { fingerprint, image, grid: network.grid, K: network.K, pixels: [...this.pixels] };
    Object.assign(numbers, { codes: [...pass.chosen], encoder_codes: [...pass.codes], squared_distances: distances });
    save("digit.json", new Blob([JSON.stringify(numbers)], { type: "application/json" }));
  }

  // Hands

  listen() {
    const { ink, brush, pen, eraser, undo, redo, clear, restore, numbers, grid, palette, reset } = this.$;
    ink.onpointerdown = (event) => {
      if (!event.isPrimary || (event.button > 0 && event.button !== 5) || this.stroke) return;
      event.preventDefault();
      ink.focus({ preventScroll: true });
      ink.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.begin(...this.position(event), this.erasing || event.button === 5); // 5: a pen's eraser
      this.hover(event);
    };
    ink.onpointermove = (event) => {
      this.hover(event);
      if (!this.stroke || event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const point of events.length ? events : [event]) this.extend(...this.position(point));
      this.changed(false);
    };
    ink.onpointerup = ink.onpointercancel = ink.onlostpointercapture = (event) => {
      if (!this.stroke || event.pointerId !== this.pointer) return;
      this.pointer = undefined;
      this.end();
    };
    ink.onpointerleave = () => (this.$.nib.hidden = true);
    ink.oncontextmenu = (event) => event.preventDefault();
    ink.onkeydown = (event) => this.draw(event);
    ink.onkeyup = (event) => event.key === " " && this.stroke && this.pointer === undefined && this.end();
    ink.onblur = () => {
      if (this.stroke && this.pointer === undefined) this.end();
      this.$.nib.hidden = true;
    };

    pen.onclick = () => this.take(false);
    eraser.onclick = () => this.take(true);
    undo.onclick = () => this.travel(this.past, this.future);
    redo.onclick = () => this.travel(this.future, this.past);
    clear.onclick = () => this.replace(new Uint8ClampedArray(this.size));
    restore.onclick = () => this.set.pixels && this.replace(Uint8ClampedArray.from(this.set.pixels));
    brush.oninput = () => (this.$.nib.hidden = true);

    for (const mode of ["choose", "paint", "restore"]) this.$[`cells-${mode}`].onclick = () => this.work(mode);
    reset.onclick = () => this.edit(Array.from(this.cells, (_, cell) => [cell, -1]));
    numbers.onclick = () => grid.classList.toggle("numbers", toggle(numbers));
    for (const name of ["picture", "error", "edits"]) {
      this.$[`show-${name}`].onclick = () => {
        this.compared = name;
        this.compare();
        this.read();
      };
    }
    for (const name of ["nothing", "error", "margin"]) {
      this.$[`heat-${name}`].onclick = () => {
        this.heat = name;
        this.warm();
      };
    }
    this.$.swap.onclick = () => this.edit([[this.asked, this.near[1].code]]);
    this.$.within.ontoggle = () => this.request();
    grid.onpointerdown = (event) => {
      if (!event.isPrimary || event.button > 0 || this.mode === "choose" || !this.pass) return;
      grid.setPointerCapture(event.pointerId);
      this.painting = { pointer: event.pointerId };
      clearTimeout(this.timer);
      this.handle(this.cellAt(event));
    };
    grid.onpointermove = (event) => {
      const cell = this.cellAt(event);
      if (event.pointerType !== "touch" || this.painting) this.point(cell);
      if (cell !== undefined && event.pointerId === this.painting?.pointer) this.handle(cell);
    };
    grid.onpointerup = grid.onpointercancel = grid.onlostpointercapture = (event) => {
      if (event.pointerId !== this.painting?.pointer) return;
      const { kept } = this.painting;
      this.painting = undefined;
      if (kept) this.rest();
      this.request();
    };
    grid.onpointerleave = () => this.point(undefined);
    grid.onclick = (event) => this.mode === "choose" && this.handle(this.cellAt(event));
    grid.onkeydown = (event) => this.wander(event);
    palette.onpointerover = (event) => event.pointerType !== "touch" && this.look(codeOf(event.target));
    palette.onpointerdown = (event) => event.pointerType === "touch" && this.look(codeOf(event.target)); // held: a preview
    palette.onpointerleave = palette.onpointercancel = () => this.look(undefined);
    palette.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && this.look(codeOf(event.target)));
    palette.addEventListener("focusout", () => this.look(undefined));
    palette.onclick = (event) => codeOf(event.target) !== undefined && this.choose(codeOf(event.target));
    palette.onkeydown = (event) => this.browse(event);

    this.$.copy.onclick = () => this.copy();
    this.$.paste.onclick = () => this.pasteFromClipboard();
    this.$["save-picture"].onclick = () => this.savePicture();
    this.$["save-numbers"].onclick = () => this.saveNumbers();
    const workbench = this.root.querySelector(".workbench");
    workbench.onkeydown = (event) => this.shortcut(event);
    workbench.oncopy = (event) => {
      event.preventDefault();
      event.clipboardData.setData("text/plain", this.text);
      this.say("The codes are copied as text.");
    };
    workbench.onpaste = (event) => {
      event.preventDefault();
      this.paste(event.clipboardData.getData("text/plain"));
    };
  }

  take(erasing) {
    this.erasing = erasing;
    this.$.pen.setAttribute("aria-pressed", String(!erasing));
    this.$.eraser.setAttribute("aria-pressed", String(erasing));
    this.$.nib.hidden = true;
  }

  /** Where a pointer is, in pixels of the model. */
  position(event) {
    const box = this.$.ink.getBoundingClientRect();
    const { height, width } = this.image;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  /** The cell under a pointer, if any. */
  cellAt(event) {
    const box = this.$.grid.getBoundingClientRect();
    const { height, width } = this.network.grid;
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : undefined;
  }

  hover(event) {
    if (event.pointerType !== "touch") this.nib(...this.position(event));
  }

  /** The outline of the nib, where the next ink would go. */
  nib(x, y) {
    const { nib } = this.$;
    const { height, width } = this.image;
    nib.hidden = false;
    nib.classList.toggle("erasing", this.stroke?.erasing ?? this.erasing);
    const size = 2 * this.radius + 0.5;
    nib.style.width = `${(100 * size) / width}%`;
    nib.style.height = `${(100 * size) / height}%`;
    nib.style.transform = `translate(${100 * (x / size - 0.5)}%, ${100 * (y / size - 0.5)}%)`;
    this.place = [x, y];
  }

  /** The pen by keyboard: arrows move it, the space bar held down draws. */
  draw(event) {
    const step = ARROWS[event.key];
    if ((!step && event.key !== " ") || this.tour.claims(event)) return;
    event.preventDefault();
    const { height, width } = this.image;
    let [x, y] = this.place ?? [width / 2, height / 2];
    if (step) {
      x = Math.min(width, Math.max(0, x + step[0]));
      y = Math.min(height, Math.max(0, y + step[1]));
      if (this.stroke) {
        this.extend(x, y);
        this.changed(false);
      }
    } else if (!this.stroke) {
      this.begin(x, y, this.erasing);
    }
    this.nib(x, y);
  }

  /** Through the grid with the arrow keys; Enter does what a click does, Delete gives a cell back to the encoder. */
  wander(event) {
    if (this.tour.claims(event)) return;
    const { focused } = this;
    const { height, width } = this.network.grid;
    const step = ARROWS[event.key];
    if (step) {
      const [column, row] = [(focused % width) + step[0], Math.floor(focused / width) + step[1]];
      if (column >= 0 && column < width && row >= 0 && row < height) this.cells[row * width + column].focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.handle(focused);
      if (this.mode === "choose") this.options[this.pass.chosen[focused]].focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.edit([[focused, -1]]);
    } else if (event.key === "Escape") {
      this.aim(undefined);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Through the palette with the arrow keys; Enter chooses, Escape goes back to the grid. */
  browse(event) {
    const code = codeOf(event.target);
    const step = ARROWS[event.key];
    if (code === undefined || this.tour.claims(event)) return;
    if (step) {
      const top = this.options[0].offsetTop;
      const line = Math.max(1, this.options.findIndex((option) => option.offsetTop > top));
      const next = this.options[code + step[0] + step[1] * line];
      if (next) {
        this.reach(Number(next.dataset.code));
        next.focus();
      }
    } else if (event.key === "Enter" || event.key === " ") {
      this.choose(code);
      this.cells[this.target ?? this.focused].focus();
    } else if (event.key === "Escape") {
      this.look(undefined);
      this.cells[this.target ?? this.focused].focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Keys that work while the focus is anywhere in the workbench. */
  shortcut(event) {
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
