// When a component may speak to Python: only while the page rests. What it says in the middle of a run may end that run;
// said after a click on a link, it would call the visitor back to the page being left, or leave the next one blank.

const SETTLE = 1500; // milliseconds after a click on a link, within which the other page begins to run

let leftAt = -Infinity; // when a link was clicked last: this module is one for all components

document.addEventListener(
  "click",
  ({ target }) => {
    if (target instanceof Element && target.closest("a")) leftAt = performance.now();
  },
  true,
);

/** Whether the page rests. */
export function resting() {
  const app = document.querySelector("[data-test-script-state]");
  const idle = !app || app.getAttribute("data-test-script-state") === "notRunning";
  return idle && performance.now() - leftAt > SETTLE;
}
