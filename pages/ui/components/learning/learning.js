// Learning in the plane: three recipes from the same start, played side by side over one time line.

import { whenHere } from "../shared/carried.js";
import { Moments } from "./moments.js";

/**
 * @typedef {import("./moments.js").Moment} Moment
 * @typedef {{steps: number[], K: number, cells: number, commitment: number, said: string, presenting?: boolean,
 *   recipes: import("./moments.js").Recipe[]}} Recording  what Python's `learning_data` sends
 * @typedef {{moments: Moments, plane: HTMLCanvasElement, usage: HTMLCanvasElement, figures: Element}} Panel
 */

const VECTOR = "#3fc1cd";
const CODE = "#ffb627";
const DEAD = "#8a97a6";
const PULL = "#ff5d8f";
const PACE = 7; // moments a second
const TRAIL = 8; // moments that a code's path goes back
const MARGIN = 0.06;

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. The recording is carried. */
export default function ({ data: { name, presenting }, parentElement }) {
  parentElement.learning ??= new Learning(parentElement);
  parentElement.unlisten?.();
  parentElement.unlisten = whenHere(name, ({ data }) => parentElement.learning.update({ ...data, presenting }));
  return () => {
    parentElement.unlisten();
    parentElement.learning.close();
    parentElement.learning = undefined;
  };
}

