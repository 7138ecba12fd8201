// When a component may speak to Python: only while the page rests. What it says in the middle of a run may end that run;
// said after a click on a link, it would call the visitor back to the page being left, or leave the next one blank.

const STATE = "data-test-script-state"; // of Streamlit's app: whether a run is under way
const LATEST = 15_000; // milliseconds after a click on a link, by when the other page has begun to run on any server

let leftAt = -Infinity; // when a link was clicked whose page has not begun yet: this module is one for all components
let leftFor = ""; // that page's path

document.addEventListener(
  "click",
  ({ target, ctrlKey, metaKey, shiftKey }) => {
    const link = target instanceof Element && target.closest("a");
    if (!link || !leads(link) || ctrlKey || metaKey || shiftKey) return;
    leftAt = performance.now();
    leftFor = link.pathname;
  },
  true,
);

new MutationObserver(() => {
  if (location.pathname === leftFor) leftAt = -Infinity; // and not before: the page being left may run once more
}).observe(document, { subtree: true, attributeFilter: [STATE] });

/** Whether a link leads to a page of this app, in this tab; a file to save, or a place elsewhere, leaves no page. */
function leads(/** @type {HTMLAnchorElement} */ { origin, target, download }) {
  return origin === location.origin && !target && !download;
}

function running() {
  const app = document.querySelector(`[${STATE}]`);
  return app !== null && app.getAttribute(STATE) !== "notRunning";
}

/** Whether the page rests. */
export function resting() {
  return !running() && performance.now() - leftAt > LATEST;
}

const SOON = 100; // milliseconds between two looks at whether it does by now

/**
 * Speak once the page rests, unless the place spoken from has left it by then.
 * @param {Node} place
 * @param {() => void} speak
 */
export function whenResting(place, speak) {
  if (!place.isConnected) return;
  if (resting()) speak();
  else setTimeout(() => whenResting(place, speak), SOON);
}
