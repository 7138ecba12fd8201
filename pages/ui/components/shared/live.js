// The drawing on the page. Whichever component has the pen says what is on it; others follow it from here, so that all
// of a page is about one drawing, and none of it waits for a server.

/**
 * @typedef {{pixels: Uint8ClampedArray, image: import("./layers.js").Image, fingerprint: string,
 *   network?: import("./vqvae.js").Network, pass?: any, resting: boolean}} Drawn  bytes (height, width, channels), which
 *   never change in place; the model of the component with the pen and what it made of them, unless the server runs it;
 *   and whether the pen is up
 */

/** @type {Drawn | undefined} */
let drawn;
/** @type {Set<(drawn: Drawn) => void>} */
const followers = new Set();

/**
 * Say what is drawn now; undefined where the pen has left the page.
 * @param {Drawn | undefined} what
 */
export function drew(what) {
  drawn = what;
  if (what) for (const follower of followers) follower(what);
}

/**
 * Be told of the drawing, at once where there is one and whenever it changes; the function given back ends that.
 * @param {(drawn: Drawn) => void} follower
 */
export function follow(follower) {
  followers.add(follower);
  if (drawn) follower(drawn);
  return () => {
    followers.delete(follower);
  };
}
