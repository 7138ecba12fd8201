// The prior of the model on the bench. It is large, so it comes the first time that somebody asks it something.

import { found, listen } from "../shared/carried.js";
import { whenResting } from "../shared/idle.js";
import { PriorEngine } from "../shared/prior_engine.js";

export class PriorAtHand {
  /** `bench` is the Workbench that asks. */
  constructor(bench) {
    this.bench = bench;
    this.classes = 0; // how many it knows; 0 where the model has no prior
  }

  /** Python's side: the classes of the prior of the model that is now on the bench. */
  update(classes) {
    if (this.fingerprint !== this.bench.fingerprint) this.close();
    this.fingerprint = this.bench.fingerprint;
    this.classes = classes;
  }

  /**
   * What a function of `prior.js` answers, asked after the prior; nothing where another model came in between.
   * @param {"probabilities" | "surprise" | "write"} what
   * @param {any[]} rest
   */
  async ask(what, ...rest) {
    const engine = await this.engine();
    return engine.ask(what, ...rest);
  }

  /** @returns {Promise<PriorEngine>} once it is here */
  engine() {
    this.coming ??= new Promise((resolve) => {
      const meet = () => {
        const prior = found(this.fingerprint)?.prior;
        if (!prior || this.working) return;
        this.working = new PriorEngine(prior);
        this.unlisten();
        resolve(this.working);
      };
      this.unlisten = listen(meet);
      meet();
      const { bench, fingerprint } = this;
      if (!this.working) whenResting(bench.root, () => bench.fetchPrior(fingerprint));
    });
    return this.coming;
  }

  close() {
    this.unlisten?.();
    this.working?.close();
    this.coming = this.working = undefined;
  }
}
