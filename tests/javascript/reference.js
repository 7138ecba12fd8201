// What torch computed for these tests: `test_in_node.py` writes it and names the file.

import { readFileSync } from "node:fs";
import { bytesOf } from "../../pages/ui/components/shared/wire.js";

export const reference = JSON.parse(readFileSync(process.env.REFERENCE, "utf8"));

export const passes = reference.passes.map(({ pixels, codes, margins, drawn, latents, ...rest }) => ({
  ...rest,
  pixels: bytesOf(pixels), // (N, H, W, C)
  codes: new Int32Array(bytesOf(codes).buffer), // (N, h, w)
  margins: new Float64Array(bytesOf(margins).buffer), // (N, h, w): how much farther the runner-up is, in float64
  drawn: new Float32Array(bytesOf(drawn).buffer), // (N, H, W, C) from torch's codes
  latents: new Float32Array(bytesOf(latents).buffer), // (h, w, D) of the first picture
}));

/** Numbers in [0, 1), the same ones in every run. */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
