// The model in JavaScript agrees with torch: codes but for ties, pixels within one step of 255.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBytes, resample } from "../../pages/ui/components/shared/bytes.js";
import { receptiveField } from "../../pages/ui/components/shared/fields.js";
import * as vqvae from "../../pages/ui/components/shared/vqvae.js";
import { floatsOf } from "../../pages/ui/components/shared/wire.js";
import { generator, passes, reference } from "./reference.js";

const TIE = 1e-5;

for (const { name, description, pixels, codes, margins, drawn } of passes) {
  test(`JavaScript and torch agree on ${name}`, () => {
    const network = vqvae.load(description);
    const { height, width, channels } = network.image;
    const size = height * width * channels;
    const cells = network.grid.height * network.grid.width;
    assert.equal(codes.length / cells, pixels.length / size);
    let [differing, compared, error] = [0, 0, 0];
    for (let n = 0; n < pixels.length / size; n++) {
      const picture = fromBytes(pixels.subarray(n * size, (n + 1) * size));
      const found = vqvae.reconstruct(network, picture);
      const others = [...found.codes.keys()].filter((cell) => found.codes[cell] !== codes[n * cells + cell]);
      for (const cell of others) assert.ok(margins[n * cells + cell] < TIE, "another code where there is no tie");
      differing += others.length;
      if (others.length) continue;
      compared++;
      found.pixels.forEach((value, i) => {
        error = Math.max(error, Math.abs(value - drawn[n * size + i]));
      });
    }
    assert.ok(differing <= (name === "odd layers" ? 0 : codes.length / 1000));
    assert.ok(compared > 0);
    assert.ok(error <= 1 / 255);
  });
}

for (const { name, description } of passes.filter(({ name }) =>
  /default|3 channels|odd|residual|elsewhere|FSQ/.test(name),
)) {
  test(`a pass that goes on from the last one is the same to the last bit: ${name}`, () => {
    const network = vqvae.load(description);
    const { height, width, channels } = network.image;
    const cells = network.grid.height * network.grid.width;
    const random = generator(11);
    const goesOn = vqvae.overruled(network);
    let shown = new Float64Array(height * width * channels);
    for (let number = 0; number < 24; number++) {
      const fresh = number % 4 === 0 && number > 0 ? null : shown.slice();
      if (fresh) {
        const [top, left] = [Math.floor(random() * (height - 3)), Math.floor(random() * (width - 3))];
        for (let row = top; row < top + 3; row++) {
          for (let i = (row * width + left) * channels; i < (row * width + left + 3) * channels; i++)
            fresh[i] = random();
        }
        shown = fresh;
      }
      const edits = new Int32Array(cells).fill(-1);
      if (number % 3 === 0) edits[number % cells] = number % network.K;
      const deep = number % 2 === 0;
      assert.deepEqual(goesOn(fresh, edits, deep), vqvae.overruled(network)(shown, edits, deep));
    }
  });
}

const network = vqvae.load(passes.find(({ name }) => name === "default").description);

test("tiles are torch's", () => {
  const expected = floatsOf(reference.tiles);
  const size = expected.length / network.K;
  for (let code = 0; code < network.K; code++) {
    const tile = vqvae.tile(network, code);
    assert.equal(tile.length, size);
    tile.forEach((byte, i) => {
      assert.ok(Math.abs(byte - 255 * expected[code * size + i]) <= 0.51);
    });
  }
});

test("a drawing is resampled as torch does it, by area", () => {
  const { bytes, by_torch } = reference.resampled;
  const [from, to] = [
    { height: 28, width: 28, channels: 1 },
    { height: 14, width: 7, channels: 3 },
  ];
  resample(bytes, from, to).forEach((value, i) => {
    assert.ok(Math.abs(value - by_torch[Math.floor(i / 3)]) <= 0.51);
  });
});

test("the field that a cell sees is the library's", () => {
  const { width } = network.grid;
  const fields = reference.fields.map((_, cell) => receptiveField(network, Math.floor(cell / width), cell % width));
  assert.deepEqual(fields, reference.fields);
});

test("a cell sees the pixels that change it, and no others, also where layers stand beside others", () => {
  const network = vqvae.load(passes.find(({ name }) => name === "residual layers").description);
  const { image, grid, D } = network;
  const random = generator(3);
  const pixels = Float64Array.from({ length: image.height * image.width * image.channels }, random);
  const before = vqvae.encode(network, pixels);
  const fields = Array.from({ length: grid.height * grid.width }, () => ({
    top: Infinity,
    bottom: -Infinity,
    left: Infinity,
    right: -Infinity,
  }));
  for (let place = 0; place < image.height * image.width; place++) {
    const [row, column] = [Math.floor(place / image.width), place % image.width];
    const other = pixels.slice();
    other[place * image.channels] += 1;
    const after = vqvae.encode(network, other, before).at(-1).values;
    fields.forEach((field, cell) => {
      const z = after.subarray(cell * D, (cell + 1) * D);
      if (z.every((value, d) => value === before.at(-1).values[cell * D + d])) return;
      field.top = Math.min(field.top, row);
      field.bottom = Math.max(field.bottom, row + 1);
      field.left = Math.min(field.left, column);
      field.right = Math.max(field.right, column + 1);
    });
  }
  fields.forEach((field, cell) => {
    const said = receptiveField(network, Math.floor(cell / grid.width), cell % grid.width);
    assert.deepEqual(said, field);
  });
});

test("of two codes at the same distance the lower one wins", () => {
  const twice = { ...network, K: 3, D: 1, codebook: Float64Array.from([5, 1, 1]) };
  const { codes, distances } = vqvae.quantise(twice, { height: 1, width: 1, channels: 1, values: Float64Array.of(2) });
  assert.deepEqual([...codes], [1]);
  assert.deepEqual([...distances], [9, 1, 1]);
  assert.deepEqual(
    vqvae.nearest(twice, distances, 0, 3).map(({ code }) => code),
    [1, 2, 0],
  );
  assert.deepEqual(vqvae.certainty(twice, distances), { error: Float64Array.of(1), margin: Float64Array.of(0) });
});

test("weights that do not fit the layers are refused", () => {
  const { description } = passes[0];
  assert.throws(() => vqvae.load({ ...description, weights: description.weights.slice(0, -8) }));
});

test("K codes take the whole bits that tell them apart", () => {
  assert.deepEqual([1, 2, 3, 128, 129].map(vqvae.bitsPerCode), [0, 1, 2, 7, 8]);
});
