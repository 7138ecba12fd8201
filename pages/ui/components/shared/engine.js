// Forward passes for a page: one for each animation frame, on the latest pixels. In this thread while they are quick; in a
// worker, where a pass takes too long to share a thread with the pen.

import { fromBytes } from "./bytes.js";
import { load, overruled } from "./vqvae.js";

const SLOW = 12; // milliseconds a pass, above which the worker takes over
const WARM = 8; // passes before the clock counts: the first ones run before they are compiled

/** Forward passes, the latest request alone: in this thread while they are quick, else in a worker. */
export class Engine {
  /** `network` is what the description describes, where it is built already. */
  constructor(description, onpass, network = load(description)) {
    this.description = description;
    this.network = network;
    this.pass = overruled(this.network);
    this.onpass = onpass;
    this.times = [];
    this.tickets = 0;
  }

  /**
   * Ask for a pass in the next animation frame; asked again before that, it is one pass. A job is {pixels, ink, edits,
   * deep}: pixels with another number `ink` than before are encoded, others are not encoded again.
   */
  request(job) {
    this.job = job;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.running && this.job) this.start();
    });
  }

  get waiting() {
    return this.job !== undefined || this.running !== undefined;
  }

  start() {
    const { job } = this;
    this.job = undefined;
    const fresh = job.ink !== this.ink;
    this.ink = job.ink;
    if (this.worker) {
      this.running = job;
      const pixels = fresh || this.unsent ? job.pixels : null;
      this.worker.postMessage({
        description: this.unsent,
        ticket: ++this.tickets,
        pixels,
        edits: job.edits,
        deep: job.deep,
      });
      this.unsent = undefined;
      return;
    }
    const begun = performance.now();
    const result = this.pass(fresh ? fromBytes(job.pixels) : null, job.edits, job.deep);
    this.times.push(performance.now() - begun);
    if (this.times.length > WARM + 5) this.times.splice(WARM, 1);
    if (this.times.length === WARM + 5) {
      const recent = this.times.slice(WARM).sort((a, b) => a - b);
      if (recent[2] > SLOW) this.hire();
    }
    this.onpass(job, result);
  }

  hire() {
    if (this.refused) return;
    try {
      this.worker = new Worker("./worker.js", { type: "module" });
    } catch {
      this.refused = true; // no workers here: this thread goes on
      return;
    }
    this.unsent = this.description;
    this.worker.onmessage = ({ data: { ticket, result, tiles } }) => {
      if (ticket !== this.tickets) return;
      for (const [code, bytes] of tiles) this.network.tiles.set(code, bytes);
      const job = this.running;
      this.running = undefined;
      this.onpass(job, result);
      if (this.job) this.request(this.job);
    };
    this.worker.onerror = () => {
      this.refused = true;
      const job = this.job ?? this.running;
      this.dismiss();
      if (job) this.request(job);
    };
  }

  dismiss() {
    this.worker?.terminate();
    this.worker = this.running = this.ink = undefined; // what this thread knows of the pixels is old by now
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.dismiss();
  }
}
