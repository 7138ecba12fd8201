// Learning in the plane: what is said of a moment.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Moments } from "../../pages/ui/components/learning/moments.js";

/** @param {number[]} numbers */
const packed = (numbers) => Buffer.from(Uint16Array.from(numbers).buffer).toString("base64");

/** Two looks at four codes and one cell, all of which lie at the origin. */
function two() {
  const [places, cell] = [packed(Array(16).fill(0)), packed(Array(4).fill(0))];
  const counts = packed([4, 4, 0, 0, 2, 2, 2, 2]);
  const inkCounts = packed([3, 0, 0, 0, 0, 2, 2, 0]);
  return new Moments(
    {
      title: "",
      words: "",
      latents: cell,
      codebook: places,
      means: places,
      counts,
      ink_counts: inkCounts,
      nmse: [0.5, 0.25],
    },
    4,
  );
}

test("perplexity is told over all cells and over those with ink, each look for itself", () => {
  const said = [0, 1].map((at) => two().at(at));
  assert.deepEqual(
    said.map(({ perplexity, inkPerplexity, used, nmse }) => [perplexity, inkPerplexity, used, nmse].map(rounded)),
    [
      [2, 1, 2, 0.5],
      [4, 2, 4, 0.25],
    ],
  );
});

/** @param {number} value */
function rounded(value) {
  return Number(value.toFixed(6));
}
