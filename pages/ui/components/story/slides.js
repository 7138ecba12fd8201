// For an audience: one part of the story at a time, led by a clicker's keys.

const FORWARD = ["PageDown", "ArrowRight", "ArrowDown"];
const BACK = ["PageUp", "ArrowLeft", "ArrowUp"];
const STORED = "vqvae-story-slide"; // in the tab: who comes back from the next page comes back to the last slide

export class Slides {
  constructor(story) {
    this.story = story;
    this.at = 0;
    this.onkey = (event) => this.key(event);
    document.addEventListener("keydown", this.onkey, true);
  }

  get all() {
    return [...this.story.root.querySelectorAll(".part:not([hidden])")];
  }

  update(presenting) {
    if (presenting && !this.presenting) this.at = stored();
    this.presenting = presenting;
    this.story.board.classList.toggle("presenting", presenting);
    this.show();
  }

  show() {
    const { all } = this;
    this.at = Math.min(this.at, all.length - 1);
    for (const [n, part] of all.entries()) part.classList.toggle("now", n === this.at);
    if (!this.presenting) return;
    try {
      sessionStorage.setItem(STORED, String(this.at));
    } catch {
      // Storage is forbidden: a talk begins at the first slide.
    }
  }

  /** Whether a key is the talk's, and not that of a grid in which the focus may stand. */
  claims({ key }) {
    return this.presenting && !this.tabbed && (FORWARD.includes(key) || BACK.includes(key));
  }

  key(event) {
    if (event.key === "Tab") this.tabbed = true; // who goes about by keyboard has the arrows for grids and boxes
    if (!this.claims(event) || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.composedPath()[0].closest?.("input, textarea")) return;
    const to = this.at + (FORWARD.includes(event.key) ? 1 : -1);
    if (to < 0 || to >= this.all.length) {
      event.leadsOn = true; // the ends are the page's
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    this.at = to;
    this.show();
  }

  close() {
    document.removeEventListener("keydown", this.onkey, true);
  }
}

function stored() {
  try {
    return Number(sessionStorage.getItem(STORED)) || 0;
  } catch {
    return 0;
  }
}
