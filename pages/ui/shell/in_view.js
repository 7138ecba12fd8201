// Says so once the visitor has come near the place where it is mounted.

import { whenResting } from "../components/shared/idle.js";

// Around what is seen: a little below it, and all above it, which the visitor has come past.
const NEAR = "1000000px 0px 10% 0px";
const CALM = 300; // milliseconds since the last press of a button or key: what is said at the same moment may undo it
const AGAIN = 2000; // milliseconds until it is said once more: another word at the same moment may undo this one, too

let pressedAt = -Infinity;
for (const kind of ["pointerdown", "pointerup", "keydown"])
  document.addEventListener(kind, () => (pressedAt = performance.now()), true);

export default function ({ parentElement, setTriggerValue }) {
  const place = parentElement.host ?? parentElement;
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      pressedAt = Math.max(pressedAt, performance.now() - CALM / 2); // who scrolls to a button is about to press it
      say();
    },
    // What scrolls is not the window: a margin counts around that alone.
    { root: place.closest("[data-testid=stMain]"), rootMargin: NEAR },
  );
  const say = () => {
    const left = CALM - (performance.now() - pressedAt);
    if (left > 0) setTimeout(say, left);
    else whenResting(place, speak);
  };
  const speak = () => {
    if (performance.now() - pressedAt <= CALM) return say();
    setTriggerValue("near", true);
    setTimeout(say, AGAIN); // until the part has taken this place
  };
  observer.observe(place);
  return () => observer.disconnect();
}
