// The sums that Home's boxes open: each comes to torch's number, out of torch's products, and reaches what it says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBytes } from "../../pages/ui/components/shared/bytes.js";
import { reach, summands } from "../../pages/ui/components/shared/fields.js";
import * as vqvae from "../../pages/ui/components/shared/vqvae.js";
import { generator, passes, reference } from "./reference.js";

const CLOSE = 1e-4; // float32 against float64

/** The maps of the first picture, there and from torch's codes back. */
function mapsOf(network, { pixels, codes }) {
  const { height, width, channels } = network.image;
  const there = vqvae.encode(network, fromBytes(pixels.subarray(0, height * width * channels)));
  const first = codes.subarray(0, network.grid.height * network.grid.width);
  return { there, back: vqvae.decode(network, vqvae.lookup(network, first)) };
}

// Models whose last layer with weights is the last one, but for a bound.
const plain = passes.filter(({ description }) => !description.encoder.some(({ back }) => back));

for (const { name, description, latents, drawn, ...pass } of plain) {
  test(`every number's and every pixel's sum comes to torch's: ${name}`, () => {
    const network = vqvae.load(description);
    const { there, back } = mapsOf(network, { ...pass });
    const { height, width } = network.grid;
    const last = network.encoder.findLastIndex(({ pieces }) => pieces.length);
    const bounded = last < network.encoder.length - 1; // FSQ squashes the sum afterwards: torch's hook is before that
    for (let place = 0; place < height * width * network.D; place++) {
      const [cell, d] = [Math.floor(place / network.D), place % network.D];
      const [row, column] = [Math.floor(cell / width), cell % width];
      const { total } = summands(network.encoder[last], there[last], row, column, d);
      const expected = bounded ? there[last + 1].values[place] : latents[place];
      assert.ok(Math.abs(total - expected) <= CLOSE * (1 + Math.abs(expected)), `${row} ${column} ${d}`);
    }
    const layer = network.decoder.length - 1;
    const { image } = network;
    for (let place = 0; place < image.height * image.width * image.channels; place++) {
      const [pixel, c] = [Math.floor(place / image.channels), place % image.channels];
      const [row, column] = [Math.floor(pixel / image.width), pixel % image.width];
      const { total } = summands(network.decoder[layer], back[layer], row, column, c);
      assert.ok(Math.abs(total + network.offset - drawn[place]) <= CLOSE, `${row} ${column} ${c}`);
    }
  });
}

const opened = passes.find(({ name }) => name === "default");

test("the products of a sum are torch's, one by one", () => {
  const network = vqvae.load(opened.description);
  const { there, back } = mapsOf(network, opened);
  const { place, of_number, of_pixel } = reference.sums;
  const [number, pixel] = [
    summands(network.encoder.at(-1), there.at(-2), place.row, place.column, place.channel),
    summands(network.decoder.at(-1), back.at(-3), place.y, place.x, 0),
  ].map(({ terms }) => terms.map(({ product }) => product));
  for (const [found, expected] of [
    [number, of_number],
    [pixel, of_pixel],
  ]) {
    assert.equal(found.length, expected.length);
    found.forEach((product, n) => {
      assert.ok(Math.abs(product - expected[n]) <= CLOSE, `${n}: ${product}, ${expected[n]}`);
    });
  }
});

for (const { name, description } of passes.filter(({ name }) => /default|odd|residual/.test(name))) {
  test(`a pixel depends on the cells that are said to reach it, and on no other: ${name}`, () => {
    const network = vqvae.load(description);
    const { grid, image, K } = network;
    const [random, cells] = [generator(5), grid.height * grid.width];
    const changed = Array.from({ length: image.height * image.width }, () => new Set());
    for (let trial = 0; trial < 12; trial++) {
      const codes = Int32Array.from({ length: cells }, () => Math.floor(random() * K));
      const maps = vqvae.decode(network, vqvae.lookup(network, codes));
      const before = maps.at(-1).values;
      for (let cell = 0; cell < cells; cell++) {
        const other = codes.slice();
        other[cell] = (codes[cell] + 1 + Math.floor(random() * (K - 1))) % K;
        const after = vqvae.decode(network, vqvae.lookup(network, other), maps).at(-1).values;
        for (let pixel = 0; pixel < changed.length; pixel++) {
          const at = pixel * image.channels;
          if (before[at] !== after[at]) changed[pixel].add(cell);
        }
      }
    }
    for (let pixel = 0; pixel < changed.length; pixel++) {
      const [row, column] = [Math.floor(pixel / image.width), pixel % image.width];
      const { top, bottom, left, right } = reach(network, row, column);
      const inside = (cell) => {
        const [y, x] = [Math.floor(cell / grid.width), cell % grid.width];
        return y >= top && y < bottom && x >= left && x < right;
      };
      assert.ok([...changed[pixel]].every(inside), `${row} ${column}: others changed it`);
      if (name !== "odd layers") assert.equal(changed[pixel].size, (bottom - top) * (right - left), `${row} ${column}`);
    }
  });
}
