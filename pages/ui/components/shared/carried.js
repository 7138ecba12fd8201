// Models and priors that the page has been given, by fingerprint. Any change of a component's data sends all of it
// again, so what is large and never changes comes by a component of its own, `carrier`, and all others find it here.

/**
 * @typedef {{name: string, address?: string, model?: import("./vqvae.js").Description, prior?: import("./prior.js").Description | null,
 *   data?: any}} Carried  a model by its fingerprint with its prior, or other data by another name
 */

/** @type {Map<string, Carried>} */
const carried = new Map();
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {Carried} what */
export function arrived(what) {
  carried.set(what.name, what);
  for (const listener of listeners) listener();
}

/**
 * What the page was given under a name, if it has come.
 * @param {string} name
 */
export function found(name) {
  return carried.get(name);
}

/**
 * Have what the page is given under a name, at once or as soon as it comes; the function given back ends the wait.
 * @param {string} name
 * @param {(what: Carried) => void} use
 */
export function whenHere(name, use) {
  const look = () => {
    const what = found(name);
    if (!what) return;
    stop();
    use(what);
  };
  const stop = listen(look);
  look();
  return stop;
}

/**
 * Be told when something arrives; the function given back ends that.
 * @param {() => void} listener
 */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
