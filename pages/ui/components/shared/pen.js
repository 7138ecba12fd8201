// The pen: mouse, finger, stylus and keyboard lay ink on the canvas.

import { draw } from "./ink.js";

export const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const ERASER = 5; // the button at a stylus's other end

export class Pen {
  /** `bench` is the Workbench whose pixels it draws into. */
  constructor(bench) {
    this.bench = bench;
    this.erasing = false;
    this.stroke = undefined; // {x, y, erasing} while one is drawn
    this.listen();
  }

  listen() {
    const { ink, brush, pen, eraser, nib } = this.bench.$;
    ink.onpointerdown = (event) => {
      if (!event.isPrimary || (event.button > 0 && event.button !== ERASER) || this.stroke) return;
      event.preventDefault();
      ink.focus({ preventScroll: true });
      ink.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.begin(this.position(event), this.erasing || event.button === ERASER);
      this.hover(event);
    };
    ink.onpointermove = (event) => {
      this.hover(event);
      if (!this.stroke || event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const point of events.length ? events : [event]) this.extend(this.position(point));
      this.bench.changed(false);
    };
    ink.onpointerup =
      ink.onpointercancel =
      ink.onlostpointercapture =
        (event) => {
          if (!this.stroke || event.pointerId !== this.pointer) return;
          this.pointer = undefined;
          this.end();
        };
    ink.onpointerleave = () => (nib.hidden = true);
    ink.oncontextmenu = (event) => event.preventDefault();
    ink.onkeydown = (event) => this.key(event);
    ink.onkeyup = (event) => event.key === " " && this.stroke && this.pointer === undefined && this.end();
    ink.onblur = () => {
      if (this.stroke && this.pointer === undefined) this.end();
      nib.hidden = true;
    };
    pen.onclick = () => this.take(false);
    eraser.onclick = () => this.take(true);
    brush.oninput = () => (nib.hidden = true);
  }

  /** Another model, perhaps of another size: the nib keeps its share of it. */
  resize({ height, width }) {
    this.stroke = undefined;
    const side = Math.min(height, width);
    const { brush } = this.bench.$;
    const share = brush.value / brush.max;
    [brush.min, brush.max, brush.step] = [1, Math.max(2, Math.round(side / 5)), 0.5];
    brush.value = this.sized ? share * brush.max : Math.max(1, side / 11);
    this.sized = true;
  }

  take(erasing) {
    const { pen, eraser, nib } = this.bench.$;
    this.erasing = erasing;
    pen.setAttribute("aria-pressed", String(!erasing));
    eraser.setAttribute("aria-pressed", String(erasing));
    nib.hidden = true;
  }

  begin(point, erasing) {
    const { bench } = this;
    bench.begin(erasing);
    this.stroke = { ...point, erasing };
    bench.hush();
    this.extend(point);
    bench.changed(false);
  }

  /** Ink from the last point to this one. */
  extend(point) {
    const { pixels, image } = this.bench;
    draw(pixels, image, this.stroke, point, this.radius, this.stroke.erasing);
    Object.assign(this.stroke, point);
  }

  end() {
    const { bench } = this;
    this.stroke = undefined;
    bench.pixels = bench.pixels.slice(); // a new object: what was announced or kept for undo never changes
    bench.changed(true);
  }

  /** Radius of the nib in pixels of the model. */
  get radius() {
    return (Number(this.bench.$.brush.value) / 2) * ((this.stroke?.erasing ?? this.erasing) ? 1.5 : 1);
  }

  /** Where a pointer is, in pixels of the model. */
  position(event) {
    const box = this.bench.$.ink.getBoundingClientRect();
    const { height, width } = this.bench.image;
    return {
      x: ((event.clientX - box.left) / box.width) * width,
      y: ((event.clientY - box.top) / box.height) * height,
    };
  }

  hover(event) {
    if (event.pointerType !== "touch") this.outline(this.position(event));
  }

  /** The outline of the nib, where the next ink would go. */
  outline({ x, y }) {
    const { nib } = this.bench.$;
    const { height, width } = this.bench.image;
    nib.hidden = false;
    nib.classList.toggle("erasing", this.stroke?.erasing ?? this.erasing);
    const size = 2 * this.radius + 0.5;
    nib.style.width = `${(100 * size) / width}%`;
    nib.style.height = `${(100 * size) / height}%`;
    nib.style.transform = `translate(${100 * (x / size - 0.5)}%, ${100 * (y / size - 0.5)}%)`;
    this.place = { x, y };
  }

  /** By keyboard: arrows move the pen, the space bar held down draws. */
  key(event) {
    const { bench } = this;
    const step = ARROWS[event.key];
    if ((!step && event.key !== " ") || bench.tour?.claims(event)) return;
    event.preventDefault();
    const { height, width } = bench.image;
    let { x, y } = this.place ?? { x: width / 2, y: height / 2 };
    if (step) {
      x = Math.min(width, Math.max(0, x + step[0]));
      y = Math.min(height, Math.max(0, y + step[1]));
      if (this.stroke) {
        this.extend({ x, y });
        bench.changed(false);
      }
    } else if (!this.stroke) {
      this.begin({ x, y }, this.erasing);
    }
    this.outline({ x, y });
  }
}
