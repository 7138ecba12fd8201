// The latent plane: codes with their Voronoi cells, and the vectors of the drawing that snap to them, while the pen is
// down. Point at a place to see what the decoder draws there; drag a code, and the drawing is made of other codes.
//
// All of it is a view: the codes that are moved are this one's own copy, and nobody else hears of them.

import { resample, toBytes } from "../shared/bytes.js";
import { whenHere } from "../shared/carried.js";
import { follow } from "../shared/live.js";
import { paint } from "../shared/pixels.js";
import { halvesOf } from "../shared/wire.js";
import { counted } from "../shared/words.js";
import { Latents } from "./latents.js";
import { voronoi } from "./voronoi.js";

/**
 * @typedef {import("../shared/vqvae.js").Description} Description
 * @typedef {import("./voronoi.js").Point} Point
 * @typedef {{points: string, said: string}} Background  (N, 2) half-precision numbers, and whose latents they are
 * @typedef {{model: Description, kind: "plane" | "projection", background: Background | null,
 *   projection: import("./latents.js").Projection & {explained: number}}} Shown
 */

const VECTOR = "#3fc1cd";
const CODE = "#ffb627";
const CHANGED = "#ff5d8f";
const DUST = "#8a97a6";
const GROUND = "#0e1217";
const WIDEST = 4 / 3; // of the map's sides
const MARGIN = 0.07; // of the plane around all that lies in it
const REACH = { mouse: 14, pen: 14, touch: 24 }; // pixels from a code within which a hand takes it
const STEP = 1 / 60; // of the plane's width, for an arrow key
const FLASH = 700; // milliseconds
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. What is shown is carried. */
export default function ({ data: { name }, parentElement }) {
  parentElement.plane ??= new Plane(parentElement);
  parentElement.unlisten?.();
  parentElement.unlisten = whenHere(name, ({ data }) => parentElement.plane.update(data));
  parentElement.unfollow ??= follow(({ pixels, image, fingerprint, pass }) => {
    const { plane } = parentElement;
    plane.show(pixels, image, fingerprint === plane.fingerprint ? pass.latents : undefined);
  });
  return () => {
    parentElement.unfollow?.();
    parentElement.unfollow = undefined;
    parentElement.unlisten();
    parentElement.plane.close();
    parentElement.plane = undefined;
  };
}

