// Where the map's unit square lies on the screen, in CSS pixels. No DOM.

import { clamp } from "./dots.js";

const EDGE = 28; // pixels around the whole map

export class Camera {
  constructor() {
    this.width = this.height = 0;
    this.spacing = 0.1; // of neighbours on the map: how far to zoom at most
    this.fit();
  }

  /** Show the whole map. */
  fit() {
    this.center = [0.5, 0.5];
    this.zoom = 1;
  }

  /** Pixels for the whole side of the map. */
  get scale() {
    return this.zoom * (Math.min(this.width, this.height) - EDGE);
  }

  x(x) {
    return (x - this.center[0]) * this.scale + this.width / 2;
  }

  /** The map's y goes up, the screen's down. */
  y(y) {
    return (this.center[1] - y) * this.scale + this.height / 2;
  }

  /** Zoom about a place on the screen, which stays where it is. */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.scale;
    this.zoom = clamp(this.zoom * factor, 0.6, Math.max(8, 60 / (this.spacing * Math.min(this.width, this.height))));
    const shift = this.scale / before - 1;
    this.moveBy((x - this.width / 2) * shift, (y - this.height / 2) * shift);
  }

  /** Move the view over the map by pixels of the screen. */
  moveBy(x, y) {
    this.center = [
      clamp(this.center[0] + x / this.scale, -0.1, 1.1),
      clamp(this.center[1] - y / this.scale, -0.1, 1.1),
    ];
  }
}
