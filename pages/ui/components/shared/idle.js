// When a component may speak to Python: only while the page rests. What it says in the middle of a run may end that run;
// said after a click on a link, it would call the visitor back to the page being left, or leave the next one blank; said
// just after a press of a button, it would undo the press, for Streamlit drops a run that has not begun for the next one.

const STATE = "data-test-script-state"; // of Streamlit's app: whether a run is under way
const LATEST = 15_000; // milliseconds after a click on a link, by when the other page has begun to run on any server
const CALM = 300; // milliseconds after a press, by when the run that it asks for has begun

/** How often to look whether the page rests by now, in milliseconds. */
export const SOON = 100;

let pressedAt = -Infinity; // when a button of the mouse, a finger or a key went down or up
let leftAt = -Infinity; // when a link was clicked whose page has not begun yet: this module is one for all components
let leftFrom = ""; // the path of the page that it was clicked on
let letThrough = false; // whether a click is one that has waited for its turn

for (const kind of ["pointerdown", "pointerup", "keydown"])
  document.addEventListener(kind, () => (pressedAt = performance.now()), true);

document.addEventListener(
  "click",
  (event) => {
    const link = linkAt(event.target);
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    leave(link);
    if (letThrough) return;
    // What a component has said is sent by a timer, which a click may overtake: the page that is left would be asked for
    // last, and the next one left blank. So the click takes its turn behind it.
    event.preventDefault();
    event.stopImmediatePropagation();
    setTimeout(() => {
      letThrough = true;
      link.click();
      letThrough = false;
    });
  },
  true,
);

// Components come later than the menu: a link that has the focus by now was probably clicked meanwhile.
const before = linkAt(document.activeElement);
if (before) leave(before);

new MutationObserver(() => {
  if (location.pathname !== leftFrom) leftAt = -Infinity; // and not before: the page being left may run once more
}).observe(document, { subtree: true, attributeFilter: [STATE] });

function leave(/** @type {HTMLAnchorElement} */ link) {
  const here = location.pathname;
  const leads = link.getAttribute("href") ? link.pathname !== here : !here.endsWith("/"); // the link to Home is empty
  if (!leads) return;
  leftAt = performance.now();
  leftFrom = here;
}

/**
 * The link around an element, if it leads to a page of this app, in this tab; a file to save, or a place elsewhere, leaves
 * no page.
 * @param {EventTarget | null} element
 */
function linkAt(element) {
  const link = element instanceof Element ? element.closest("a") : null;
  return link && link.origin === location.origin && !link.target && !link.download ? link : null;
}

function running() {
  const app = document.querySelector(`[${STATE}]`);
  return app !== null && app.getAttribute(STATE) !== "notRunning";
}

/** Whether the page rests. */
export function resting() {
  const now = performance.now();
  return !running() && now - pressedAt > CALM && now - leftAt > LATEST;
}

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
