// The tour: seven steps through the model on whatever digit is on the canvas, told over the workbench itself.
//
// A step chooses what is shown and pointed at. It never touches the drawing or the codes, so forward and back lose
// nothing, and it needs no server. With a page around it it is a tour; without one, a talk for an audience.

import { placeOf } from "../shared/codes.js";
import { toggle, write } from "../shared/elements.js";
import { receptiveField } from "../shared/fields.js";
import { worded } from "../shared/noun.js";
import { paintVectors } from "../shared/pictures.js";
import { bitsPerCode } from "../shared/vqvae.js";
import { counted, kindOf } from "../shared/words.js";

const OFFERED = "vqvae-walk-offered"; // in the browser's storage, by its first name: the tour is offered once
const FIRST = 3; // cells at the pace of a voice, the others in quick succession
const [SLOW_CELL, QUICK_CELL] = [1100, 90]; // milliseconds
const SETTLING = [0, 300, 1000, 2500]; // milliseconds in which a page that has just been opened finds its shape
const HANDS = ["wheel", "touchmove", "pointerdown", "keydown"];
const FORWARD_KEYS = ["PageDown", "ArrowRight", "ArrowDown"];
const BACK_KEYS = ["PageUp", "ArrowLeft", "ArrowUp"];

/** What each step says: [title, one or two sentences, equation]. Sizes are the model's. */
const LESSONS = [
  ({ image }) => [
    "A digit.",
    `A picture is ${shape(image)} numbers, from 0 for black to 1 for white. Draw one of your own, or keep this one.`,
    `x ∈ [0, 1]<sup>${shape(image)}</sup>`,
  ],
  ({ grid, D }) => [
    "The encoder’s picture of it.",
    `The encoder turns it into ${grid.height} × ${grid.width} vectors of ${D} numbers. Each little mosaic is one vector, and each has seen only its own patch of the digit.`,
    `z<sub>e</sub> = E(x) ∈ ℝ<sup>${grid.height} × ${grid.width} × ${D}</sup>`,
  ],
  ({ K }) => [
    "Each cell finds its nearest code.",
    `The codebook is a list of ${K} learned vectors. Each cell is swapped for the one nearest to it, and only the code’s number is kept.`,
    "k = argmin<sub>j</sub> ‖z<sub>e</sub> − e<sub>j</sub>‖²,   z<sub>q</sub> = e<sub>k</sub>",
  ],
  ({ image, grid, K }) => {
    const [cells, bits] = [grid.height * grid.width, bitsPerCode(K)];
    return [
      "The decoder draws from the codes alone.",
      `It never saw your digit: all it gets is ${counted(cells, "code")} of ${counted(bits, "bit")}, ${counted(cells * bits, "bit")} in place of ${image.height * image.width * image.channels} bytes.`,
      "x̂ = D(z<sub>q</sub>)",
    ];
  },
  () => [
    "Change one code and see.",
    "Choose a cell, then another code for it. The picture changes around that cell, and nowhere else.",
    "x̂′ = D(z<sub>q</sub>′),   z<sub>q</sub>′ and z<sub>q</sub> alike but for one cell",
  ],
  () => [
    "Who else uses this code?",
    "A code belongs to no single digit: it is a small pattern that many share. Choose another cell to ask about its code.",
    "codebook perplexity = exp(−Σ<sub>k</sub> p<sub>k</sub> ln p<sub>k</sub>)",
  ],
  (_, hasPrior) => [
    "Where do new digits come from?",
    hasPrior
      ? "A second network, the prior, has learned which codes go together. Here it writes the lower half of your digit anew, in six ways; on Generate it writes whole digits."
      : "A second network, the prior, learns which codes go together, and writes new ones. This model has none yet: Generate says how to get one.",
    "p(z) = ∏<sub>i</sub> p(z<sub>i</sub> | z<sub>&lt;i</sub>)",
  ],
];
const [DIGIT, ENCODER, CODES, , CHANGE, OTHERS, NEW] = [1, 2, 3, 4, 5, 6, 7];

export class Tour {
  /** `bench` is the Workbench that it is told over. */
  constructor(bench) {
    this.bench = bench;
    this.step = 0;
    this.presenting = false;
    const { $ } = bench;
    $.stops.replaceChildren(
      ...LESSONS.map((_, n) => {
        const stop = document.createElement("button");
        stop.textContent = String(n + 1);
        stop.onclick = () => this.go(n + 1);
        return stop;
      }),
    );
    $["tour-back"].onclick = () => this.go(this.step - 1);
    $["tour-on"].onclick = () => this.go(this.step + 1);
    $["tour-end"].onclick = () => this.go(0);
    $["tour-play"].onclick = () => (this.timer ? this.pause() : this.play());
    $["tour-equation"].onclick = () => ($.equation.hidden = !toggle($["tour-equation"]));
    $["offer-take"].onclick = () => this.go(DIGIT);
    $["offer-leave"].onclick = () => this.decline();
    this.onkey = (event) => this.key(event);
    bench.root.addEventListener("pointerdown", () => (this.tabbed = false));
  }

