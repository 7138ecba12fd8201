// The prior in JavaScript agrees with torch: probabilities, surprise, chance, and so the codes that it writes.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as priors from "../../pages/ui/components/shared/prior.js";
import { bytesOf, floatsOf, halvesOf } from "../../pages/ui/components/shared/wire.js";
import { reference } from "./reference.js";

const codesOf = (text) => new Int32Array(bytesOf(text).buffer);

for (const {
  description,
  given,
  classes,
  probabilities,
  guided,
  whole,
  surprise,
  numbers,
  written,
} of reference.priors) {
  const { K, height, width } = description;
  const name = `K ${K}, ${height} x ${width}`;
  const prior = priors.load(description);
  const { cells } = prior;
  const grid = (codes, n) => codes.subarray(n * cells, (n + 1) * cells);

  for (const [how, guidance, answer] of [
    ["", 1, probabilities],
    [" with guidance", 2.5, guided],
  ])
    test(`JavaScript and torch give each code the same probability${how}: ${name}`, () => {
      const [hidden, expected] = [codesOf(given), floatsOf(answer)];
      classes.forEach((label, n) => {
        const found = priors.probabilities(prior, grid(hidden, n), label, guidance);
        assert.equal(found.length, cells * K);
        found.forEach((probability, i) => {
          const logit = Math.log(expected[n * cells * K + i]);
          assert.ok(Math.abs(Math.log(probability) - logit) < 1e-4, `${probability} for ${Math.exp(logit)}`);
        });
      });
    });

  test(`and call a code as surprising, given all others: ${name}`, () => {
    const expected = floatsOf(surprise);
    for (let n = 0; n < expected.length / cells; n++) {
      const found = priors.surprise(prior, grid(codesOf(whole), n), classes[n]);
      found.forEach((nats, cell) => {
        assert.ok(Math.abs(nats - expected[n * cells + cell]) < 1e-4);
      });
    }
  });

  test(`chance is the same number for each seed and place: ${name}`, () => {
    const expected = new Float64Array(bytesOf(numbers).buffer);
    [0, 7, 2 ** 32 - 1].forEach((seed, n) => {
      for (let place = 0; place < 50; place++)
        assert.equal(priors.uniform(seed, place), expected[n * 50 + place], `seed ${seed}, place ${place}`);
    });
  });

  for (const { codes, ...settings } of written) {
    test(`the same seed writes the same grid as torch's, ${settings.order} first: ${name}`, () => {
      const expected = codesOf(codes);
      let same = 0;
      classes.forEach((label, seed) => {
        const empty = new Int32Array(cells).fill(K);
        const { codes: found, steps } = priors.write(prior, empty, label, { ...settings, seed });
        assert.deepEqual(
          steps.flat().sort((a, b) => a - b),
          [...found.keys()],
        );
        for (const cellsAtOnce of steps.slice(0, -1)) assert.equal(cellsAtOnce.length, settings.stride);
        if (found.every((code, cell) => code === grid(expected, seed)[cell])) same++;
      });
      // Where two cells are as sure to the last digits, or chance falls upon a border, the two may part.
      assert.ok(same >= classes.length - 1, `${same} of ${classes.length}`);
    });
  }
}

test("half-precision numbers are read to the last bit", () => {
  const halves = new Uint16Array([0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x03ff, 0x0400, 0x3555]);
  const text = btoa(String.fromCharCode(...new Uint8Array(halves.buffer)));
  assert.deepEqual([...halvesOf(text)], [0, -0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, 2 ** -14, 0.333251953125]);
});
