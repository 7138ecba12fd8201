// What the workbench draws beside plain pictures: feature maps, and where two pictures differ.

import { paint } from "./pixels.js";

export const [MORE, LESS] = [
  [255, 150, 40],
  [80, 165, 255],
]; // orange and blue, told apart by every kind of eye

/** The channels of a feature map side by side, each point from the map's lowest value, black, to its highest, white. */
export function paintMaps(canvas, { height, width, channels, values }) {
  const columns = Math.ceil(Math.sqrt((channels * height) / width));
  const rows = Math.ceil(channels / columns);
  const size = { height: rows * (height + 1) - 1, width: columns * (width + 1) - 1, channels: 1 };
  const [low, high] = range(values, 0, 1e-12);
  const bytes = new Uint8ClampedArray(size.height * size.width).fill(40);
  for (let c = 0; c < channels; c++) {
    const start = Math.floor(c / columns) * (height + 1) * size.width + (c % columns) * (width + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        bytes[start + y * size.width + x] = (255 * (values[(y * width + x) * channels + c] - low)) / (high - low);
      }
    }
  }
  if (canvas.width !== size.width) canvas.width = size.width; // set anew, a canvas is made anew
  if (canvas.height !== size.height) canvas.height = size.height;
  paint(canvas, bytes, size);
}

/** Vectors as mosaics of their numbers, from the lowest of all, black, to the highest, white: those of some cells, or all. */
export function paintVectors(canvas, { height, width, channels, values }, cells = [...Array(height * width).keys()]) {
  const side = Math.ceil(Math.sqrt(channels));
  if (canvas.width !== width * side) canvas.width = width * side;
  if (canvas.height !== height * side) canvas.height = height * side;
  const [low, high] = range(values, Infinity, -Infinity);
  const picture = new ImageData(width * side, height * side);
  for (const cell of cells) {
    const [top, left] = [Math.floor(cell / width) * side, (cell % width) * side];
    for (let d = 0; d < side * side; d++) {
      const grey = d < channels ? (255 * (values[cell * channels + d] - low)) / (high - low || 1) : 0;
      const at = 4 * ((top + Math.floor(d / side)) * width * side + left + (d % side));
      picture.data.fill(grey, at, at + 3);
      picture.data[at + 3] = 255;
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Where there is more ink after than before, and where less. */
export function paintDifference(canvas, before, after, { height, width, channels }) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    let difference = 0;
    for (let i = pixel * channels; i < (pixel + 1) * channels; i++) {
      difference += (after[i] - before[i]) / 255 / channels;
    }
    const color = difference > 0 ? MORE : LESS;
    for (let c = 0; c < 3; c++) picture.data[4 * pixel + c] = color[c] * Math.min(1, 1.4 * Math.abs(difference));
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** The lowest and the highest of the values and of two more. */
function range(values, low, high) {
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, high];
}
