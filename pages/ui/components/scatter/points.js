// The points of the map as the camera sees them: which one is meant, which lie inside an outline, which is next. No DOM.

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

  /** The points inside a polygon on the screen. */
  inside(polygon) {
    const found = [];
    for (let i = 0; i < this.count; i++) if (within(this.x(i), this.y(i), polygon)) found.push(i);
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
