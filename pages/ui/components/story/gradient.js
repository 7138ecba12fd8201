// How it learns: the three losses of this very drawing, and the gradient's way back, which jumps over the codebook
// (straight through; van den Oord et al. 2017, section 3.2).

import { fromBytes } from "../shared/bytes.js";
import { certainty, score } from "../shared/vqvae.js";

const PACE = 3200; // milliseconds a step: time to read its sentence

const FIRST = [
  "The reconstruction loss says how each pixel should change. Its gradient flows back through the decoder, to the vectors that the decoder was given.",
  "Here it would end. Choosing the nearest code is a jump: move the vector a little, and the choice stays the same. The derivative is 0, and the encoder would learn nothing.",
];
const STEPS = FIRST.length + 2; // what follows depends on the quantiser

export class Gradient {
  constructor(story) {
    this.story = story;
    const { $ } = story;
    $.gradient.onclick = () => this.send();
    this.stops = Array.from({ length: STEPS }, (_, n) => {
      const stop = document.createElement("button");
      stop.textContent = String(n + 1);
      stop.setAttribute("aria-label", `Step ${n + 1} of the gradient`);
      stop.onclick = () => this.go(n + 1);
      return stop;
    });
    $["gradient-steps"].replaceChildren(...this.stops);
    this.step = 0;
  }

  /** All steps, at a reader's pace; where motion is not wanted, one step at each press. */
  send() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.go((this.step % STEPS) + 1);
    this.go(1);
    this.timer = setInterval(() => {
      this.mark(this.step + 1);
      if (this.step === STEPS) clearInterval(this.timer);
    }, PACE);
  }

  go(step) {
    clearInterval(this.timer);
    this.mark(step);
  }

  mark(step) {
    this.step = step;
    const { $ } = this.story;
    for (const arrow of $.way.querySelectorAll("[data-step]")) {
      arrow.classList.toggle("on", Number(arrow.getAttribute("data-step")) <= step);
    }
    for (const [n, stop] of this.stops.entries()) stop.setAttribute("aria-pressed", String(n + 1 === step));
    const { past, learns } = this.story.data.losses.gradient;
    $["gradient-told"].textContent = [...FIRST, past, learns][step - 1];
  }

  close() {
    clearInterval(this.timer);
  }

  show() {
    const { $, network, pass, job, data } = this.story;
    const { error } = certainty(network, pass.distances);
    const distance = error.reduce((sum, value) => sum + value, 0) / (error.length * network.D);
    const values = [score(network, fromBytes(job.pixels), pass.pixels).nmse, distance, data.losses.cost * distance];
    if (this.said !== data.losses) {
      this.said = data.losses;
      $["way-past"].textContent = data.losses.gradient.label;
      $.losses.replaceChildren(
        ...data.losses.terms.map(({ name, words }) => {
          const place = document.createElement("p");
          const [title, value] = [document.createElement("b"), document.createElement("output")];
          title.textContent = name;
          place.append(title, value, document.createElement("br"), words);
          return place;
        }),
      );
    }
    [...$.losses.querySelectorAll("output")].forEach((place, n) => {
      place.textContent = values[n].toFixed(4);
      place.dataset.value = String(values[n]);
    });
  }
}
