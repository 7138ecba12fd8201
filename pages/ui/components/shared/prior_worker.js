// What `prior_engine.js` asks, answered in a thread of its own.

import { load, probabilities, surprise, write } from "./prior.js";

const answers = { probabilities, surprise, write };

/** @type {import("./prior.js").Prior} */
let prior;

globalThis.onmessage = ({ data: { description, ticket, what, rest } }) => {
  if (description) prior = load(description);
  else globalThis.postMessage({ ticket, answer: answers[what](prior, ...rest) });
};
