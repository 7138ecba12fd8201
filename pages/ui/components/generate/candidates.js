// What could stand in a cell: the likeliest codes as tiles, with their chances. A click takes one.

import { paint } from "../shared/pixels.js";
import { drawn, tempered } from "../shared/prior.js";
import { tile } from "../shared/vqvae.js";
import { percent } from "./words.js";

const SHOWN = 8;

export class Candidates {
  constructor(page) {
    this.page = page;
  }

  show({ weighed, asked, writing, settings }) {
    const { $, prior, playing } = this.page;
    $.open.parentElement.hidden = !writing.whole;
    if (asked === undefined) {
      $.choices.replaceChildren();
      $.asked.textContent = writing.whole ? "All cells are written" : "Your hand decides";
      $.hint.textContent = writing.whole
        ? "Step back and take another candidate, or try another seed."
        : "Click a cell of the grid to have a code drawn for it.";
      return;
    }
    const place = `row ${Math.floor(asked / prior.width) + 1}, column ${(asked % prior.width) + 1}`;
    $.asked.textContent = `Next: ${place}`;
    $.hint.textContent = "Framed: the code that chance draws. Click another to take it instead.";
    const shares = tempered(prior, weighed, asked, settings.temperature);
    const own = drawn(prior, weighed, asked, settings);
    const ranked = [...shares.keys()].sort((a, b) => shares[b] - shares[a] || a - b);
    const shown = ranked.slice(0, SHOWN);
    if (!shown.includes(own)) shown[SHOWN - 1] = own;
    const focused = $.choices.getRootNode().activeElement?.dataset?.code;
    $.choices.replaceChildren(...shown.map((code) => this.choice(asked, code, shares[code], code === own)));
    if (focused !== undefined && !playing) $.choices.firstElementChild?.focus();
  }

  choice(cell, code, share, isDrawn) {
    const { network } = this.page;
    const button = document.createElement("button");
    button.dataset.code = code;
    button.classList.toggle("drawn", isDrawn);
    button.title = `Take code ${code}`;
    button.setAttribute("aria-label", `Code ${code}, ${percent(share)}${isDrawn ? ", the one that chance draws" : ""}`);
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [network.cell.width, network.cell.height];
    paint(picture, tile(network, code), { ...network.cell, channels: network.image.channels });
    const bar = document.createElement("span");
    bar.className = "bar";
    const filled = document.createElement("i");
    filled.style.width = `${100 * share}%`;
    bar.append(filled);
    const words = document.createElement("span");
    words.className = "share";
    words.textContent = percent(share);
    button.append(picture, bar, words);
    button.onclick = () => this.page.take(cell, code);
    return button;
  }
}
