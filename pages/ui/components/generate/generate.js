// Writing a picture code by code: the prior weighs the codes, chance or a hand chooses, and the decoder draws what there
// is. Model and prior run here; Python hears of the settings once the hand rests, and answers with nearest digits.

import { toBytes } from "../shared/bytes.js";
import { found, listen } from "../shared/carried.js";
import { resting } from "../shared/idle.js";
import { speakOf } from "../shared/noun.js";
import { PriorEngine } from "../shared/prior_engine.js";
import { draw, load } from "../shared/vqvae.js";
import { Board } from "./board.js";
import { Candidates } from "./candidates.js";
import { Sheet } from "./sheet.js";
import { percent } from "./words.js";
import { Writing } from "./writing.js";

const PAUSE = 400; // milliseconds between the last change and the message to Python
const PACE = 110; // milliseconds a step while it plays
const SIGNS = { play: "M7 4.500v15l12-7.500z", pause: "M7 5h3.500v14H7zM13.500 5H17v14h-3.500z" };
const ANY = "any";

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  parentElement.generator ??= new Generator(parentElement);
  parentElement.generator.update(
    data,
    (said) => setStateValue("writing", said),
    (grid) => setTriggerValue("open", grid),
  );
  return () => parentElement.generator.close();
}

class Generator {
  constructor(root) {
    this.root = root;
    this.board = root.querySelector(".generate");
    this.$ = Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
    this.pictures = new Board(this);
    this.candidates = new Candidates(this);
    this.sheet = new Sheet(this);
    this.listen();
  }

  listen() {
    const { $ } = this;
    const set = (name, value) => this.change({ [name]: value });
    $.order.onchange = () => set("order", $.order.value);
    $.source.onchange = () => set("source", $.source.value);
    $.temperature.oninput = () => set("temperature", Number($.temperature.value));
    $.guidance.oninput = () => set("guidance", Number($.guidance.value));
    $.stride.oninput = () => set("stride", Number($.stride.value));
    $.seed.onchange = () => set("seed", Math.min(999_999, Math.max(0, Math.floor(Number($.seed.value) || 0))));
    $.reseed.onclick = () => set("seed", (this.settings.seed + 1) % 1_000_000);
    $.play.onclick = () => this.toggle();
    $.back.onclick = () => this.walk(() => this.writing.back());
    $.forward.onclick = () => this.walk(() => this.writing.forward());
    $.at.oninput = () => this.walk(() => this.writing.reach(Number($.at.value)));
    $.certainty.onchange = () => this.show();
    $.open.onclick = () => this.open(this.writing.codes);
    this.board.onkeydown = (event) => {
      const typing = ["INPUT", "SELECT", "BUTTON"].includes(event.target.tagName);
      if (event.key !== " " || typing) return;
      event.preventDefault();
      event.stopPropagation();
      this.toggle();
    };
  }

  // Python's side

  update(data, tell, open) {
    this.data = data;
    this.tell = tell;
    this.tellOpen = open;
    this.board.classList.toggle("presenting", data.presenting);
    this.unlisten?.();
    this.unlisten = listen(() => this.arrive());
    this.arrive();
  }

  /** Model and prior may come before or after what is to be done with them. */
  arrive() {
    const carried = found(this.data.fingerprint);
    if (!carried?.prior) return;
    if (this.fingerprint !== this.data.fingerprint) {
      this.fingerprint = this.data.fingerprint;
      this.network = load(carried.model);
      this.noun = carried.model.noun;
      speakOf(this.root, this.noun);
      this.engine?.close();
      this.engine = new PriorEngine(carried.prior);
      this.prior = this.engine.prior;
      this.resize();
      this.serial = undefined;
    }
    const { set } = this.data;
    if (this.serial !== set.serial) {
      this.serial = set.serial;
      this.settings = { ...set.settings, label: set.settings.label ?? this.prior.classes };
      this.begin(set.hand);
      this.sheet.begin();
      this.walk(() => this.writing.reach(set.at));
    }
    this.sheet.meet(this.data.neighbours);
  }

