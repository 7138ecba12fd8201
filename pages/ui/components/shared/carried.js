// Models and priors that the page has been given, by fingerprint. Any change of a component's data sends all of it
// again, so what is large and never changes comes by a component of its own, `carrier`, and all others find it here.

/** @type {Map<string, {model: import("./vqvae.js").Description, prior: import("./prior.js").Description | null}>} */
const carried = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {{model: import("./vqvae.js").Description, prior: import("./prior.js").Description | null}} what */
export function arrived(what) {
  carried.set(what.model.fingerprint, what);
  for (const listener of listeners) listener();
}

/**
 * What the page was given under a fingerprint, if it has come.
 * @param {string} fingerprint
 */
export function found(fingerprint) {
  return carried.get(fingerprint);
}

/**
 * Be told when something arrives; the function given back ends that.
 * @param {() => void} listener
 */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