  /** Python's side: the step where it has set one, whether it is a talk, and what the last step shows. */
  update({ serial, step, presenting, examples }) {
    document.addEventListener("keydown", this.onkey, true); // once, however often it is asked for
    this.presenting = presenting;
    this.bench.board.classList.toggle("presenting", presenting);
    if (examples?.picture !== this.examples?.picture) this.picture = undefined;
    this.examples = examples;
    if (serial !== this.serial) {
      this.serial = serial;
      this.show(step);
      this.keepInSight(SETTLING);
    } else {
      if (this.step === NEW && !this.bench.refill.region.size) this.bench.refill.redrawLowerHalf(); // another model came
      this.tell();
    }
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("keydown", this.onkey, true);
  }

  /** Go to a step by hand: Python hears of it, for the address. */
  go(step) {
    if (step < 0 || step > LESSONS.length || step === this.step) return;
    this.decline();
    this.show(step);
    this.keepInSight([0]);
    this.bench.rest();
    this.bench.request();
  }

  show(step) {
    this.pause();
    if (this.step === CODES) this.bench.grid.point(undefined);
    if (this.step === NEW && step !== NEW) this.bench.grid.work("choose");
    this.step = step;
    this.bench.board.dataset.step = step;
    this.bench.board.classList.toggle("touring", step > 0);
    this.done = 0;
    this.aims = step === CHANGE || step === OTHERS;
    if (step === CODES) this.begin();
    if (step === NEW) this.bench.refill.redrawLowerHalf();
    this.tell();
    this.refresh();
  }

  /**
   * Where the page is longer than the screen, the words stand at its top and what they speak of below them: now, or also
   * later, unless a hand has moved meanwhile.
   * @param {number[]} times  in milliseconds
   */
  keepInSight(times) {
    if (!this.step || this.presenting) return;
    const { $, board } = this.bench;
    const waits = times.map((wait) =>
      setTimeout(() => {
        const [top, bottom] = [$.tour.getBoundingClientRect().top, board.getBoundingClientRect().bottom];
        if (top < 0 || bottom > innerHeight) $.tour.scrollIntoView({ block: "start" });
      }, wait),
    );
    const leave = () => {
      for (const wait of waits) clearTimeout(wait);
    };
    for (const hand of HANDS) addEventListener(hand, leave, { once: true, passive: true });
  }

  decline() {
    try {
      localStorage.setItem(OFFERED, "1");
    } catch {
      // Storage is forbidden: it is offered again.
    }
    this.bench.$.offer.hidden = true;
  }

  get offered() {
    try {
      return localStorage.getItem(OFFERED) !== null;
    } catch {
      return true;
    }
  }

  /** The words of the step. */
  tell() {
    const { bench, step } = this;
    const { $, network } = bench;
    $.tour.hidden = !step;
    $.offer.hidden = Boolean(step) || this.presenting || this.offered;
    if (!step) return;
    const [title, words, equation] = LESSONS[step - 1](network, bench.prior.classes > 0);
    write($.lesson, worded(`<b>${title}</b> ${words}`, bench.noun));
    write($.equation, equation);
    [...$.stops.children].forEach((stop, n) => {
      stop.setAttribute("aria-current", n + 1 === step ? "step" : "false");
      const [title] = LESSONS[n](network);
      stop.setAttribute("aria-label", worded(`Step ${n + 1}: ${title.replace(/\.$/, "")}`, bench.noun));
    });
    $["tour-back"].setAttribute("aria-disabled", String(step === DIGIT));
    $["tour-on"].setAttribute("aria-disabled", String(step === LESSONS.length));
    $["tour-play"].hidden = step !== CODES;
    $["tour-play"].textContent = this.timer
      ? "Pause"
      : this.done < network.grid.height * network.grid.width
        ? "Play"
        : "Again";
  }

  // The third step, cell by cell

  begin() {
    this.order = this.inkFirst();
    const all = this.bench.grid.cells.length;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.done = all;
    else this.play();
  }

  /** All cells in reading order, beginning at the first one that holds ink. */
  inkFirst() {
    const { network, pixels, grid } = this.bench;
    const { image, cell } = network;
    const line = image.width * image.channels;
    const inked = pixels.findIndex((value) => value > 127);
    const [y, x] = [Math.floor(inked / line), Math.floor((inked % line) / image.channels)];
    const first = inked < 0 ? 0 : Math.floor(y / cell.height) * network.grid.width + Math.floor(x / cell.width);
    const { length } = grid.cells;
    return Array.from({ length }, (_, n) => (first + n) % length);
  }

