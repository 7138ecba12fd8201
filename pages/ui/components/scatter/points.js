// The points of the map as the camera sees them: which one is meant, which lie inside an outline, which is next. No DOM.

import { clamp } from "./dots.js";

const EDGE = 65535; // a map's side, as positions travel
const FINE = 16; // of them are one step of a corner
const SIDE = 4096;
const CORNERS = 64; // of a lasso: an address has to hold them

export class Points {
  constructor(camera) {
    this.camera = camera;
    this.count = 0;
    this.xy = null; // (N, 2) in the unit square
  }

  x(at) {
    return this.camera.x(this.xy[2 * at]);
  }

  y(at) {
    return this.camera.y(this.xy[2 * at + 1]);
  }

  /** The point nearest to a place on the screen, within so many pixels; -1 for none. */
  nearest(x, y, reach) {
    let [best, found] = [reach ** 2, -1];
    for (let i = 0; i < this.count; i++) {
      const distance = (this.x(i) - x) ** 2 + (this.y(i) - y) ** 2;
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  }

  /** A polygon on the screen, on the map: at most CORNERS whole numbers from 0 to SIDE, and beyond around the map. */
  corners(polygon) {
    const { camera } = this;
    const [left, top] = [camera.x(0), camera.y(0)];
    const step = Math.max(1, polygon.length / CORNERS);
    const places = Array.from({ length: Math.min(polygon.length, CORNERS) }, (_, n) => polygon[Math.floor(n * step)]);
    const whole = (share) => clamp(Math.round(share * SIDE), -SIDE, 2 * SIDE);
    return places.map(([x, y]) => [whole((x - left) / camera.scale), whole((top - y) / camera.scale)]);
  }

  /** The points inside a polygon of such corners; in whole numbers, so that Python finds the same ones. */
  inside(corners) {
    const polygon = corners.map(([x, y]) => [x * FINE, y * FINE]);
    const found = [];
    for (let i = 0; i < this.count; i++) {
      const [x, y] = [Math.round(this.xy[2 * i] * EDGE), Math.round(this.xy[2 * i + 1] * EDGE)];
      if (within(x, y, polygon)) found.push(i);
    }
    return found;
  }

  /** The next point in a direction: near, and rather straight ahead than aside. Without a start, the one nearest to `from`. */
  towards(start, [x, y], [dx, dy]) {
    let [best, found] = [Infinity, start];
    for (let i = 0; i < this.count; i++) {
      if (i === start) continue;
      const [ax, ay] = [this.x(i) - x, this.y(i) - y];
      const [ahead, aside] = [ax * dx + ay * dy, Math.abs(ax * dy) + Math.abs(ay * dx)];
      if (start >= 0 && (ahead <= 0 || aside > ahead)) continue;
      const cost = start < 0 ? ax * ax + ay * ay : ahead + 2 * aside;
      if (cost < best) [best, found] = [cost, i];
    }
    return found;
  }
}

/** The median distance from a point (N, 2) to its nearest neighbour, over a sample of points. */
export function typicalSpacing(xy) {
  const count = xy.length / 2;
  const found = [];
  const step = Math.max(1, Math.floor(count / 300));
  for (let i = 0; i < count; i += step) {
    let best = Infinity;
    for (let j = 0; j < count; j++) {
      const distance = (xy[2 * i] - xy[2 * j]) ** 2 + (xy[2 * i + 1] - xy[2 * j + 1]) ** 2;
      if (distance < best && j !== i) best = distance;
    }
    if (best < Infinity) found.push(Math.sqrt(best));
  }
  found.sort((a, b) => a - b);
  return Math.max(found[found.length >> 1] ?? 0.1, 1e-4);
}

/** Whether a place lies in a polygon, by the even-odd rule. */
export function within(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** The polygon that a dragged path means: itself, or the box between its ends. */
export function outline(path, boxed) {
  if (!boxed) return path;
  const [[x0, y0], [x1, y1]] = [path[0], path[path.length - 1]];
  return [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
}