  resize() {
    const { $, network, prior } = this;
    const { style } = this.board;
    style.setProperty("--ratio", network.image.width / network.image.height);
    style.setProperty("--rows", network.grid.height);
    style.setProperty("--columns", network.grid.width);
    $.stride.max = prior.cells;
    const names = [...Array(prior.classes).keys(), ANY];
    $.labels.replaceChildren(
      $.labels.querySelector("legend"),
      ...names.map((name) => {
        const button = document.createElement("button");
        button.textContent = String(name);
        button.dataset.label = String(name === ANY ? prior.classes : name);
        button.onclick = () => this.change({ label: Number(button.dataset.label) });
        return button;
      }),
    );
    this.pictures.resize();
  }

  /** Say where things stand, once the page and the hand rest. */
  announce() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.root.isConnected) return;
      if (!resting() || this.playing) return this.announce();
      const { settings, writing, prior, serial, fingerprint } = this;
      const label = settings.label === prior.classes ? null : settings.label;
      this.tell({
        serial,
        fingerprint,
        settings: { ...settings, label },
        at: writing.at,
        hand: writing.hand,
        sheet: this.sheet.said,
      });
    }, PAUSE);
  }

  open(codes) {
    if (!codes.includes(this.prior.K)) this.tellOpen({ fingerprint: this.fingerprint, codes: [...codes] });
  }

  close() {
    clearTimeout(this.timer);
    this.pause();
    this.unlisten?.();
    this.unlisten = undefined;
  }

  // What is written

  /** Start again with what is set. */
  begin(hand = []) {
    this.pause();
    const { guidance } = this.settings;
    const weigh = (codes, label) => this.engine.ask("probabilities", codes, label, guidance);
    this.writing?.leave();
    this.writing = new Writing(this.prior, weigh, this.settings, hand);
    this.asked = undefined;
  }

  /** Another setting writes another picture, from its first cell on. */
  change(settings) {
    const said = Object.entries(settings);
    if (said.every(([name, value]) => this.settings[name] === value)) return this.show();
    this.settings = { ...this.settings, ...settings };
    this.begin();
    this.show();
    if (this.settings.order !== "hand") this.play();
    this.announce();
  }

  /** Take up what was written elsewhere: a sample of the sheet. */
  adopt(settings) {
    this.settings = { ...this.settings, ...settings };
    this.begin();
    this.walk(() => this.writing.reach(this.prior.cells));
  }

  /** Move in the writing, one wish after another, and show where that leads. */
  async walk(move) {
    this.pause();
    const { writing } = this;
    await move();
    if (writing !== this.writing) return;
    this.asked = undefined;
    await this.show();
    this.announce();
  }

  toggle() {
    if (this.playing) {
      this.pause();
      this.show();
      this.announce();
    } else this.play();
  }

  /** Write on, step by step; from the start where all is written. All at once where motion is not wanted. */
  async play() {
    const { writing } = this;
    if (writing.whole) await writing.reach(0);
    this.asked = undefined;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.walk(() => writing.reach(this.prior.cells));
    const turn = {};
    this.playing = turn;
    while (this.playing === turn && !writing.whole) {
      const begun = performance.now();
      if (!(await writing.forward())) break;
      if (this.playing !== turn) return;
      await this.show();
      await new Promise((done) => setTimeout(done, Math.max(0, PACE - (performance.now() - begun))));
    }
    if (this.playing !== turn) return;
    this.pause();
    this.show();
    this.announce();
  }

  pause() {
    this.playing = undefined;
  }

  /** A hidden cell was pointed out: show its candidates, or where the hand decides, write it. */
  choose(cell) {
    this.pause();
    if (this.settings.order === "hand") return this.take(cell);
    this.asked = cell;
    this.show();
  }

  /** Write a code, or chance's, into a cell; all that comes after it is written anew. */
  take(cell, code) {
    return this.walk(() => this.writing.take(cell, code));
  }

  // What is seen

  async show() {
    const { writing, prior, settings } = this;
    const at = writing.at;
    const weighed = await writing.look();
    if (writing !== this.writing || at !== writing.at) return;
    const codes = writing.codes;
    const next = writing.whole ? [] : writing.next(weighed);
    const asked = this.asked !== undefined && codes[this.asked] === prior.K ? this.asked : next[0];
    this.pictures.show({ codes, weighed, next, asked, writing });
    this.candidates.show({ weighed, asked, writing, settings });
    this.control(next);
    this.$.words.textContent = this.sentence(next);
    this.$.drawn.dataset.codes = codes.join(" "); // for whoever wants to know them
    this.board.hidden = false; // not before: a button that moves as it is pressed is missed
  }

  control(next) {
    const { $, writing, settings, prior } = this;
    const stays = writing.whole || !next.length;
    const total = writing.whole
      ? writing.steps.length
      : Math.max(writing.steps.length, Math.ceil(prior.cells / settings.stride));
    $.at.max = total;
    $.at.value = writing.at;
    $.reading.textContent = `${prior.cells - writing.codes.filter((code) => code === prior.K).length} of ${prior.cells} cells`;
    $.sign.setAttribute("d", SIGNS[this.playing ? "pause" : "play"]);
    $.verb.textContent = this.playing ? "Pause" : writing.at && !writing.whole ? "Go on" : "Write";
    const useful = (button, use) => button.setAttribute("aria-disabled", String(!use));
    useful($.back, writing.at > 0);
    useful($.forward, !stays || writing.at < writing.steps.length);
    useful($.open, writing.whole);
    for (const button of $.labels.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.label) === settings.label));
    }
    $.order.value = settings.order;
    $.source.value = settings.source;
    $.temperature.value = settings.temperature;
    $.warmth.textContent = settings.temperature.toFixed(1);
    $.guidance.value = settings.guidance;
    $.guided.textContent = settings.guidance.toFixed(1);
    $.guidance.disabled = settings.label === prior.classes || settings.source === "uniform";
    $.stride.value = settings.stride;
    $.many.textContent = settings.stride === prior.cells ? "all" : settings.stride;
    $.seed.value = settings.seed;
    this.sheet.name(settings.label);
  }

  /** Where the writing stands, in words. */
  sentence(next) {
    const { writing, prior, settings } = this;
    const whole = Math.ceil(Math.log2(prior.K)) * prior.cells;
    const bits = writing.bits.toFixed(0);
    if (writing.whole && settings.source === "uniform") {
      return `With every code equally likely, the result is noise: the decoder draws any grid, and almost no grid is a ${this.noun}.`;
    }
    if (writing.whole) {
      return `Written. Given the prior, the ${prior.cells} codes take ${bits} bits; without it, ${whole}.`;
    }
    if (!writing.at) {
      return settings.order === "hand"
        ? "Click a cell of the grid: a code is drawn for it, and the prior weighs all the others anew."
        : "Nothing is written yet. Faintly, behind: the code that the prior finds most likely in each cell.";
    }
    const { cell, code, probability, byHand } = writing.last.at(-1);
    const place = `row ${Math.floor(cell / prior.width) + 1}, column ${(cell % prior.width) + 1}`;
    const also = writing.last.length > 1 ? ` and ${writing.last.length - 1} more` : "";
    const by = byHand ? ", by your hand" : "";
    return `Code ${code} in ${place}${also}${by}: it was ${percent(probability)} likely${settings.temperature === 1 ? "" : " at temperature 1"}. ${bits} bits so far.${next.length || settings.order !== "hand" ? "" : " Click the next cell."}`;
  }

  /** The decoder's picture of a whole grid, as bytes. */
  picture(codes) {
    return toBytes(draw(this.network, codes));
  }
}
