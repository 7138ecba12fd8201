// What the workbench draws beside plain pictures: feature maps, differences, the codes' tiles.

import { paint } from "../shared/pixels.js";
import { tile } from "../shared/vqvae.js";

export const [MORE, LESS] = [[255, 150, 40], [80, 165, 255]]; // orange and blue, told apart by every kind of eye

/** The channels of a feature map side by side, each point from the map's lowest value, black, to its highest, white. */
export function paintMaps(canvas, { height, width, channels, values }) {
  const columns = Math.ceil(Math.sqrt((channels * height) / width));
  const rows = Math.ceil(channels / columns);
  const size = { height: rows * (height + 1) - 1, width: columns * (width + 1) - 1, channels: 1 };
  const [low, high] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 1e-12]);
  const bytes = new Uint8ClampedArray(size.height * size.width).fill(40);
  for (let c = 0; c < channels; c++) {
    const start = Math.floor(c / columns) * (height + 1) * size.width + (c % columns) * (width + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        bytes[start + y * size.width + x] = (255 * (values[(y * width + x) * channels + c] - low)) / (high - low);
      }
    }
  }
  [canvas.width, canvas.height] = [size.width, size.height];
  paint(canvas, bytes, size);
}

/** Where there is more ink after than before, and where less. */
export function paintDifference(canvas, before, after, { height, width, channels }) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    let difference = 0;
    for (let i = pixel * channels; i < (pixel + 1) * channels; i++) difference += (after[i] - before[i]) / 255 / channels;
    const color = difference > 0 ? MORE : LESS;
    color.forEach((value, c) => (picture.data[4 * pixel + c] = value * Math.min(1, 1.4 * Math.abs(difference))));
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** The tiles of a grid of codes, as one picture. */
export function mosaic(network, codes) {
  const { grid, cell, image } = network;
  const line = cell.width * image.channels;
  const bytes = new Uint8ClampedArray(codes.length * cell.height * line);
  codes.forEach((code, index) => {
    const picture = tile(network, code);
    const [row, column] = [Math.floor(index / grid.width), index % grid.width];
    for (let y = 0; y < cell.height; y++) {
      const start = ((row * cell.height + y) * grid.width + column) * line;
      bytes.set(picture.subarray(y * line, (y + 1) * line), start);
    }
  });
  return bytes;
}

export function tilesSize({ grid, cell }) {
  return { height: grid.height * cell.height, width: grid.width * cell.width };
}
