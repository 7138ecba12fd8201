// Says so once the visitor has come near the place where it is mounted.

import { whenResting } from "../components/shared/idle.js";

// Around what is seen: a little below it, and all above it, which the visitor has come past.
const NEAR = "1000000px 0px 10% 0px";

export default function ({ parentElement, setTriggerValue }) {
  const place = parentElement.host ?? parentElement;
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      whenResting(place, () => setTriggerValue("near", true));
    },
    // What scrolls is not the window: a margin counts around that alone.
    { root: place.closest("[data-testid=stMain]"), rootMargin: NEAR },
  );
  observer.observe(place);
  return () => observer.disconnect();
}