export class Plane {
  /** @param {ShadowRoot | Element} root  with the elements of plane.html in it */
  constructor(root) {
    const $ = (/** @type {string} */ name) => root.querySelector(`.plane-${name}`);
    this.map = /** @type {HTMLCanvasElement} */ ($("map"));
    this.pen = this.map.getContext("2d");
    this.made = /** @type {HTMLCanvasElement} */ ($("made"));
    this.grid = /** @type {HTMLElement} */ ($("cells"));
    this.lead = $("lead");
    this.here = /** @type {HTMLElement} */ ($("here"));
    this.snapped = /** @type {HTMLElement} */ ($("snapped"));
    this.whole = $("whole");
    this.words = $("words");
    this.reset = /** @type {HTMLButtonElement} */ ($("reset"));
    /** @type {Map<number, number>} when a cell of the drawing last changed hands */
    this.flashes = new Map();
    this.stamp = document.createElement("canvas"); // one tile
    this.listen();
    this.sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.seen = isIntersecting;
      if (isIntersecting) this.request();
    });
    this.sight.observe(this.map);
    this.size = new ResizeObserver(() => this.request());
    this.size.observe(this.map);
  }

  /** @param {Shown} shown */
  update({ model, kind, background, projection }) {
    if (model.fingerprint !== this.fingerprint) {
      this.fingerprint = model.fingerprint;
      this.noun = model.noun;
      this.latents = new Latents(model, projection);
      this.flat = kind === "plane";
      this.held = this.picked = this.pointed = this.outcome = undefined;
      this.flashes.clear();
      [this.made.width, this.made.height] = [model.width, model.height];
      this.made.getContext("2d").clearRect(0, 0, model.width, model.height);
      const { grid } = this.latents.network;
      this.grid.style.setProperty("--plane-rows", String(grid.height));
      this.grid.style.setProperty("--plane-columns", String(grid.width));
      this.grid.replaceChildren(...Array.from({ length: grid.height * grid.width }, () => document.createElement("i")));
      this.dust = background ? pairs(halvesOf(background.points)) : [];
      this.frame = around([...this.latents.sites, ...this.dust]);
      const [width, height] = [this.frame.right - this.frame.left, this.frame.bottom - this.frame.top];
      this.map.style.setProperty("--plane-ratio", String(Math.min(WIDEST, Math.max(1 / WIDEST, width / height))));
      this.explain(model, projection, background);
      this.cells = undefined;
      if (this.drawing) this.show(this.drawing.pixels, this.drawing.image);
    }
    this.request();
  }

  /**
   * The drawing, at any time; `latents`, where the same model has encoded it already.
   * @param {Uint8ClampedArray} pixels
   * @param {import("../shared/layers.js").Image} image
   * @param {import("../shared/layers.js").FeatureMap} [latents]
   */
  show(pixels, image, latents) {
    this.drawing = this.fresh = { pixels, image, latents };
    this.request();
  }

  close() {
    cancelAnimationFrame(this.frameAsked);
    this.sight.disconnect();
    this.size.disconnect();
  }

  /** What this is, in words that stay. */
  explain({ D, K }, { explained }, background) {
    const hint = "Point at a place to see what the decoder draws there. Drag a code to see who follows it.";
    const others = D === 3 ? "dimension" : `${D - 2} dimensions`;
    const [name, lead] = this.flat
      ? [
          "Latent plane",
          `D = 2: the encoder writes two numbers a cell, so nothing is hidden here. The plane belongs, piece by piece, to the nearest of ${K} codes. ${hint}`,
        ]
      : D === 1
        ? [
            "Latent line",
            `D = 1: the encoder writes one number a cell, drawn from left to right, so nothing is hidden here. All vectors and the ${K} codes lie on one line; up and down mean nothing. ${hint}`,
          ]
        : [
            "Latent space, projected",
            `D = ${D}: a projection onto the two leading components of latents, ${Math.round(100 * explained)} % of their variance. What looks near may be far in the other ${others}. Dragging moves a code along these two alone.`,
          ];
    this.lead.textContent = lead;
    this.map.setAttribute(
      "aria-label",
      `${name}. Arrow keys move a pointer, Enter takes up the nearest code, arrow keys move it, Enter puts it down.`,
    );
    this.map.title = background ? `Grey: ${background.said}` : "";
  }

  // A hand

  listen() {
    const { map } = this;
    map.onpointermove = (event) => this.reach(event);
    map.onpointerdown = (event) => this.grasp(event);
    map.onpointerup = map.onpointercancel = map.onlostpointercapture = () => this.release();
    map.onpointerleave = () => {
      if (this.held === undefined) this.point(undefined);
    };
    // A finger on a code moves the code, anywhere else the page: said before the browser begins to scroll.
    map.addEventListener("touchstart", this.hold, { passive: false });
    map.onkeydown = (event) => this.key(event);
    this.reset.onclick = () => {
      if (!this.latents?.moved.size) return;
      this.latents.reset();
      this.changed();
    };
  }

  hold = (/** @type {TouchEvent} */ event) => {
    const [touch] = event.touches;
    if (this.near(this.spot(touch), REACH.touch) !== undefined) event.preventDefault();
  };

  /** Where an event happened, in pixels of the map. */
  spot({ clientX, clientY }) {
    const box = this.map.getBoundingClientRect();
    return /** @type {Point} */ ([clientX - box.left, clientY - box.top]);
  }

  /** The code nearest to a spot on the screen, within some pixels of it. */
  near(spot, reach) {
    if (!this.latents) return undefined;
    const gaps = this.latents.sites.map((site) => gap(this.toScreen(site), spot));
    const code = gaps.indexOf(Math.min(...gaps));
    return gaps[code] <= reach ? code : undefined;
  }

  grasp(event) {
    const spot = this.spot(event);
    const code = this.near(spot, REACH[event.pointerType] ?? REACH.mouse);
    this.point(this.toPlane(spot));
    if (code === undefined || event.button) return;
    this.map.setPointerCapture(event.pointerId);
    this.held = code;
    this.map.classList.add("plane-held");
  }

  reach(event) {
    const spot = this.spot(event);
    const point = this.toPlane(spot);
    if (this.held === undefined) {
      this.map.classList.toggle("plane-near", this.near(spot, REACH.mouse) !== undefined);
      this.point(point);
    } else this.drag(this.held, point);
  }

  release() {
    this.held = undefined;
    this.map.classList.remove("plane-held");
  }

  /** Arrow keys move a pointer, or the code that Enter has taken up. */
  key(event) {
    const arrow = ARROWS[event.key];
    if (!this.latents || event.ctrlKey || event.altKey || event.metaKey) return;
    const holding = this.picked !== undefined || this.held !== undefined;
    const isEscape = event.key === "Escape";
    if (isEscape ? !holding : !arrow && event.key !== "Enter" && event.key !== " ") return; // an empty hand's leaves a talk
    event.preventDefault();
    const { left, right, top, bottom } = this.frame;
    const now = this.pointed ?? [(left + right) / 2, (top + bottom) / 2];
    if (arrow) {
      const step = (right - left) * STEP;
      const point = /** @type {Point} */ ([
        Math.min(right, Math.max(left, now[0] + arrow[0] * step)),
        Math.min(bottom, Math.max(top, now[1] + arrow[1] * step)),
      ]);
      if (this.picked === undefined) this.point(point);
      else this.drag(this.picked, point);
    } else if (this.picked !== undefined || isEscape) {
      this.picked = undefined;
      this.release();
      this.request();
    } else {
      const { sites } = this.latents;
      const gaps = sites.map((site) => gap(site, now));
      this.picked = gaps.indexOf(Math.min(...gaps));
      this.point(sites[this.picked]);
    }
  }

  /** @param {Point | undefined} point */
  point(point) {
    this.pointed = point;
    this.request();
  }

  drag(code, point) {
    this.latents.move(code, point);
    this.pointed = point;
    this.changed();
  }

  /** The codebook is another one than before. */
  changed() {
    this.cells = undefined;
    this.stale = true;
    this.request();
  }

  // What is seen

  /** Ask for one look at everything in the next animation frame; nothing while nobody can see it. */
  request() {
    this.frameAsked ??= requestAnimationFrame(() => {
      this.frameAsked = undefined;
      if (this.seen && this.latents) this.look();
    });
  }

  look() {
    const { latents, fresh } = this;
    if (fresh) {
      const { image } = latents.network;
      const fits = ["height", "width", "channels"].every((side) => fresh.image[side] === image[side]);
      latents.look(fits ? fresh.pixels : resample(fresh.pixels, fresh.image, image), fresh.latents);
    }
    if (fresh || (this.stale && latents.latents)) {
      const before = fresh ? undefined : this.outcome?.codes;
      this.outcome = latents.see();
      this.outcome.codes.forEach((code, cell) => {
        if (before && before[cell] !== code) this.flashes.set(cell, performance.now());
      });
      paint(this.made, toBytes(this.outcome.pixels), latents.network.image);
    }
    this.fresh = this.stale = undefined;
    this.read();
    this.draw();
    const now = performance.now();
    for (const [cell, begun] of this.flashes) if (now - begun > FLASH) this.flashes.delete(cell);
    if (this.flashes.size && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.request();
  }

  /** Where the plane lies on the map, in pixels of the page: the same scale along both axes, as distances have it. */
  get view() {
    const { clientWidth: width, clientHeight: height } = this.map;
    const { left, right, top, bottom } = this.frame;
    const scale = Math.min(width / (right - left), height / (bottom - top));
    const [x, y] = [(width - scale * (right - left)) / 2 - scale * left, (height + scale * (top + bottom)) / 2];
    return { scale, x, y, width, height };
  }

  /** @param {Point} point */
  toScreen(point, { scale, x, y } = this.view) {
    return /** @type {Point} */ ([x + scale * point[0], y - scale * point[1]]);
  }

  /** @param {Point} spot */
  toPlane(spot, { scale, x, y } = this.view) {
    return /** @type {Point} */ ([(spot[0] - x) / scale, (y - spot[1]) / scale]);
  }

  draw() {
    const { pen, map, latents, view } = this;
    const ratio = devicePixelRatio;
    if (map.width !== Math.round(view.width * ratio) || map.height !== Math.round(view.height * ratio)) {
      [map.width, map.height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = GROUND;
    pen.fillRect(0, 0, view.width, view.height);
    pen.imageSmoothingEnabled = false;
    const uses = new Int32Array(latents.network.K);
    for (const code of this.outcome?.codes ?? []) uses[code]++;
    const sites = latents.sites.map((site) => this.toScreen(site, view));
    if (this.flat) this.drawCells(uses, view);
    this.drawDust(view);
    this.drawVectors(sites, view);
    this.drawCodes(sites, uses, view);
    this.drawCounts(view);
    this.drawPointer(sites, view);
  }

  /** The Voronoi cell of each code, filled with its tile; those in use are framed. */
  drawCells(uses, view) {
    const { pen, latents } = this;
    const [left, top] = this.toPlane([0, view.height], view);
    const [right, bottom] = this.toPlane([view.width, 0], view);
    if (!this.cells || this.cells.width !== view.width || this.cells.height !== view.height) {
      const polygons = voronoi(latents.sites, { left, right, top, bottom });
      this.cells = { width: view.width, height: view.height, polygons };
    }
    const outlines = this.cells.polygons.map((polygon) => polygon.map((corner) => this.toScreen(corner, view)));
    outlines.forEach((outline, code) => {
      if (!outline.length) return;
      const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
      const [x, y] = [Math.min(...xs), Math.min(...ys)];
      pen.save();
      trace(pen, outline);
      pen.clip();
      pen.globalAlpha = uses[code] ? 0.34 : 0.17;
      pen.drawImage(this.tileOf(code), x, y, Math.max(...xs) - x, Math.max(...ys) - y);
      pen.restore();
    });
    pen.lineWidth = 1;
    pen.strokeStyle = "rgb(138 151 166 / 55%)";
    for (const outline of outlines) {
      trace(pen, outline);
      pen.stroke();
    }
    pen.lineWidth = 1.5;
    pen.strokeStyle = "rgb(255 182 39 / 80%)";
    outlines.forEach((outline, code) => {
      if (!uses[code]) return;
      trace(pen, outline);
      pen.stroke();
    });
  }

  drawDust(view) {
    const { pen } = this;
    pen.fillStyle = DUST;
    pen.globalAlpha = 0.5;
    for (const point of this.dust) {
      const [x, y] = this.toScreen(point, view);
      pen.fillRect(x - 0.75, y - 0.75, 1.5, 1.5);
    }
    pen.globalAlpha = 1;
  }

  /**
   * The drawing's vectors, each with a line to its code: the quantisation error, as long as it is.
   * @param {Point[]} sites
   */
  drawVectors(sites, view) {
    const { pen, outcome } = this;
    if (!outcome) return;
    const spots = outcome.points.map((point) => this.toScreen(point, view));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    pen.lineWidth = 1.5;
    spots.forEach((spot, cell) => {
      pen.strokeStyle = outcome.codes[cell] === outcome.before[cell] ? VECTOR : CHANGED;
      pen.beginPath();
      pen.moveTo(...spot);
      pen.lineTo(...sites[outcome.codes[cell]]);
      pen.stroke();
    });
    for (const { spot, cells } of together(spots, outcome.codes)) {
      const radius = 3.5 + Math.min(6, Math.sqrt(cells.length) - 1);
      const fresh = Math.max(...cells.map((cell) => this.flashes.get(cell) ?? -Infinity));
      const share = still ? 1 : (performance.now() - fresh) / FLASH;
      if (share < 1) {
        pen.strokeStyle = CHANGED;
        pen.globalAlpha = 1 - share;
        pen.beginPath();
        pen.arc(...spot, radius + 16 * share, 0, 2 * Math.PI);
        pen.stroke();
        pen.globalAlpha = 1;
      }
      pen.fillStyle = cells.some((cell) => outcome.codes[cell] !== outcome.before[cell]) ? CHANGED : VECTOR;
      pen.strokeStyle = GROUND;
      pen.beginPath();
      pen.arc(...spot, radius, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }

  drawCodes(sites, uses, view) {
    const { pen, latents } = this;
    const size = (this.flat ? 18 : 12) * Math.min(1, 0.5 + view.width / 1000);
    sites.forEach(([x, y], code) => {
      const active = code === this.held || code === this.picked;
      pen.globalAlpha = this.flat || uses[code] || active ? 1 : 0.65;
      pen.drawImage(this.tileOf(code), x - size / 2, y - size / 2, size, size);
      pen.lineWidth = active ? 3 : 1.5;
      pen.strokeStyle = active ? "#fff" : latents.moved.has(code) ? CHANGED : uses[code] ? CODE : DUST;
      pen.strokeRect(x - size / 2, y - size / 2, size, size);
    });
    pen.globalAlpha = 1;
  }

  /** How many vectors lie where one would see a single one. */
  drawCounts(view) {
    const { pen, outcome } = this;
    if (!outcome) return;
    const spots = outcome.points.map((point) => this.toScreen(point, view));
    pen.font = "600 12px sans-serif";
    pen.textBaseline = "middle";
    pen.lineWidth = 3;
    for (const { spot, cells } of together(spots, outcome.codes)) {
      if (cells.length < 3) continue;
      const right = spot[0] + 75 < view.width;
      pen.textAlign = right ? "left" : "right";
      const at = /** @type {const} */ ([`${cells.length} cells`, spot[0] + (right ? 14 : -14), spot[1]]);
      pen.strokeStyle = GROUND;
      pen.strokeText(...at);
      pen.fillStyle = "#fff";
      pen.fillText(...at);
    }
  }

  /**
   * Where one points, and the code that this place would become.
   * @param {Point[]} sites
   */
  drawPointer(sites, view) {
    const { pen, pointed, answer } = this;
    if (!pointed || !answer || this.held !== undefined) return;
    const [x, y] = this.toScreen(pointed, view);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(...sites[answer.code]);
    pen.stroke();
    pen.beginPath();
    pen.arc(x, y, 5, 0, 2 * Math.PI);
    pen.stroke();
  }

  /** A code's tile on a canvas, to be drawn before the next one is asked for. */
  tileOf(code) {
    return this.picture(this.latents.tile(code), this.stamp);
  }

  picture(bytes, canvas) {
    const { cell, image } = this.latents.network;
    if (canvas.width !== cell.width || canvas.height !== cell.height) {
      [canvas.width, canvas.height] = [cell.width, cell.height];
    }
    paint(canvas, bytes, { ...cell, channels: image.channels });
    return canvas;
  }

  // What is read

  read() {
    const { latents, outcome, pointed } = this;
    this.answer = pointed && latents.at(pointed);
    const { answer } = this;
    if (answer) {
      const named = (figure, bytes, label, words) => {
        const canvas = figure.querySelector("canvas");
        canvas.setAttribute("aria-label", label);
        this.picture(bytes, canvas);
        say(figure.querySelector("figcaption"), words);
      };
      const far = Math.sqrt(answer.distance).toFixed(2);
      named(this.here, answer.drawn, "What the decoder draws at this place", "drawn from this very place");
      const held = this.held ?? this.picked;
      const words =
        held === undefined ? `drawn from its code ${answer.code}, ${far} away` : `code ${held}, in your hand`;
      named(this.snapped, held === undefined ? answer.tile : latents.tile(held), "Tile of the code", words);
      this.here.hidden = held !== undefined;
    }
    for (const figure of [this.here, this.snapped]) figure.style.visibility = answer ? "" : "hidden";
    say(
      this.whole.querySelector("figcaption"),
      outcome ? `Your drawing from these codes: NMSE ${outcome.nmse.toFixed(3)}` : "",
    );
    [...this.grid.children].forEach((mark, cell) => {
      mark.className =
        outcome && outcome.codes[cell] !== outcome.before[cell]
          ? "plane-other"
          : answer && outcome?.codes[cell] === answer.code
            ? "plane-same"
            : "";
    });
    this.reset.setAttribute("aria-disabled", String(!latents.moved.size));
    say(this.words, this.sentence());
  }

  sentence() {
    const { outcome, latents, picked } = this;
    const taken = picked === undefined ? "" : `Code ${picked} is in your hand: arrow keys move it. `;
    if (!outcome)
      return `${taken}Draw a ${this.noun}: each of its cells becomes a point here, and snaps to its nearest code.`;
    const cells = outcome.codes.length;
    const used = new Set(outcome.codes).size;
    if (latents.moved.size) {
      const many = outcome.changed.length;
      return `${taken}${many ? `${counted(many, "cell")} of ${cells} ${many === 1 ? "has" : "have"} another code than the learned codebook gives.` : "No cell has changed hands."}`;
    }
    if (this.flat) return `${taken}${cells} cells, ${counted(used, "code")} of ${latents.network.K}.`;
    const deceived = latents.deceived(outcome);
    return `${taken}${cells} cells, ${counted(used, "code")} of ${latents.network.K}. For ${deceived} of the cells the code that looks nearest here is not the nearest one.`;
  }
}

/** @param {ArrayLike<number>} numbers */
function pairs(numbers) {
  return Array.from(
    { length: numbers.length / 2 },
    (_, n) => /** @type {Point} */ ([numbers[2 * n], numbers[2 * n + 1]]),
  );
}

/** A frame with some air around points; `top` is the lower number. */
function around(points) {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const air = MARGIN * Math.max(right - left, bottom - top) || 1;
  return { left: left - air, right: right + air, top: top - air, bottom: bottom + air };
}

const gap = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);

/**
 * Spots that nobody could tell apart, with the cells that are there: blank paper is one spot.
 * @param {Point[]} spots
 * @param {Int32Array} codes
 * @returns {{spot: Point, cells: number[]}[]}
 */
function together(spots, codes) {
  const groups = new Map();
  spots.forEach((spot, cell) => {
    const key = `${spot.map(Math.round)} ${codes[cell]}`;
    if (!groups.has(key)) groups.set(key, { spot, cells: [] });
    groups.get(key).cells.push(cell);
  });
  return [...groups.values()];
}

function trace(pen, outline) {
  pen.beginPath();
  for (const corner of outline) pen.lineTo(...corner);
  pen.closePath();
}

/** Words, where they are others than before. */
function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
