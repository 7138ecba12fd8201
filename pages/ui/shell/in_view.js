// Says so once the visitor has come near the place where it is mounted.

import { whenResting } from "../components/shared/idle.js";

// Around what is seen: a little below it, and all above it, which the visitor has come past.
const NEAR = "1000000px 0px 10% 0px";
const UNTIL_A_PRESS = 150; // milliseconds: who scrolls to a button is about to press it, which a word would undo
const AGAIN = 2000; // milliseconds until it is said once more, unless the part has taken this place by then

export default function ({ parentElement, setTriggerValue }) {
  const place = parentElement.host ?? parentElement;
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      setTimeout(say, UNTIL_A_PRESS);
    },
    // What scrolls is not the window: a margin counts around that alone.
    { root: place.closest("[data-testid=stMain]"), rootMargin: NEAR },
  );
  const say = () =>
    whenResting(place, () => {
      setTriggerValue("near", true);
      setTimeout(say, AGAIN);
    });
  observer.observe(place);
  return () => observer.disconnect();
}