  play() {
    if (this.done >= this.bench.grid.cells.length) this.done = 0;
    const next = () => {
      if (this.done >= this.bench.grid.cells.length) {
        this.pause();
        this.bench.grid.point(undefined);
        return;
      }
      this.bench.grid.point(this.order[this.done++]);
      this.refresh();
      this.timer = setTimeout(next, this.done <= FIRST ? SLOW_CELL : QUICK_CELL);
    };
    this.timer = setTimeout(next, QUICK_CELL);
    this.tell();
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.step) this.tell();
  }

  // Pictures

  /** The hand is on another cell. */
  point() {
    if (this.step === OTHERS) this.refresh();
  }

  /** What a step shows beside the workbench's own pictures; runs with every pass. */
  refresh() {
    const { bench, step } = this;
    const { $ } = bench;
    const { grid } = bench.network;
    $["title-codes"].textContent = `${grid.height} × ${grid.width} ${step === ENCODER ? "vectors" : "codes"}`;
    $.latents.hidden = step !== ENCODER && step !== CODES;
    $.others.hidden = step !== OTHERS;
    if (!bench.pass) return;
    if (this.aims) {
      this.aims = false; // once a step: a link may open it before there is a pass
      if (bench.target === undefined) bench.aim(bench.middle);
    }
    if (!$.latents.hidden)
      paintVectors($.latents, bench.pass.latents, step === CODES ? this.order.slice(this.done) : undefined);
    if (step === OTHERS) this.showOthers();
  }

  /** The digits that say best what a code stands for, the cell in each framed. */
  showOthers() {
    const { bench, examples } = this;
    const { network, pass, $ } = bench;
    const code = pass.chosen[bench.grid.pointed ?? bench.target ?? bench.middle];
    if (!examples) {
      write($["others-note"], `<b>Code ${code}</b>: the ${bench.noun}s to compare with are not here yet.`);
      return;
    }
    if (!this.picture) {
      this.picture = new Image();
      this.picture.onload = () => this.refresh();
      this.picture.src = examples.picture;
    }
    const uses = examples.uses[code];
    const favourite = examples.classes[examples.favourite[code]];
    const mostly = favourite === undefined ? "" : `, most often in ${kindOf(favourite)}`;
    const words = uses
      ? `used by ${counted(uses, "cell")} of the ${examples.digits}${mostly}`
      : `dead: no cell of the ${examples.digits} uses it`;
    write($["others-note"], `<b>Code ${code}</b>, ${words}.`);
    const { height, width } = bench.image;
    const shown = examples.of[code];
    const [scale, gap, across] = [4, 12, 5];
    const canvas = $["others-picture"];
    const places = Math.max(1, ...examples.of.map((one) => one.length));
    const [lines, side] = [Math.ceil(places / across), [width, height].map((pixels) => pixels * scale + gap)];
    Object.assign(canvas, { width: across * side[0] - gap, height: lines * side[1] - gap }); // clears it
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.strokeStyle = "#ffb627";
    context.lineWidth = scale;
    shown.forEach(([place, cell], n) => {
      const { columns } = examples;
      const [left, over] = [(n % across) * side[0], Math.floor(n / across) * side[1]];
      const from = [(place % columns) * width, Math.floor(place / columns) * height, width, height];
      context.drawImage(this.picture, ...from, left, over, width * scale, height * scale);
      const [row, column] = placeOf(cell, network.grid);
      const { top, bottom, ...sides } = receptiveField(network, row, column);
      context.strokeRect(
        left + sides.left * scale + scale / 2,
        over + top * scale + scale / 2,
        (sides.right - sides.left - 1) * scale,
        (bottom - top - 1) * scale,
      );
    });
  }

  /** Whether an arrow key is the talk's, and not the canvas's, the grid's or the palette's, where the focus may stand. */
  claims({ key }) {
    return (
      Boolean(this.step) && this.presenting && !this.tabbed && (FORWARD_KEYS.includes(key) || BACK_KEYS.includes(key))
    );
  }

  /** A clicker's keys: anywhere in a talk, beside the tour only within its words. */
  key(event) {
    if (event.key === "Tab") this.tabbed = true; // who goes about by keyboard has the arrows for the grid
    if (!this.step || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const path = event.composedPath();
    if (this.presenting ? path[0].closest?.("input, textarea") : !path.includes(this.bench.$.tour)) return;
    if (this.tabbed && event.key.startsWith("Arrow") && path[0].closest?.("[role=gridcell], [role=option], canvas"))
      return;
    const way = FORWARD_KEYS.includes(event.key) ? 1 : BACK_KEYS.includes(event.key) ? -1 : 0;
    const step = this.step + way;
    if (step === this.step) return;
    if (step < DIGIT || step > LESSONS.length) {
      event.leadsOn = true; // the ends are the page's
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    this.go(step);
  }
}

/** The numbers of a picture, as one writes them. */
function shape({ height, width, channels }) {
  return [height, width, ...(channels > 1 ? [channels] : [])].join(" × ");
}
