// Two models on one drawing. The drawing comes from whichever component has the pen (`live.js`), the models from addresses
// (`fetched.js`) once somebody is a screen away, and each side passes the drawing through its own while it can be seen.

import { byId } from "../shared/elements.js";
import { resting, SOON } from "../shared/idle.js";
import { follow } from "../shared/live.js";
import { paint } from "../shared/pixels.js";
import { drawCurve } from "./curve.js";
import { fillTable } from "./figures.js";
import { Side } from "./side.js";

const PAUSE = 400; // milliseconds without another choice before Python hears of it

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue }) {
  parentElement.ladder ??= new Ladder(parentElement);
  parentElement.ladder.update(data, (sides) => setStateValue("sides", sides));
  return () => parentElement.ladder.close();
}

class Ladder {
  constructor(root) {
    this.root = root;
    this.board = root.querySelector(".ladder");
    this.$ = byId(root);
    this.seen = this.near = false;
    this.sides = ["left", "right"].map((id) => new Side(this, this.$[id], this.$.side));
    this.resized = new ResizeObserver(() => this.compare());
  }

  update(data, tell) {
    this.tell = tell;
    this.entries = new Map(data.entries.map((entry) => [entry.name, entry]));
    this.unquantised = data.unquantised;
    this.bestOn = data.best_on;
    this.board.hidden = false;
    const { set, picture } = data;
    const fresh = this.serial !== set.serial;
    this.serial = set.serial;
    for (const side of this.sides) {
      const name = fresh ? set[side.id] : side.name;
      side.offer(this.entries.has(name) ? name : set[side.id]);
    }
    this.watch();
    if (picture && !this.live) this.still(picture);
    this.compare();
  }

  /** Follow the drawing, and look at it while it can be seen. */
  watch() {
    if (this.unfollow) return;
    this.watching = new IntersectionObserver(([{ isIntersecting }]) => {
      this.seen = isIntersecting;
      this.look();
    });
    this.watching.observe(this.board);
    const margin = "100% 0px"; // of the window, or of what scrolls within it
    const ahead = { rootMargin: margin, scrollMargin: margin };
    this.nearing = new IntersectionObserver(([{ isIntersecting }]) => {
      if (this.near || !isIntersecting) return;
      this.near = true;
      for (const side of this.sides) side.fetch();
    }, ahead);
    this.nearing.observe(this.board);
    this.resized.observe(this.$.curve);
    this.unfollow = follow(({ pixels, image }) => {
      this.live = true;
      this.$.still.hidden = true;
      this.see({ pixels, image });
    });
  }

  /** A picture in place of a drawing, where no pen is on the page. */
  still({ name, pixels, image }) {
    const { drawing, still } = this.$;
    [drawing.width, drawing.height] = [image.width, image.height];
    const bytes = Uint8ClampedArray.from(pixels);
    paint(drawing, bytes, image);
    drawing.setAttribute("aria-label", name);
    this.$["drawing-name"].textContent = name;
    still.hidden = false;
    this.see({ pixels: bytes, image });
  }

  see(drawing) {
    this.drawing = drawing;
    this.look();
  }

  look() {
    if (!this.seen || !this.drawing) return;
    for (const side of this.sides) side.see(this.drawing);
  }

  /** The figures of both sides and their places on the curve. */
  compare() {
    const of = this.sides.map(({ entry, live }) => ({ entry, live }));
    this.sides.forEach(({ id, entry }) => {
      this.$[`name-${id}`].textContent = entry?.title ?? "";
    });
    fillTable(this.$.rows, of);
    const rungs = [...this.entries.values()].filter(({ group, figures }) => group === "codes" && figures);
    drawCurve(this.$.curve, this.$.legend, { rungs, unquantised: this.unquantised, sides: of, bestOn: this.bestOn });
  }

  /** Another model was chosen: Python hears of it once the hand rests, or as soon as may be where it has to open it. */
  chosen(entry, after = entry.address || entry.problem ? PAUSE : 0) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.root.isConnected) return;
      if (!resting()) return this.chosen(entry, SOON);
      const [left, right] = this.sides.map(({ name }) => name);
      this.tell({ serial: this.serial, left, right });
    }, after);
  }

  close() {
    clearTimeout(this.timer);
    this.watching?.disconnect();
    this.nearing?.disconnect();
    this.resized.disconnect();
    this.unfollow?.();
    this.unfollow = undefined;
    this.live = false;
    for (const side of this.sides) side.close();
  }
}
