// Models that the browser fetches from an address, once each, and only when somebody is to look at them. Their weights are
// the file's own: float16 where these hold them exactly, so that what is computed here is what torch computes.

import { load } from "./vqvae.js";
import { halvesOf } from "./wire.js";

/** @typedef {{description: import("./vqvae.js").Description, network: import("./vqvae.js").Network}} Fetched */

const MOST = 32; // models kept, the latest ones

/** @type {Map<string, Promise<Fetched>>} */
const known = new Map();

/**
 * The model at an address; rejects where it cannot be had, and tries again when asked again.
 * @param {string} address
 */
export function fetched(address) {
  let model = known.get(address);
  if (!model) {
    model = get(address);
    model.catch(() => known.delete(address));
    known.set(address, model);
    if (known.size > MOST) known.delete(known.keys().next().value);
  }
  return model;
}

/**
 * @param {string} address
 * @returns {Promise<Fetched>}
 */
async function get(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`expected a model at ${address}, got ${answer.status}`);
  const description = unpacked(await answer.json());
  return { description, network: load(description) };
}

/**
 * A model as Python's `to_fetch` packs it: either `weights`, float32, or `halves`, float16.
 * @param {any} packed
 * @returns {import("./vqvae.js").Description}
 */
export function unpacked({ halves, ...rest }) {
  return halves ? { ...rest, weights: halvesOf(halves) } : rest;
}
