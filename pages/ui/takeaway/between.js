// From the drawing on the canvas to another digit: the app's interpolation, whose first end follows the pen here.

import interpolation from "../components/interpolation/interpolation.js";
import { follow } from "../components/shared/live.js";
import { paint } from "../components/shared/pixels.js";
import { withArticle } from "../components/shared/words.js";
import { Mounted } from "./mounted.js";

/** @typedef {{label: number, pixels: number[]}} Digit */

export class Between {
  /**
   * @param {HTMLElement} section
   * @param {Record<string, import("./mounted.js").Looks>} looks
   * @param {any} model
   * @param {Digit[]} digits  to choose the other end from
   */
  constructor(section, looks, model, digits) {
    this.model = model;
    this.digits = digits;
    this.end = Math.floor(digits.length / 2);
    this.mounted = new Mounted(section.querySelector("[data-component]"), interpolation, looks.interpolation);
    this.choices = digits.map((digit, n) => this.choice(digit, n));
    const choices = section.querySelector(".choices");
    choices.replaceChildren("B:", ...this.choices);
    /** @type {HTMLElement} */ (choices).style.setProperty("--ratio", String(model.width / model.height));
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.seen = isIntersecting;
      this.show();
    }).observe(section);
    follow((drawn) => {
      if (drawn.resting) this.drawn = drawn;
      this.show();
    });
    this.choose(this.end);
  }

  choice({ label, pixels }, n) {
    const button = document.createElement("button");
    const { width, height, channels } = this.model;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    paint(canvas, Uint8ClampedArray.from(pixels), { width, height, channels });
    button.append(canvas);
    button.setAttribute("aria-label", `B: the digit ${label}`);
    button.onclick = () => this.choose(n);
    return button;
  }

  choose(n) {
    this.end = n;
    this.choices.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(place === n));
    });
    this.show();
  }

  /** Show it where it can be seen and is about other pictures than before. */
  show() {
    if (!this.seen || !this.drawn) return;
    const key = [this.drawn.pixels, this.end];
    if (this.key?.every((one, n) => one === key[n])) return;
    this.key = key;
    const { label, pixels } = this.digits[this.end];
    const ends = [
      { name: "the digit above", pixels: this.drawn.pixels },
      { name: withArticle(label), pixels: Uint8ClampedArray.from(pixels) },
    ];
    this.mounted.update({ model: this.model, ends });
  }
}
