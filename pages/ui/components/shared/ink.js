// Ink as MNIST's pens left it: full within the nib, fading over one pixel at its edge. No DOM.

/**
 * Lay ink along a line, or take it away, in the pixels themselves.
 * @param {Uint8ClampedArray} pixels  (height, width, channels)
 * @param {import("./layers.js").Image} image
 * @param {{x: number, y: number}} from  in pixels; the middle of the first one is 0.5
 * @param {{x: number, y: number}} to
 * @param {number} radius  of the nib, in pixels
 * @param {boolean} erasing
 */
export function draw(pixels, { height, width, channels }, from, to, radius, erasing) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const squared = dx * dx + dy * dy;
  const reach = radius + 0.5;
  const [top, bottom] = span(from.y, to.y, reach, height);
  const [left, right] = span(from.x, to.x, reach, width);
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [px, py] = [column + 0.5 - from.x, row + 0.5 - from.y];
      const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
      const distance = Math.hypot(px - along * dx, py - along * dy);
      const cover = 255 * Math.min(1, Math.max(0, reach - distance));
      for (let i = (row * width + column) * channels, end = i + channels; i < end; i++) {
        pixels[i] = erasing ? Math.min(pixels[i], 255 - cover) : Math.max(pixels[i], cover);
      }
    }
  }
}

/**
 * The rows or columns that a line with a nib of this reach touches: [first, end).
 * @param {number} a
 * @param {number} b
 * @param {number} reach
 * @param {number} size
 */
function span(a, b, reach, size) {
  return [Math.max(0, Math.floor(Math.min(a, b) - reach)), Math.min(size, Math.ceil(Math.max(a, b) + reach))];
}
