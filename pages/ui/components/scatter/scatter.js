// The map on a plain canvas: it draws, moves, zooms and selects without the server, which hears finished selections.

import { bytesOf } from "../shared/wire.js";
import { Camera } from "./camera.js";
import { Card } from "./card.js";
import { Drawing } from "./drawing.js";
import { Hand } from "./hand.js";
import { Legend } from "./legend.js";
import { Points, typicalSpacing } from "./points.js";
import { ARRIVED, SHEETS } from "./sheets.js";

const VIEWS = new WeakMap();

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue }) {
  if (!VIEWS.has(parentElement)) VIEWS.set(parentElement, new View(parentElement));
  const view = VIEWS.get(parentElement);
  view.send = (selection) => setStateValue("selection", selection);
  if (data) view.update(data);
  return () => {
    view.close();
    VIEWS.delete(parentElement);
  };
}

class View {
  constructor(root) {
    this.root = root;
    this.host = this.find(".scatter");
    this.stage = this.find(".stage");
    this.data = {};
    this.revision = null;
    this.send = undefined; // tells Python of a selection
    this.camera = new Camera();
    this.points = new Points(this.camera);
    this.drawing = new Drawing(this);
    this.card = new Card(this);
    this.legend = new Legend(this);
    this.hand = new Hand(this);
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.sizes = new ResizeObserver(() => this.drawing.resize());
    this.sizes.observe(this.stage);
    this.onSheet = () => this.takeSheet();
    addEventListener(ARRIVED, this.onSheet);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onTheme = () => setTimeout(() => this.drawing.request(), 100);
    this.dark.addEventListener("change", this.onTheme);
  }

  close() {
    this.sizes.disconnect();
    removeEventListener(ARRIVED, this.onSheet);
    this.dark.removeEventListener("change", this.onTheme);
    this.drawing.close();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  // What Python sends.

  update(data) {
    const old = this.data;
    const same = data.ids === old.ids;
    this.data = data;
    if (!same) this.takePoints(new Uint32Array(bytesOf(data.ids).buffer));
    if (data.xy !== old.xy || !this.points.xy) {
      const xy = Float32Array.from(new Uint16Array(bytesOf(data.xy).buffer), (number) => number / 65535);
      this.camera.spacing = typicalSpacing(xy);
      this.drawing.moveTo(xy, same && !this.calm.matches);
    }
    if (!same || data.colors !== old.colors || data.palette.join() !== old.palette?.join()) {
      this.colors = new Uint16Array(bytesOf(data.colors).buffer);
      this.drawing.tinted = null;
    }
    if (data.labels !== old.labels) this.labels = data.labels ? new Uint16Array(bytesOf(data.labels).buffer) : null;
    if (data.view !== old.view) this.fit();
    if (data.selection.revision !== this.revision) {
      this.revision = data.selection.revision;
      this.mark(new Uint32Array(bytesOf(data.selection.ids).buffer));
    }
    const keys = "Arrow keys go from point to point, Enter selects, plus and minus zoom.";
    this.find(".base").setAttribute("aria-label", `${data.title} ${keys}`);
    if (JSON.stringify(data.legend) !== JSON.stringify(old.legend)) this.legend.build(data.legend, data.palette);
    this.takeSheet();
    this.say();
    this.drawing.request();
  }

  /** Other points than before; of those that were selected, the ones that are still here stay so. */
  takePoints(ids) {
    const kept = this.selected ? this.selectedIds() : [];
    this.ids = ids;
    this.place = new Map(Array.from(ids, (id, at) => [id, at]));
    this.selected = new Uint8Array(ids.length);
    this.mark(kept);
    // Mixed, so that no class lies on top of all others; the same mixture each time.
    const rank = (at) => Math.imul(ids[at] + 1, 2654435761) >>> 0;
    this.order = Uint32Array.from({ length: ids.length }, (_, at) => at).sort((a, b) => rank(a) - rank(b));
    this.hand.focused = this.hand.hovered = -1;
    this.points.count = ids.length;
    this.points.xy = null;
  }

  takeSheet() {
    const sheet = SHEETS.get(this.data.sheet) ?? null;
    if (sheet === this.sheet) return;
    this.sheet = sheet;
    this.host.dataset.pictures = sheet ? "ready" : "coming";
    this.drawing.tinted = null;
    this.drawing.request();
  }

  /** The image that a point is, or is a cell of. */
  imageOf(at) {
    return this.data.cells ? Math.floor(this.ids[at] / this.data.cells) : this.ids[at];
  }

  fit() {
    this.camera.fit();
    this.drawing.request();
  }

  // Selecting.

  selectedIds() {
    return Array.from(this.ids.filter((_, at) => this.selected[at]));
  }

  mark(ids) {
    this.selected.fill(0);
    for (const id of ids) {
      const at = this.place.get(id);
      if (at !== undefined) this.selected[at] = 1;
    }
    this.recount();
  }

  recount() {
    this.selectedCount = this.selected.reduce((sum, one) => sum + one, 0);
  }

  /**
   * Select points, with shift in addition to those selected, with alt taking them away; Python hears of the outcome, and
   * of the corners of a polygon that holds just these.
   */
  select(points, { shiftKey = false, altKey = false } = {}, corners = []) {
    if (!shiftKey && !altKey) this.selected.fill(0);
    for (const at of points) this.selected[at] = altKey ? 0 : 1;
    this.recount();
    this.say();
    this.drawing.request();
    const outline = shiftKey || altKey ? [] : corners;
    this.send({ revision: this.revision, ids: this.selectedIds(), outline });
  }

  clear() {
    if (this.selectedCount) this.select([]);
  }

  say() {
    const { selectedCount } = this;
    const total = this.points.count.toLocaleString("en");
    this.find(".count").textContent = selectedCount
      ? `${selectedCount.toLocaleString("en")} of ${total} selected`
      : `${total} ${this.data.noun}`;
    this.find(".clear").disabled = !selectedCount;
    this.find(".clear span").textContent = selectedCount || "";
    this.host.dataset.selected = String(selectedCount);
    this.legend.mark();
  }
}
