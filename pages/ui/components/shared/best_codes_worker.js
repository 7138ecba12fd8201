// Better codes in a thread of their own: each as it is found, and at the end all of them.

import { improve } from "./best_codes.js";
import { fromBytes } from "./bytes.js";
import { load } from "./vqvae.js";

globalThis.onmessage = ({ data: { description, pixels, codes } }) => {
  const found = improve(load(description), fromBytes(pixels), codes);
  let step = found.next();
  for (; !step.done; step = found.next()) globalThis.postMessage({ change: step.value });
  globalThis.postMessage({ codes: step.value });
};
