// A sheet of samples: one of each class, or sixteen of one. Beside each the training digit whose codes are most like it,
// which Python finds, so that copying would show.

import { paint } from "../shared/pixels.js";
import { uniform } from "../shared/prior.js";
import { withArticle } from "../shared/words.js";

const MANY = 16;

export class Sheet {
  constructor(page) {
    this.page = page;
    /** @type {{settings: any, codes: Int32Array}[]} */
    this.samples = [];
    page.$.each.onclick = () => this.write([...Array(page.prior.classes).keys()]);
    page.$.sixteen.onclick = () => this.write(Array(MANY).fill(page.settings.label));
  }

  begin() {
    this.samples = [];
    this.page.$.sheet.replaceChildren();
    this.page.$["sheet-words"].textContent = "";
  }

  /** What the second button would write. */
  name(label) {
    const { $, prior } = this.page;
    $.each.hidden = prior.classes < 2;
    $.sixteen.textContent = `Sixteen times ${label === prior.classes ? `any ${this.page.noun}` : withArticle(label)}`;
  }

  /** What Python is told: the grids, once the sheet is whole. */
  get said() {
    return this.samples.length === this.wanted ? this.samples.map(({ codes }) => [...codes]) : null;
  }

  async write(labels) {
    const { page } = this;
    const { $, prior, engine, settings } = page;
    this.begin();
    const { samples } = this;
    this.wanted = labels.length;
    $.sheet.classList.toggle("of-sixteen", labels.length === MANY);
    const order = settings.order === "hand" ? "certain" : settings.order;
    const seed = settings.seed;
    for (const [n, label] of labels.entries()) {
      const own = { ...settings, order, label, seed: (seed + n + 1) % 1_000_000 };
      const empty = new Int32Array(prior.cells).fill(prior.K);
      const { codes } = settings.source === "prior" ? await engine.ask("write", empty, label, own) : noise(prior, own);
      if (samples !== this.samples || engine !== page.engine) return; // another sheet was asked for meanwhile
      samples.push({ settings: own, codes });
      $.sheet.append(this.figure(samples.at(-1)));
      $["sheet-words"].textContent =
        samples.length < labels.length
          ? `${samples.length} of ${labels.length} …`
          : "Click one to see how it was written.";
    }
    page.announce();
  }

  figure({ settings, codes }) {
    const { page } = this;
    const { image } = page.network;
    const figure = document.createElement("figure");
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    paint(canvas, page.picture(codes), image);
    button.append(canvas);
    const what = settings.label === page.prior.classes ? `any ${this.page.noun}` : withArticle(settings.label);
    button.title = `Show how this was written (${what}, seed ${settings.seed})`;
    button.setAttribute("aria-label", button.title);
    button.onclick = () => {
      page.adopt(settings);
      page.board.scrollIntoView({ block: "start", behavior: "instant" });
    };
    const near = document.createElement("figcaption");
    near.className = "near";
    figure.append(button, near);
    return figure;
  }

  /** Show the nearest training digits of this sheet, where these are they: {grids, of: [{picture, digit, shared}]}. */
  meet(neighbours) {
    if (!neighbours || neighbours.grids !== JSON.stringify(this.said)) return;
    for (const [n, { picture, digit, shared }] of neighbours.of.entries()) {
      const near = this.page.$.sheet.children[n].querySelector(".near");
      const image = document.createElement("img");
      image.src = picture;
      image.alt = `training ${this.page.noun} ${digit}`;
      near.replaceChildren(image, `${shared} of ${this.page.prior.cells}`);
      near.title = `The embedded ${this.page.noun} most like it is number ${digit}: ${shared} of ${this.page.prior.cells} codes are the same.`;
    }
    this.page.$["sheet-words"].textContent =
      `Click one to see how it was written. Below each: the ${neighbours.digits} whose codes are most like it, and how many are the same.`;
  }
}

/** Codes that chance alone draws. */
function noise(prior, { seed }) {
  return { codes: Int32Array.from({ length: prior.cells }, (_, cell) => Math.floor(uniform(seed, cell) * prior.K)) };
}
