// The grid of codes: what each cell holds, where it lies in all three pictures, and hands that choose, paint and restore.

import { mosaic, mosaicSize, placeOf } from "../shared/codes.js";
import { locate, make, toggle } from "../shared/elements.js";
import { receptiveField } from "../shared/fields.js";
import { ARROWS } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";

const MODES = ["choose", "paint", "restore", "redraw"]; // what a hand does to cells

export class Grid {
  /** `bench` is the Workbench whose codes it shows. */
  constructor(bench) {
    this.bench = bench;
    this.mode = "choose";
    this.cells = [];
    this.focused = 0;
    this.pointed = undefined; // the cell under the hand
    this.visited = undefined; // the last one that was
    this.painting = undefined; // {pointer, kept, marking} while a hand drags over cells
    this.listen();
  }

  listen() {
    const { $ } = this.bench;
    const { grid, numbers, reset } = $;
    for (const mode of MODES) $[`cells-${mode}`].onclick = () => this.work(mode);
    reset.onclick = () => this.bench.edit(this.cells.map((_, cell) => [cell, -1]));
    numbers.onclick = () => grid.classList.toggle("numbers", toggle(numbers));
    grid.onpointerdown = (event) => {
      if (!event.isPrimary || event.button > 0 || this.mode === "choose" || !this.bench.pass) return;
      grid.setPointerCapture(event.pointerId);
      const cell = this.cellAt(event);
      this.painting = { pointer: event.pointerId, kept: false, marking: !this.bench.refill.region.has(cell) };
      this.bench.hush();
      this.handle(cell);
    };
    grid.onpointermove = (event) => {
      const cell = this.cellAt(event);
      if (event.pointerType !== "touch" || this.painting) this.point(cell);
      if (cell !== undefined && event.pointerId === this.painting?.pointer) this.handle(cell);
    };
    grid.onpointerup =
      grid.onpointercancel =
      grid.onlostpointercapture =
        (event) => {
          if (event.pointerId !== this.painting?.pointer) return;
          const { kept } = this.painting;
          this.painting = undefined;
          if (kept) this.bench.rest();
          this.bench.request();
        };
    grid.onpointerleave = () => this.point(undefined);
    grid.onclick = (event) => this.mode === "choose" && this.handle(this.cellAt(event));
    grid.onkeydown = (event) => this.key(event);
  }

  /** As many cells as the model has. */
  resize({ height, width }) {
    const { grid } = this.bench.$;
    this.cells = [];
    grid.replaceChildren(
      ...Array.from({ length: height }, () => {
        const line = make("div", "row");
        for (let column = 0; column < width; column++) {
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
    this.focused = 0;
    this.painting = this.visited = this.asked = undefined;
  }

  /** The codes of a pass; those that a hand has chosen are marked, and those that another page asks for. */
  show({ codes, chosen }, sought) {
    const { network, $ } = this.bench;
    paint($.tiles, mosaic(network, chosen), mosaicSize(network));
    chosen.forEach((code, index) => {
      const { dataset } = this.cells[index];
      const [isEdited, isSought] = [code !== codes[index], code === sought].map(String);
      if (dataset.sought !== isSought) dataset.sought = isSought;
      if (dataset.code !== String(code)) {
        const [row, column] = placeOf(index, network.grid);
        dataset.code = code;
        this.cells[index].setAttribute("aria-label", `row ${row + 1}, column ${column + 1}, code ${code}`);
      }
      if (dataset.edited !== isEdited) {
        dataset.edited = isEdited;
        const words = isEdited === "true" ? `edited; the encoder chose ${codes[index]}` : "";
        this.cells[index].setAttribute("aria-description", words);
      }
    });
  }

  /** Mark the cell that the palette is for. */
  select(target) {
    for (const [index, cell] of this.cells.entries()) cell.setAttribute("aria-selected", String(index === target));
    this.locate();
  }

  /** Mark the cell that "Why this code?" speaks of. */
  ask(asked) {
    if (asked === this.asked) return;
    if (this.asked !== undefined) delete this.cells[this.asked].dataset.asked;
    this.cells[asked].dataset.asked = "";
    this.asked = asked;
  }

  work(mode) {
    const { bench } = this;
    if (mode === "redraw" && !bench.prior.classes) {
      bench.say("This model has no prior yet, so nothing knows which codes go together: Generate says how to get one.");
      return;
    }
    this.mode = mode;
    for (const name of MODES) bench.$[`cells-${name}`].setAttribute("aria-pressed", String(name === mode));
    if (mode !== "choose") bench.aim(undefined);
    bench.$.grid.dataset.mode = mode;
    bench.refill.clear();
    bench.palette.offer();
    bench.read();
  }

  /** What a hand on a cell does, by the mode it is in. */
  handle(cell) {
    const { bench } = this;
    if (this.mode === "choose") bench.aim(cell);
    else if (this.mode === "redraw") bench.refill.mark(cell, this.painting?.marking ?? !bench.refill.region.has(cell));
    else bench.edit([[cell, this.mode === "paint" ? bench.palette.brush : -1]]);
  }

  /** A hand is on a cell, or on none. */
  point(index) {
    if (index === this.pointed && index !== undefined) return;
    this.pointed = index;
    if (index !== undefined) this.visited = index;
    for (const [i, cell] of this.cells.entries()) cell.classList.toggle("pointed", i === index);
    this.locate();
    this.bench.read();
    this.bench.tour.point();
  }

  /** Show where the cell under the hand, or else the chosen one, lies in digit and reconstruction. */
  locate() {
    const { $, network, target } = this.bench;
    const index = this.pointed ?? target;
    $["input-spot"].hidden = $["output-spot"].hidden = index === undefined;
    if (index === undefined) return;
    const { grid, image } = network;
    const [row, column] = placeOf(index, grid);
    const { top, bottom, left, right } = receptiveField(network, row, column);
    const [height, width] = [(bottom - top) / image.height, (right - left) / image.width];
    locate($["input-spot"], top / image.height, left / image.width, height, width);
    locate($["output-spot"], row / grid.height, column / grid.width, 1 / grid.height, 1 / grid.width);
  }

  focus(index) {
    this.cells[this.focused].tabIndex = -1;
    this.cells[index].tabIndex = 0;
    this.focused = index;
    this.point(index);
  }

  /** The cell under a pointer, if any. */
  cellAt(event) {
    const box = this.bench.$.grid.getBoundingClientRect();
    const { height, width } = this.bench.network.grid;
    const row = Math.floor(((event.clientY - box.top) / box.height) * height);
    const column = Math.floor(((event.clientX - box.left) / box.width) * width);
    return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : undefined;
  }

  /** By keyboard: arrows lead through the grid, Enter does what a click does, Delete gives a cell back to the encoder. */
  key(event) {
    const { bench, focused } = this;
    if (bench.tour.claims(event)) return;
    const { height, width } = bench.network.grid;
    const step = ARROWS[event.key];
    if (step) {
      const [column, row] = [(focused % width) + step[0], Math.floor(focused / width) + step[1]];
      if (column >= 0 && column < width && row >= 0 && row < height) this.cells[row * width + column].focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.handle(focused);
      if (this.mode === "redraw") bench.request();
      if (this.mode === "choose") bench.palette.options[bench.pass.chosen[focused]].focus();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      bench.edit([[focused, -1]]);
    } else if (event.key === "Escape" && this.mode === "redraw") {
      this.work("choose");
    } else if (event.key === "Escape" && bench.target !== undefined) {
      bench.aim(undefined);
    } else {
      return; // also an Escape that gives up nothing here: it leaves a talk
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
