// The page: Home, Draw and Generate as in the app, of the app's own components, and one drawing goes along. What Python's
// wrappers give to components lies in the page; what components answer leads no further than this file.

import canvas from "../components/canvas/canvas.js";
import generate from "../components/generate/generate.js";
import ladder from "../components/ladder/ladder.js";
import { fromBytes, toBytes } from "../components/shared/bytes.js";
import { arrived } from "../components/shared/carried.js";
import { unpacked as described } from "../components/shared/fetched.js";
import { speakOf } from "../components/shared/noun.js";
import { draw, encode, load, quantise } from "../components/shared/vqvae.js";
import story from "../components/story/story.js";
import { Between } from "./between.js";
import { Mounted } from "./mounted.js";

/** @typedef {(name: string) => Promise<any>} Part  what lies in the page under a name, if anything */
/** @typedef {Record<string, import("./mounted.js").Looks>} Looks  of components, by their names */

// What the canvas offers that is not here: a tour whose sixth step the server tells; and without a prior, what asks it.
const NO_TOUR = "#offer { display: none !important; }";
const NO_PRIOR = "#finish, #cells-redraw, #heat-surprise { display: none !important; }";
const NARROW = "@container (max-width: 640px) { h2 { font-size: 0.9rem; } }"; // a system's font is wider than the app's

/**
 * Open the page.
 * @param {Part} part
 * @param {Looks} looks
 */
export default async function open(part, looks) {
  const model = await part("model");
  /** @type {HTMLElement} */ (document.querySelector("#rounded")).hidden = !model.halves;
  const page = new Page(await part("said"), described(model), part, looks);
  page.begin();
  await page.bring();
}

class Page {
  /**
   * @param {any} said  what components are told, and what else `contents.py` says
   * @param {import("../components/shared/vqvae.js").Description} model
   * @param {Part} part
   * @param {Looks} looks
   */
  constructor(said, model, part, looks) {
    this.said = said;
    this.model = model;
    this.part = part;
    this.looks = looks;
    this.embedded = document.documentElement.hasAttribute("data-embedded");
    this.session = String(Math.random()); // tells this visit from one before a reload
    this.count = 0;
    this.digit = -1; // the last one that was asked for
    /** @type {Between | undefined} */
    this.between = undefined;
    /** @type {NodeListOf<HTMLAnchorElement>} */
    this.links = document.querySelectorAll("nav a");
    /** @type {Map<string, HTMLElement>} the views, by their names */
    this.articles = new Map();
    for (const article of document.querySelectorAll("article")) this.articles.set(article.dataset.view, article);
    if (!said.generate) this.articles.delete("generate");
    for (const lead of document.querySelectorAll(".lead")) speakOf(lead, model.noun);
    this.put(said.canvas.set);
    arrived({ name: said.fingerprint, model, prior: null });
  }

  begin() {
    if (this.embedded) return this.show("draw");
    for (const link of this.links) this.lead(link, link.hash.slice(1));
    addEventListener("hashchange", () => this.show(location.hash.slice(1)));
    this.show(location.hash.slice(1));
  }

  /** What is large and not needed at once. */
  async bring() {
    const { said, model, part } = this;
    const plane = await part("plane");
    if (plane) arrived({ name: "plane", data: { ...plane, model: described(plane.model) } });
    const learning = await part("learning");
    if (learning) arrived({ name: "learning", data: learning });
    const prior = await part("prior");
    if (prior) arrived({ name: said.fingerprint, model, prior });
  }

  // From view to view

  /**
   * Let a link lead to a view; gone where there is no such view here.
   * @param {HTMLAnchorElement} link
   * @param {string} view
   */
  lead(link, view) {
    if (!this.articles.has(view)) return link.remove();
    link.href = `#${view}`;
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a window of its own is the browser's
      event.preventDefault();
      this.go(view);
    };
  }

  go(view) {
    location.hash = view; // no link's own way: in a notebook's frame that is an address of the notebook's
    this.show(view);
  }

  /** Show a view. It has a pen of its own, which takes the drawing over, as on the app's pages. */
  show(asked) {
    const view = this.articles.has(asked) ? asked : "home";
    if (view === this.view) return;
    const first = !this.view;
    this.view = view;
    this.pen?.close();
    this.pen = undefined;
    for (const [name, article] of this.articles) article.hidden = name !== view;
    for (const link of this.links) link.ariaCurrent = link.hash === `#${view}` ? "page" : null;
    scrollTo(0, 0);
    const open = { home: () => this.home(), draw: () => this.draw(), generate: () => this.generate() };
    open[view]();
    const lost = !first && document.activeElement === document.body; // the focus went with what led here
    if (lost) this.articles.get(view).querySelector("h1").focus({ preventScroll: true });
  }

  place(component) {
    return document.querySelector(`[data-component="${component}"]`);
  }

  home() {
    this.pen = new Mounted(this.place("story"), story, this.looks.story);
    this.tell();
    /** @type {NodeListOf<HTMLAnchorElement>} */
    const doors = this.pen.root.querySelectorAll(".door");
    for (const door of doors) this.lead(door, door.dataset.page);
  }

  tell() {
    this.pen.update({ ...this.said.story, set: this.set }, (name) => name === "another" && this.another());
  }

  draw() {
    const { said, looks, model, set } = this;
    this.pen = new Mounted(
      this.place("canvas"),
      canvas,
      looks.canvas,
      NO_TOUR + NARROW + (said.generate ? "" : NO_PRIOR),
    );
    this.pen.update({ ...said.canvas, model, set });
    if (this.embedded) return;
    this.between ??= new Between(this.articles.get("draw").querySelector(".between"), looks, model, said.digits);
    this.compare();
  }

  /** The ladder fetches its models from addresses, as in the app: here of what lies in the page. */
  async compare() {
    const { said, looks } = this;
    /** @type {HTMLElement} */
    const section = this.articles.get("draw").querySelector(".ladder");
    section.hidden = !said.ladder;
    if (this.ladder || !said.ladder) return;
    this.ladder = new Mounted(this.place("ladder"), ladder, looks.ladder);
    const entries = said.ladder.entries.map(async (entry) => {
      const content = JSON.stringify(await this.part(entry.address));
      return { ...entry, address: URL.createObjectURL(new Blob([content], { type: "application/json" })) };
    });
    this.ladder.update({ ...said.ladder, entries: await Promise.all(entries) });
  }

  generate() {
    if (this.generator) return;
    this.generator = new Mounted(this.place("generate"), generate, this.looks.generate);
    this.generator.update(this.said.generate, (name, value) => name === "open" && this.open(value.codes));
  }

  // What is put on the canvas

  put(set) {
    this.set = { ...set, serial: `${this.session}:${this.count++}` };
  }

  /** Another digit, to begin with. */
  another() {
    const { digits } = this.said;
    this.digit = (this.digit + 1) % digits.length;
    this.put({ ...this.set, pixels: digits[this.digit].pixels, edits: null, example: true });
    this.tell();
  }

  /** A generated picture, with these very codes: where the encoder would choose others, they are edits. */
  open(codes) {
    const network = load(this.model);
    const pixels = toBytes(draw(network, codes));
    const own = quantise(network, encode(network, fromBytes(pixels)).at(-1)).codes;
    const edits = codes.map((code, cell) => (code === own[cell] ? -1 : code));
    this.put({ ...this.set, pixels: [...pixels], edits, example: false });
    this.go("draw");
  }
}
