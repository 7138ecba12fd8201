// The model in a thread of its own: passes for the page, one after another, and the tiles of codes it has not seen yet.

import { fromBytes } from "./bytes.js";
import { load, overruled, tile } from "./vqvae.js";

/** @type {import("./vqvae.js").Network} */
let network;
/** @type {ReturnType<typeof overruled>} */
let pass;
/** @type {Set<number>} */
let sent;

globalThis.onmessage = ({ data: { description, ticket, pixels, edits, deep } }) => {
  if (description) {
    network = load(description);
    pass = overruled(network);
    sent = new Set();
  }
  const result = pass(pixels && fromBytes(pixels), edits, deep);
  const fresh = [...new Set([...result.codes, ...result.chosen])].filter((code) => !sent.has(code));
  for (const code of fresh) sent.add(code);
  globalThis.postMessage({ ticket, result, tiles: fresh.map((code) => [code, tile(network, code)]) });
};