export class Learning {
  /** @param {ShadowRoot | Element} root  with the elements of learning.html in it */
  constructor(root) {
    const $ = (/** @type {string} */ name) => /** @type {HTMLElement} */ (root.querySelector(`.learning-${name}`));
    this.board = /** @type {HTMLElement} */ (root.querySelector(".learning"));
    this.place = $("panels");
    this.play = $("play");
    this.range = /** @type {HTMLInputElement} */ ($("at"));
    this.reading = $("step");
    this.said = $("said");
    this.cost = $("cost");
    this.pulls = /** @type {HTMLInputElement} */ ($("codebook"));
    this.pushes = /** @type {HTMLInputElement} */ ($("commitment"));
    /** @type {Panel[]} */
    this.panels = [];
    this.at = 0; // a moment, or a place between two
    this.play.onclick = () => (this.playing ? this.pause() : this.run());
    $("back").onclick = () => this.go(Math.ceil(this.at) - 1);
    $("on").onclick = () => this.go(Math.floor(this.at) + 1);
    this.range.oninput = () => this.go(Number(this.range.value));
    this.pulls.onchange = this.pushes.onchange = () => this.request();
    this.sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.seen = isIntersecting;
      if (!isIntersecting) return;
      if (this.unplayed && !still()) this.run();
      this.request();
    });
    this.sight.observe(this.place);
    this.size = new ResizeObserver(() => this.request());
    this.size.observe(this.place);
  }

  /** @param {Recording} data */
  update(data) {
    this.board.classList.toggle("learning-stage", Boolean(data.presenting));
    if (this.data?.recipes[0].latents === data.recipes[0].latents) return;
    this.data = data;
    this.panels = data.recipes.map((recipe) => this.panel(recipe));
    this.place.replaceChildren(...this.panels.map(({ plane }) => plane.parentElement));
    const extents = this.panels.map(({ moments }) => moments.extent);
    const [left, right, low, high] = [0, 1, 2, 3].map((n) =>
      Math[n % 2 ? "max" : "min"](...extents.map((one) => one[n])),
    );
    const air = MARGIN * Math.max(right - left, high - low);
    this.frame = { left: left - air, right: right + air, low: low - air, high: high + air };
    const ratio = (this.frame.right - this.frame.left) / (this.frame.high - this.frame.low);
    this.board.style.setProperty("--learning-ratio", String(Math.min(1.4, Math.max(0.8, ratio))));
    this.said.textContent = data.said;
    this.cost.textContent = String(data.commitment);
    this.range.max = String(data.steps.length - 1);
    this.unplayed = true;
    this.at = still() ? this.last : 0;
    if (this.seen && !still()) this.run();
    this.request();
  }

  /** @param {import("./moments.js").Recipe} recipe */
  panel(recipe) {
    const make = (/** @type {string} */ kind, /** @type {string} */ name) => {
      const element = document.createElement(kind);
      element.className = `learning-${name}`;
      return element;
    };
    const panel = make("section", "panel");
    const [title, words, figures] = [document.createElement("h4"), make("p", "words"), make("p", "figures")];
    const plane = /** @type {HTMLCanvasElement} */ (make("canvas", "plane"));
    const usage = /** @type {HTMLCanvasElement} */ (make("canvas", "usage"));
    title.textContent = recipe.title;
    words.textContent = recipe.words;
    for (const [canvas, label] of /** @type {const} */ ([
      [plane, `${recipe.title}: vectors and codes in the plane`],
      [usage, `${recipe.title}: usage of each code`],
    ])) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", label);
    }
    panel.append(title, plane, figures, usage, words);
    return { moments: new Moments(recipe, this.data.K), plane, usage, figures };
  }

  close() {
    this.pause();
    cancelAnimationFrame(this.asked);
    this.sight.disconnect();
    this.size.disconnect();
  }

  get last() {
    return this.data.steps.length - 1;
  }

  // Time

  run() {
    this.unplayed = false;
    if (this.at >= this.last) this.at = 0;
    this.playing = performance.now();
    this.request();
  }

  pause() {
    this.playing = undefined;
    this.request();
  }

  /** @param {number} at */
  go(at) {
    this.unplayed = false;
    this.playing = undefined;
    this.at = Math.min(this.last, Math.max(0, at));
    this.request();
  }

  /** Ask for one look at everything in the next animation frame; nothing while nobody can see it. */
  request() {
    this.asked ??= requestAnimationFrame((now) => {
      this.asked = undefined;
      if (!this.data || !this.seen) return;
      if (this.playing !== undefined) {
        const on = (Math.max(0, now - this.playing) / 1000) * PACE;
        this.at = Math.min(this.last, this.at + (still() ? Math.floor(on) : on));
        if (on >= 1 || !still()) this.playing = now;
        if (this.at >= this.last) this.playing = undefined;
      }
      this.show();
      if (this.playing !== undefined) this.request();
    });
  }

  // What is seen

  show() {
    const { data, at } = this;
    const first = Math.floor(at);
    this.range.value = String(first);
    this.reading.textContent = `step ${data.steps[first].toLocaleString("en")} of ${data.steps[this.last].toLocaleString("en")}`;
    this.range.setAttribute("aria-valuetext", this.reading.textContent);
    this.play.textContent = this.playing === undefined ? (at >= this.last ? "Play again" : "Play") : "Pause";
    const most = Math.max(...this.panels.map(({ moments }) => Math.max(...moments.counts)));
    for (const panel of this.panels) {
      const now = panel.moments.at(at);
      this.drawPlane(panel, now);
      this.drawUsage(panel, now, most);
      const dead = data.K - now.used;
      panel.figures.innerHTML = `<span><b>${now.used}</b> codes used, <b>${dead}</b> dead</span>
        <span>NMSE <b>${now.nmse.toFixed(3)}</b></span>
        <span>perplexity: all cells <b>${now.perplexity.toFixed(1)}</b>, ink cells
        <b>${now.inkPerplexity.toFixed(1)}</b></span>`;
    }
  }

  /**
   * @param {Panel} panel
   * @param {Moment} now
   */
  drawPlane({ plane, moments }, { latents, codebook, means, counts, nearest }) {
    const { pen, width, height } = ready(plane);
    const { left, right, low, high } = this.frame;
    const scale = Math.min(width / (right - left), height / (high - low));
    const [x0, y0] = [(width - scale * (left + right)) / 2, (height + scale * (low + high)) / 2];
    /** @type {(values: Float32Array, n: number) => [number, number]} */
    const spot = (values, n) => [x0 + scale * values[2 * n], y0 - scale * values[2 * n + 1]];
    const size = Math.max(3, width / 90);

    pen.strokeStyle = CODE;
    pen.globalAlpha = 0.35;
    pen.lineWidth = 1;
    const paths = Array.from({ length: TRAIL }, (_, n) => this.at - n).filter((at) => at >= 0);
    const trail = paths.map((at) => moments.at(at).codebook);
    for (let code = 0; code < this.data.K; code++) {
      pen.beginPath();
      for (const there of trail) pen.lineTo(...spot(there, code));
      pen.stroke();
    }

    pen.fillStyle = VECTOR;
    pen.globalAlpha = 0.75;
    for (let n = 0; n < nearest.length; n++) {
      const [x, y] = spot(latents, n);
      pen.fillRect(x - 1.25, y - 1.25, 2.5, 2.5);
    }
    pen.globalAlpha = 1;
    if (this.pushes.checked) {
      pen.strokeStyle = pen.fillStyle = VECTOR;
      nearest.forEach((code, n) => {
        const [from, to] = [spot(latents, n), spot(codebook, code)];
        arrow(
          pen,
          from,
          [0, 1].map((side) => from[side] + this.data.commitment * (to[side] - from[side])),
        );
      });
    }
    for (let code = 0; code < this.data.K; code++) {
      const at = spot(codebook, code);
      if (this.pulls.checked && counts[code]) {
        pen.strokeStyle = pen.fillStyle = PULL;
        arrow(pen, at, spot(means, code));
      }
      pen.beginPath();
      pen.arc(...at, size, 0, 2 * Math.PI);
      pen.lineWidth = 1.5;
      if (counts[code]) {
        pen.fillStyle = CODE;
        pen.strokeStyle = "#0e1217";
        pen.fill();
      } else pen.strokeStyle = DEAD;
      pen.stroke();
    }
  }

  /**
   * A bar a code, on a square-root scale, since blank paper takes nearly half of all cells.
   * @param {Panel} panel
   * @param {Moment} now
   * @param {number} most
   */
  drawUsage({ usage }, { counts }, most) {
    const { pen, width, height } = ready(usage);
    const step = width / counts.length;
    const tall = (/** @type {number} */ count) => Math.sqrt(count / most) * (height - 6);
    counts.forEach((count, code) => {
      pen.fillStyle = pen.strokeStyle = count ? CODE : DEAD;
      if (count) pen.fillRect(code * step + 1, height - 2 - tall(count), Math.max(1, step - 2), tall(count));
      else pen.strokeRect(code * step + 1.5, height - 5.5, Math.max(1, step - 3), 3);
    });
    pen.fillStyle = "rgb(255 255 255 / 60%)";
    const even = height - 2 - tall(this.data.cells / counts.length);
    for (let x = 0; x < width; x += 8) pen.fillRect(x, even, 4, 1);
  }
}

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** A canvas cleared, as fine as the screen. */
function ready(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const [w, h] = [width, height].map((side) => Math.round(side * devicePixelRatio));
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const pen = canvas.getContext("2d");
  pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}

/** An arrow, its head as long as it can be; none where it would be a dot. */
function arrow(pen, from, to) {
  const [x, y] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(x, y);
  if (length < 2) return;
  const head = Math.min(6, length / 2) / length;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(from[0], from[1]);
  pen.lineTo(to[0], to[1]);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(to[0], to[1]);
  pen.lineTo(to[0] - head * (x + y / 2), to[1] - head * (y - x / 2));
  pen.lineTo(to[0] - head * (x - y / 2), to[1] - head * (y + x / 2));
  pen.fill();
}
