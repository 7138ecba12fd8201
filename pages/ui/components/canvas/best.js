// The codes that draw the digit best, in place of the nearest ones. A worker finds them, cell by cell and in some
// seconds; each shows as it is found. While the switch is on, they are found again for whatever is drawn next.

import { fromBytes } from "../shared/bytes.js";
import { draw, score } from "../shared/vqvae.js";
import { count } from "../shared/words.js";

export class Best {
  /** `bench` is the Workbench whose codes it chooses. */
  constructor(bench) {
    this.bench = bench;
    this.on = false;
    this.short = ""; // what came of it, for the line below the codes
    bench.$.best.onclick = () => this.turn(!this.on);
  }

  /** A hand turns the switch: off, all codes are the encoder's again. */
  turn(on) {
    const { bench } = this;
    if (!bench.pass || !bench.resting) return;
    this.leave();
    bench.keep();
    bench.edits = bench.unedited;
    bench.say("");
    this.on = on;
    bench.$.best.setAttribute("aria-pressed", String(on));
    bench.request();
    bench.rest();
  }

  /** The codes are somebody else's from now on, and stay as they are. */
  leave() {
    this.stop();
    this.on = false;
    this.bench.$.best.setAttribute("aria-pressed", "false");
  }

  /** No more of what was asked: the picture is another one. */
  stop() {
    this.worker?.terminate();
    this.worker = this.sought = undefined;
    this.short = "";
  }

  /** Have better codes found for pixels that are others than before; runs with every pass. */
  offer() {
    const { bench } = this;
    if (!this.on || !bench.resting || bench.engine.waiting || bench.job.pixels === this.sought) return;
    this.stop();
    const { pixels } = bench.job;
    this.sought = pixels;
    bench.edits = bench.unedited;
    bench.request();
    this.short = "Looking for codes that draw better …";
    bench.say("");
    try {
      this.worker = new Worker("../shared/best_codes_worker.js", { type: "module" });
    } catch {
      this.fail();
      return;
    }
    this.worker.onmessage = ({ data: { change, codes } }) => (codes ? this.end(codes) : this.take([change]));
    this.worker.onerror = () => this.fail();
    this.worker.postMessage({ description: bench.engine.description, pixels, codes: bench.pass.codes });
  }

  fail() {
    this.leave();
    this.bench.say("This browser cannot look for better codes: it runs no work in the background.");
  }

  /** Some cells have a better code. */
  take(changes) {
    const { bench } = this;
    const edits = bench.edits.slice();
    for (const [cell, code] of changes) edits[cell] = code === bench.pass.codes[cell] ? -1 : code;
    bench.edits = edits;
    bench.request();
  }

  end(codes) {
    const { bench } = this;
    this.worker = undefined;
    this.take([...codes.entries()]);
    bench.rest();
    const changed = codes.filter((code, cell) => code !== bench.pass.codes[cell]).length;
    this.short = "No other code in any cell would draw better";
    if (changed) {
      const { network, pass, pixels } = bench;
      const wanted = fromBytes(pixels);
      const [before, after] = [pass.pixels, draw(network, codes)].map((drawn) => score(network, wanted, drawn).nmse);
      const of = `${count(changed)} of ${count(codes.length)}`;
      this.short = `<b>${of} codes changed</b>: NMSE ${before.toFixed(3)} → ${after.toFixed(3)}`;
      bench.say(
        "What was lost with these cells is not in the codebook but in the choice: the encoder chooses by what it sees of " +
          "one cell, and the decoder’s ink reaches beyond it.",
      );
    }
    bench.read();
  }
}
