// The palette: every code's tile, to put into the cell aimed at or to paint with.

import { make } from "../shared/elements.js";
import { ARROWS } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";
import { tile } from "../shared/vqvae.js";

const SHARE = 8; // milliseconds at a time for drawing tiles, and as many between

export class Palette {
  /** `bench` is the Workbench that it serves. */
  constructor(bench) {
    this.bench = bench;
    this.options = [];
    this.pictures = []; // of the codes, as addresses of images
    this.brush = 0; // the code to paint with
    this.looking = undefined; // the code under the hand
    this.offered = undefined; // the code that is marked
    this.reached = 0; // the one that the Tab key reaches
    this.listen();
  }

  listen() {
    const { palette } = this.bench.$;
    palette.onpointerover = (event) => event.pointerType !== "touch" && this.look(codeOf(event.target));
    palette.onpointerdown = (event) => event.pointerType === "touch" && this.look(codeOf(event.target)); // held: a preview
    palette.onpointerleave = palette.onpointercancel = () => this.look(undefined);
    palette.addEventListener("focusin", ({ target }) => target.matches(":focus-visible") && this.look(codeOf(target)));
    palette.addEventListener("focusout", () => this.look(undefined));
    palette.onclick = (event) => codeOf(event.target) !== undefined && this.choose(codeOf(event.target));
    palette.onkeydown = (event) => this.key(event);
  }

  resize({ K, cell }) {
    this.options = Array.from({ length: K }, (_, code) => {
      const option = make("div", "option");
      option.setAttribute("aria-label", `code ${code}`);
      option.title = `code ${code}`;
      option.tabIndex = code ? -1 : 0;
      option.dataset.code = code;
      option.append(Object.assign(new Image(cell.width, cell.height), { alt: "", draggable: false, hidden: true }));
      return option;
    });
    this.bench.$.palette.replaceChildren(...this.options);
    this.brush = this.reached = 0;
    this.offered = undefined;
    this.fill();
  }

  /**
   * Draw the tiles while nothing else is to do, few at a time. They are images: each canvas would be a layer of its own
   * for the browser to put together, frame by frame, at four times the cost of the forward pass.
   */
  fill() {
    const { bench } = this;
    const { network } = bench;
    const { cell, image } = network;
    const easel = Object.assign(document.createElement("canvas"), cell);
    let next = 0;
    this.pictures = [];
    const some = () => {
      if (network !== bench.network) return;
      const begun = performance.now();
      while (next < network.K && !bench.pen.stroke && performance.now() - begun < SHARE) {
        paint(easel, tile(network, next), { ...cell, channels: image.channels });
        this.pictures[next] = easel.toDataURL();
        Object.assign(this.options[next].firstChild, { src: this.pictures[next], hidden: false });
        next++;
      }
      if (next < network.K) setTimeout(some, SHARE);
      else bench.read();
    };
    setTimeout(some, 100);
  }

  /** Mark the code at hand; touches the two tiles that change alone, as it runs with every pass. */
  offer() {
    const { grid, target, pass } = this.bench;
    const code = grid.mode === "paint" ? this.brush : target === undefined ? undefined : pass?.chosen[target];
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

  /** Show a code in the cell aimed at, for as long as the hand stays on it. */
  look(code) {
    const { bench } = this;
    const cell = bench.target;
    const idle = code === undefined || cell === undefined || bench.grid.mode !== "choose";
    const preview = idle ? undefined : [[cell, code]];
    this.looking = code;
    if (String(preview) !== String(bench.preview)) {
      bench.preview = preview;
      bench.request();
    }
    bench.read();
  }

  /** Take a code: for the cell aimed at, else to paint with. */
  choose(code) {
    const { bench } = this;
    this.brush = code;
    bench.preview = undefined;
    if (bench.grid.mode !== "paint" && bench.target === undefined) bench.grid.work("paint");
    if (bench.grid.mode === "choose") {
      bench.edit([[bench.target, code]]);
      bench.request();
    }
    this.offer();
    bench.read();
  }

  /** By keyboard: arrows lead through the tiles, Enter chooses, Escape goes back to the grid. */
  key(event) {
    const { bench } = this;
    const back = () => bench.grid.cells[bench.target ?? bench.grid.focused].focus();
    const code = codeOf(event.target);
    const step = ARROWS[event.key];
    if (code === undefined || bench.tour.claims(event)) return;
    if (step) {
      const top = this.options[0].offsetTop;
      const line = Math.max(
        1,
        this.options.findIndex((option) => option.offsetTop > top),
      );
      const next = this.options[code + step[0] + step[1] * line];
      if (next) {
        this.reach(Number(next.dataset.code));
        next.focus();
      }
    } else if (event.key === "Enter" || event.key === " ") {
      this.choose(code);
      back();
    } else if (event.key === "Escape") {
      this.look(undefined);
      back();
      if (bench.target === undefined) return; // it has given up nothing, and leaves a talk
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** The code that an element of the palette stands for. */
function codeOf(element) {
  const code = element.closest("[role=option]")?.dataset.code;
  return code === undefined ? undefined : Number(code);
}
