// The page: Home, Draw and Generate as in the app, of the app's own components, and one drawing goes along. What Python's
// wrappers give to components lies in the page; what components answer leads no further than this file.

import canvas from "../components/canvas/canvas.js";
import generate from "../components/generate/generate.js";
import ladder from "../components/ladder/ladder.js";
import { arrived } from "../components/shared/carried.js";
import { unpacked as described } from "../components/shared/fetched.js";
import { draw, encode, fromBytes, load, quantise, toBytes } from "../components/shared/vqvae.js";
import story from "../components/story/story.js";
import { Between } from "./between.js";
import { Mounted } from "./mounted.js";

/** What the canvas offers that this page has not: a tour whose sixth step the server tells; and without a prior, its own. */
const NO_TOUR = "#offer { display: none !important; }";
const NO_PRIOR = "#finish, #cells-redraw, #heat-surprise { display: none !important; }";

/**
 * Open the page.
 * @param {(name: string) => Promise<any>} part  what lies in the page under a name, if anything
 * @param {Record<string, import("./mounted.js").Looks>} looks  of components, by their names
 */
export default async function open(part, looks) {
  const page = new Page(await part("said"), await part("model"), part, looks);
  page.begin();
  await page.bring();
}

class Page {
  constructor(said, packed, part, looks) {
    Object.assign(this, { said, packed, part, looks });
    this.model = described(packed);
    this.session = String(Math.random()); // tells this visit from one before a reload
    this.count = 0;
    this.put(said.canvas.set);
    this.articles = new Map(
      [...document.querySelectorAll("article")].map((article) => [article.dataset.view, article]),
    );
    if (!said.generate) this.articles.delete("generate");
    arrived({ name: said.fingerprint, model: this.model, prior: null });
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

  begin() {
    const { documentElement } = document;
    if (new URLSearchParams(location.search).get("embed") === "1") documentElement.toggleAttribute("data-embedded", true);
    if (documentElement.hasAttribute("data-embedded")) return this.show("draw");
    for (const link of document.querySelectorAll("nav a")) this.lead(/** @type {HTMLAnchorElement} */ (link), link.hash);
    addEventListener("hashchange", () => this.show(location.hash.slice(1)));
    this.show(location.hash.slice(1));
  }

  // From view to view

  /** A link to a view; gone where the page has no such view. */
  lead(link, view) {
    const name = view.replace("#", "");
    if (!this.articles.has(name)) return link.remove();
    link.href = `#${name}`;
  }

  go(view) {
    location.hash = view;
    this.show(view);
  }

  /** Show a view. The pen is another one there: it takes the drawing over, as on the app's pages. */
  show(asked) {
    const view = this.articles.has(asked) ? asked : "home";
    if (view === this.view) return;
    this.view = view;
    this.pen?.close();
    this.pen = undefined;
    for (const [name, article] of this.articles) article.hidden = name !== view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${view}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
    this[view]();
  }

  place(component) {
    return document.querySelector(`[data-component="${component}"]`);
  }

  home() {
    const { said, looks } = this;
    this.pen = new Mounted(this.place("story"), story, looks.story);
    for (const door of this.pen.root.querySelectorAll(".door")) this.lead(door, door.dataset.page);
    this.tell();
  }

  tell() {
    this.pen.update({ ...this.said.story, set: this.set }, (name, value) => {
      if (name === "door") this.go(value);
      if (name === "another") this.another();
    });
  }

  draw() {
    const { said, looks, model, set } = this;
    this.pen = new Mounted(this.place("canvas"), canvas, looks.canvas, NO_TOUR + (said.generate ? "" : NO_PRIOR));
    this.pen.update({ ...said.canvas, model, set });
    if (document.documentElement.hasAttribute("data-embedded")) return;
    const section = (name) => /** @type {HTMLElement} */ (document.querySelector(`[data-part="${name}"]`));
    this.between ??= new Between(document.querySelector("section[data-part=between]"), looks.interpolation, model, said.digits);
    this.compare();
  }

  /** The ladder fetches its models from addresses, as in the app: here of what lies in the page. */
  async compare() {
    const { said, looks } = this;
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
    this.generator.update(this.said.generate, (name, value) => {
      if (name === "open") this.open(value.codes);
    });
  }

  // What is put on the canvas

  put(set) {
    this.set = { ...set, serial: `${this.session}:${this.count++}` };
  }

  /** Another digit, to begin with. */
  another() {
    const { digits } = this.said;
    this.digit = ((this.digit ?? -1) + 1) % digits.length;
    this.put({ ...this.set, pixels: digits[this.digit].pixels, edits: null, example: true });
    this.tell();
  }

  /** A generated picture, with these very codes: where the encoder would choose others, they are edits. */
  open(codes) {
    this.network ??= load(this.model);
    const pixels = toBytes(draw(this.network, codes));
    const own = quantise(this.network, encode(this.network, fromBytes(pixels)).at(-1)).codes;
    const edits = codes.map((code, cell) => (code === own[cell] ? -1 : code));
    this.put({ ...this.set, pixels: [...pixels], edits, example: false });
    this.go("draw");
  }
}
