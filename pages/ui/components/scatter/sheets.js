// The sheets of pictures, sent once a model: where every map on the page finds them, and where things lie in one.

/** Sheets by their keys; null while one is on its way. */
export const SHEETS = new Map();
export const ARRIVED = "vqvae-sheet"; // an event of the window

/** Left and top of an image's picture. */
export function spriteAt({ columns, width, height }, image) {
  return [(image % columns) * width, Math.floor(image / columns) * height];
}

/** What a cell sees of its picture, clipped at the border: left, top, width, height in pixels. */
export function patchOf({ patch: { size, stride, start }, grid, width, height }, cell) {
  const [row, column] = [Math.floor(cell / grid[1]), cell % grid[1]];
  const [top, left] = [start[0] + row * stride[0], start[1] + column * stride[1]];
  const [y, x] = [Math.max(0, top), Math.max(0, left)];
  return [x, y, Math.min(width, left + size[1]) - x, Math.min(height, top + size[0]) - y];
}
