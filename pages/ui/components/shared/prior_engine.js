// The prior in a thread of its own, so that the page moves on while codes are weighed: one question after another, each
// answered by a promise. Where there are no workers, this thread answers, between two frames.

import { load, probabilities, surprise, write } from "./prior.js";

const answers = { probabilities, surprise, write };

export class PriorEngine {
  /** @param {import("./prior.js").Description} description */
  constructor(description) {
    this.description = description;
    this.prior = load(description);
    /** @type {Map<number, {resolve: (answer: any) => void, what: string, rest: any[]}>} */
    this.waiting = new Map();
    this.tickets = 0;
    try {
      this.worker = new Worker("./prior_worker.js", { type: "module" });
      this.worker.onmessage = ({ data: { ticket, answer } }) => this.answered(ticket, answer);
      this.worker.onerror = () => this.alone();
      this.worker.postMessage({ description });
    } catch {
      this.worker = undefined;
    }
  }

  /**
   * @param {"probabilities" | "surprise" | "write"} what  a function of `prior.js`
   * @param {any[]} rest  its arguments after the prior
   * @returns {Promise<any>} what it gives; no answer comes after `close`
   */
  ask(what, ...rest) {
    return new Promise((resolve) => {
      const ticket = ++this.tickets;
      this.waiting.set(ticket, { resolve, what, rest });
      if (this.worker) this.worker.postMessage({ ticket, what, rest });
      else setTimeout(() => this.work(ticket));
    });
  }

  answered(ticket, answer) {
    this.waiting.get(ticket)?.resolve(answer);
    this.waiting.delete(ticket);
  }

  /** The worker cannot go on: what it was asked is answered here. */
  alone() {
    this.worker?.terminate();
    this.worker = undefined;
    for (const ticket of this.waiting.keys()) setTimeout(() => this.work(ticket));
  }

  work(ticket) {
    const question = this.waiting.get(ticket);
    if (question) this.answered(ticket, answers[question.what](this.prior, ...question.rest));
  }

  close() {
    this.worker?.terminate();
    this.waiting.clear();
  }
}
