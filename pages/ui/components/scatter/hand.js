// Pointer, wheel and keys on the map: move and zoom it, point at, select and go from point to point.

import { outline } from "./points.js";

const CLICK = 5; // pixels a press may move and still be a click
const REACH = 16; // pixels from a pointer to the point it means
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TOOLS = { p: "pan", b: "box", l: "lasso" };

export class Hand {
  /** `view` is the View that it works on. */
  constructor(view) {
    this.view = view;
    this.base = view.find(".base");
    this.pointers = new Map(); // where each one is that is down
    this.pressed = null; // {x, y, moved}
    this.path = null; // what is dragged around points
    this.hovered = -1;
    this.focused = -1;
    this.listen();
    this.use("pan");
  }

  listen() {
    const { base, view } = this;
    view.find(".bar").onclick = (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const { tool, zoom } = button.dataset;
      if (tool) this.use(tool);
      else if (zoom === "fit") view.fit();
      else if (zoom) this.zoomBy(zoom === "in" ? 1.6 : 1 / 1.6);
      else view.clear();
    };
    base.onpointerdown = (event) => this.press(event);
    base.onpointermove = (event) => this.drag(event);
    base.onpointerup = (event) => this.lift(event);
    base.onpointercancel = (event) => this.abandon(event);
    base.onpointerleave = () => this.hover(-1);
    base.onwheel = (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 30 : 1;
      this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), event.offsetX, event.offsetY);
    };
    base.onkeydown = (event) => this.key(event);
    base.onblur = () => this.focusOn(-1);
  }

  use(tool) {
    this.tool = tool;
    for (const button of this.view.root.querySelectorAll(".tool")) {
      button.setAttribute("aria-checked", String(button.dataset.tool === tool));
    }
    this.base.classList.toggle("box", tool === "box");
    this.base.classList.toggle("lasso", tool === "lasso");
  }

  zoomBy(factor, x, y) {
    this.view.camera.zoomBy(factor, x, y);
    this.view.drawing.request();
  }

  /** Move the view over the map by pixels. */
  moveBy(x, y) {
    this.view.camera.moveBy(x, y);
    this.view.drawing.request();
  }

  // Pointers

  press(event) {
    if (event.button > 0) return; // a finger's and a pen's tip have 0 as well
    this.base.setPointerCapture?.(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (this.pointers.size > 1) {
      this.drop();
      return;
    }
    this.pressed = { x: event.offsetX, y: event.offsetY, moved: false };
  }

  drag(event) {
    const here = [event.offsetX, event.offsetY];
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.hover(this.nearest(...here));
      return;
    }
    this.pointers.set(event.pointerId, here);
    if (this.pointers.size > 1) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      this.moveBy(-(here[0] - before[0]) / 2, -(here[1] - before[1]) / 2);
      this.zoomBy(apart(here) / Math.max(1, apart(before)), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
      return;
    }
    if (!this.pressed) return;
    if (!this.pressed.moved) {
      if (Math.hypot(here[0] - this.pressed.x, here[1] - this.pressed.y) < CLICK) return;
      this.pressed.moved = true;
      if (this.tool === "pan") this.base.classList.add("panning");
      else this.path = [[this.pressed.x, this.pressed.y]];
    }
    if (this.tool === "pan") this.moveBy(-(here[0] - before[0]), -(here[1] - before[1]));
    else {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.path.push([one.offsetX, one.offsetY]);
      this.view.drawing.request();
    }
  }

  lift(event) {
    const { pressed, path, view } = this;
    this.abandon(event);
    if (!pressed) return;
    if (!pressed.moved) {
      const at = this.nearest(event.offsetX, event.offsetY);
      this.focused = -1;
      if (at < 0) view.clear();
      else {
        this.pick(at, event);
        if (event.pointerType === "touch") this.hover(at);
      }
    } else if (path) {
      const corners = view.points.corners(outline(path, this.tool === "box"));
      view.select(view.points.inside(corners), event, corners);
    }
    view.drawing.request();
  }

  abandon(event) {
    this.pointers.delete(event.pointerId);
    this.base.classList.remove("panning");
    this.drop();
  }

  /** Let go of what is dragged: lifting the pointer selects nothing. */
  drop() {
    this.pressed = this.path = null;
    this.view.drawing.request();
  }

  /** The polygon around points that is being dragged. */
  get outline() {
    return outline(this.path, this.tool === "box");
  }

  nearest(x, y) {
    return this.view.points.nearest(x, y, Math.max(REACH, this.view.drawing.thumbnailSize() / 2));
  }

  hover(at) {
    if (at === this.hovered) return;
    this.hovered = at;
    this.base.classList.toggle("pointed", at >= 0);
    this.view.drawing.request();
  }

  /** Select one point; with shift, one that is selected no longer is. */
  pick(at, event) {
    this.view.select([at], event.shiftKey && this.view.selected[at] ? { altKey: true } : event);
  }

  // Keys

  key(event) {
    const direction = DIRECTIONS[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (direction && event.shiftKey) this.moveBy(60 * direction[0], 60 * direction[1]);
    else if (direction) this.focusOn(this.view.points.towards(this.focused, this.anchor, direction));
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.4, ...this.anchor);
    else if (event.key === "-") this.zoomBy(1 / 1.4, ...this.anchor);
    else if (event.key === "0" || event.key === "Home") this.view.fit();
    else if ((event.key === "Enter" || event.key === " ") && this.focused >= 0) this.pick(this.focused, event);
    else if (event.key === "Escape" && this.path) this.drop();
    else if (event.key === "Escape" && this.view.selectedCount) this.view.clear();
    else if (TOOLS[event.key]) this.use(TOOLS[event.key]);
    else return; // also an Escape with nothing to drop: it leaves a talk
    event.preventDefault();
  }

  /** Where keys act: at the focused point, else in the middle. */
  get anchor() {
    const { points, camera } = this.view;
    return this.focused >= 0 ? [points.x(this.focused), points.y(this.focused)] : [camera.width / 2, camera.height / 2];
  }

  focusOn(at) {
    const { view } = this;
    this.focused = at;
    if (at >= 0) {
      this.hovered = -1;
      const [x, y] = this.anchor;
      const { width, height } = view.camera;
      if (x < 20 || y < 20 || x > width - 20 || y > height - 20) this.moveBy(x - width / 2, y - height / 2);
      const note = view.sheet ? `, ${view.card.note(at)}` : "";
      view.find(".live").textContent = `${view.card.name(at)}${note}${view.selected[at] ? ", selected" : ""}`;
    }
    view.drawing.request();
  }
}
