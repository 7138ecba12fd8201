// How long the prior takes in Node, on one core: a pass, a picture cell by cell, one in twelve steps, and a map of surprise.
//
//   python -m tests.benchmarks.prior --pace

import { readFileSync } from "node:fs";
import { load, probabilities, surprise, write } from "../../pages/ui/components/shared/prior.js";

const prior = load(JSON.parse(readFileSync(process.argv[2], "utf8")));
const { K, cells } = prior;
const empty = new Int32Array(cells).fill(K);
const settings = { order: "certain", temperature: 1, seed: 1, guidance: 2 }; // the page's own: two passes a step
const whole = write(prior, empty, 3, { ...settings, stride: 1 }).codes;
const half = whole.map((code, cell) => (cell % 2 ? code : K));
const tasks = {
  "one pass": [50, () => probabilities({ ...prior, last: new Map() }, half, 3)],
  "a picture, cell by cell": [5, () => write(prior, empty, 3, { ...settings, stride: 1 })],
  "a picture, in 12 steps": [9, () => write(prior, empty, 3, { ...settings, stride: Math.ceil(cells / 12) })],
  "surprise of all cells": [5, () => surprise(prior, whole, prior.classes)],
};
for (const [name, [times, work]] of Object.entries(tasks)) {
  const taken = Array.from({ length: times }, () => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  taken.sort((a, b) => a - b);
  console.log(`${name.padEnd(28)} median ${taken[times >> 1].toFixed(1)} ms`);
}
