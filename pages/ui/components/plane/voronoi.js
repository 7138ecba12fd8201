// Which part of the plane belongs to which code: its Voronoi cell, all that lies nearer to it than to any other. A box
// cut by one line for each other code; for codebooks that is fast enough, and codes that coincide need no special care.

/**
 * @typedef {[number, number]} Point
 * @typedef {{left: number, right: number, top: number, bottom: number}} Frame
 */

/**
 * The cells of sites within a frame, as convex polygons. Of sites that coincide the first has the cell, as the lowest
 * code wins a tie; the others' are empty.
 * @param {Point[]} sites
 * @param {Frame} frame
 * @returns {Point[][]}
 */
export function voronoi(sites, { left, right, top, bottom }) {
  return sites.map((site, own) => {
    /** @type {Point[]} */
    let cell = [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ];
    for (let n = 0; n < sites.length && cell.length; n++) {
      const other = sites[n];
      const same = other[0] === site[0] && other[1] === site[1];
      if (same && n < own) cell = [];
      else if (!same) cell = nearer(cell, site, other);
    }
    return cell;
  });
}

/**
 * What of a convex polygon lies nearer to one point than to another (Sutherland and Hodgman 1974).
 * @param {Point[]} polygon
 * @param {Point} one
 * @param {Point} other
 */
function nearer(polygon, one, other) {
  // |p - one|² <= |p - other|², written as a line: how far beyond it p lies.
  const [x, y] = [other[0] - one[0], other[1] - one[1]];
  const middle = (x * (other[0] + one[0]) + y * (other[1] + one[1])) / 2;
  const beyond = polygon.map((p) => p[0] * x + p[1] * y - middle);
  return polygon.flatMap((p, n) => {
    const next = (n + 1) % polygon.length;
    const kept = beyond[n] <= 0 ? [p] : [];
    if (beyond[n] <= 0 === beyond[next] <= 0) return kept;
    const share = beyond[n] / (beyond[n] - beyond[next]);
    return [
      ...kept,
      /** @type {Point} */ ([p[0] + share * (polygon[next][0] - p[0]), p[1] + share * (polygon[next][1] - p[1])]),
    ];
  });
}
