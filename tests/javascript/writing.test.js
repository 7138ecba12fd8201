// A grid as it is written: wound back and forth, steered, and written the same way again from what a link says.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Writing } from "../../pages/ui/components/generate/writing.js";
import { load, probabilities } from "../../pages/ui/components/shared/prior.js";
import { reference } from "./reference.js";

const prior = load(reference.priors[0].description);
const SETTINGS = { label: 1, source: "prior", order: "certain", temperature: 1, stride: 1, seed: 4 };

function begin(settings = {}, hand = []) {
  const own = { ...SETTINGS, ...settings };
  return new Writing(prior, async (codes, label) => probabilities(prior, codes, label), own, hand);
}

async function toTheEnd(writing) {
  while (await writing.forward());
  return writing;
}

test("each step writes one cell that was hidden, until all are written", async () => {
  const writing = begin();
  for (let written = 0; written < prior.cells; written++) {
    const before = writing.codes;
    assert.equal(before.filter((code) => code === prior.K).length, prior.cells - written);
    assert.ok(await writing.forward());
    const changed = [...before.keys()].filter((cell) => before[cell] !== writing.codes[cell]);
    assert.deepEqual(changed, [writing.last[0].cell]);
    assert.equal(before[changed[0]], prior.K);
  }
  assert.ok(writing.whole);
  assert.equal(await writing.forward(), false);
});

test("a step says how likely its code was, and the bits are their sum", async () => {
  const writing = await toTheEnd(begin({ temperature: 0.5 }));
  let bits = 0;
  const codes = new Int32Array(prior.cells).fill(prior.K);
  for (const [{ cell, code, probability }] of writing.steps) {
    const found = probabilities(prior, codes, SETTINGS.label)[cell * prior.K + code];
    assert.equal(probability, found);
    bits -= Math.log2(found);
    codes[cell] = code;
  }
  assert.ok(Math.abs(writing.bits - bits) < 1e-9);
});

test("what was written is wound back and forth and stays as it was", async () => {
  const writing = await toTheEnd(begin());
  const whole = writing.codes;
  for (let n = 0; n < 10; n++) await writing.back();
  assert.equal(writing.codes.filter((code) => code === prior.K).length, 10);
  await toTheEnd(writing);
  assert.deepEqual(writing.codes, whole);
});

test("a candidate taken by hand stands, leaves all before it, and changes what comes after", async () => {
  const writing = await toTheEnd(begin());
  const whole = writing.codes;
  while (writing.at > 6) await writing.back();
  const before = writing.codes;
  const [cell] = writing.next(await writing.look());
  const other = (whole[cell] + 11) % prior.K;
  await writing.take(cell, other);
  assert.equal(writing.steps.length, 7); // what followed is gone
  await toTheEnd(writing);
  assert.equal(writing.codes[cell], other);
  for (const [at, code] of before.entries()) if (code !== prior.K) assert.equal(writing.codes[at], code);
  const changed = writing.codes.filter((code, at) => at !== cell && code !== whole[at]);
  assert.ok(changed.length > 0);
  assert.deepEqual(writing.hand, [[6, cell, other]]);
});

test("what a link says of a hand writes the same picture again", async () => {
  const writing = begin();
  for (let n = 0; n < 3; n++) await writing.forward();
  await writing.take(writing.codes.indexOf(prior.K), 5);
  await writing.forward();
  await writing.take(writing.codes.lastIndexOf(prior.K), undefined);
  await toTheEnd(writing);
  const again = await toTheEnd(begin({}, writing.hand));
  assert.deepEqual(again.codes, writing.codes);
});

test("where the hand decides, nothing is written but by hand", async () => {
  const writing = begin({ order: "hand" });
  assert.equal(await writing.forward(), false);
  await writing.take(7, undefined);
  assert.notEqual(writing.codes[7], prior.K);
  assert.equal(writing.codes.filter((code) => code !== prior.K).length, 1);
});

test("a written cell is not taken again", async () => {
  const writing = await toTheEnd(begin());
  const whole = writing.codes;
  await writing.take(3, (whole[3] + 1) % prior.K);
  assert.deepEqual(writing.codes, whole);
});

test("with every code equally likely the prior is not asked", async () => {
  const own = { ...SETTINGS, source: "uniform" };
  const writing = new Writing(prior, () => assert.fail("asked"), own);
  await toTheEnd(writing);
  assert.ok(new Set(writing.codes).size > prior.cells / 3);
  assert.ok(Math.abs(writing.bits - prior.cells * Math.log2(prior.K)) < 1e-9);
});

/** The same with a prior that takes its time to answer. */
function slowly(hand = []) {
  const later = (found) => new Promise((done) => setTimeout(done, 5, found));
  return new Writing(prior, (codes, label) => later(probabilities(prior, codes, label)), SETTINGS, hand);
}

test("wishes that come before the prior has answered are done one after another", async () => {
  const [quick, patient] = [slowly(), slowly()];
  await Promise.all([quick.forward(), quick.forward(), quick.back(), quick.forward(), quick.forward()]);
  for (let n = 0; n < 3; n++) await patient.forward();
  assert.deepEqual(quick.steps, patient.steps);
  assert.equal(quick.at, 3);
});

test("a slider that is dragged on before the prior has answered ends where it was let go", async () => {
  const [dragged, patient] = [slowly(), slowly()];
  await Promise.all([2, 5, 1, 4].map((step) => dragged.reach(step)));
  await patient.reach(5);
  assert.equal(dragged.at, 4);
  assert.deepEqual(dragged.steps, patient.steps);
});

test("what the prior says of a grid that a hand has changed meanwhile is not taken for the new one", async () => {
  const writing = slowly();
  await writing.reach(2);
  const looked = writing.look(); // at the third step of a story that ends
  await writing.back();
  const cell = writing.codes.indexOf(writing.sizes.K);
  await writing.take(cell, 0);
  await looked;
  assert.deepEqual(await writing.look(), probabilities(prior, writing.codes, SETTINGS.label));
});
