// The two pictures: the grid of codes, and what the decoder draws from it. What is not written yet lies faintly behind.

import { paint } from "../shared/pixels.js";
import { likeliest } from "../shared/prior.js";
import { tile } from "../shared/vqvae.js";

export class Board {
  constructor(page) {
    this.page = page;
  }

  resize() {
    const { $, network } = this.page;
    const { grid, cell, image } = network;
    [$.tiles.width, $.tiles.height] = [grid.width * cell.width, grid.height * cell.height];
    [$.drawn.width, $.drawn.height] = [image.width, image.height];
    const cells = Array.from({ length: grid.height * grid.width }, (_, index) => index);
    $.cells.replaceChildren(
      ...cells.map((index) => {
        const button = document.createElement("button");
        button.onclick = () => button.classList.contains("hidden") && this.page.choose(index);
        button.onkeydown = (event) => this.key(event, index);
        button.tabIndex = index ? -1 : 0;
        return button;
      }),
    );
    $.veil.replaceChildren(...cells.map(() => document.createElement("span")));
  }

  /** Arrow keys lead from cell to cell. */
  key(event, index) {
    const { width, height } = this.page.network.grid;
    const [row, column] = [Math.floor(index / width), index % width];
    const to = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
    }[event.key];
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    if (to[0] < 0 || to[0] >= height || to[1] < 0 || to[1] >= width) return;
    const { children } = this.page.$.cells;
    children[index].tabIndex = -1;
    const next = children[to[0] * width + to[1]];
    next.tabIndex = 0;
    next.focus();
  }

  show({ codes, weighed, next, asked, writing }) {
    const { $, network, prior, settings } = this.page;
    const guesses = settings.source === "prior"; // where all codes are as likely, there is nothing to guess
    const all = codes.map((code, cell) => (code === prior.K ? likeliest(prior, weighed, cell).code : code));
    const { grid, cell: size, image } = network;
    const blank = new Uint8ClampedArray(size.width * size.height * image.channels);
    const byHand = new Set(
      writing.steps.slice(0, writing.at).flatMap((step) => step.filter((one) => one.byHand).map((one) => one.cell)),
    );
    const fresh = new Set(writing.last.map(({ cell }) => cell));
    all.forEach((code, index) => {
      const isHidden = codes[index] === prior.K;
      const [row, column] = [Math.floor(index / grid.width), index % grid.width];
      const bytes = isHidden && !guesses ? blank : tile(network, code);
      paint($.tiles, bytes, { ...size, channels: image.channels }, column * size.width, row * size.height);
      const mark = $.cells.children[index];
      const sure = guesses ? likeliest(prior, weighed, index).probability : 1 / prior.K;
      const names = { hidden: isHidden, next: next.includes(index), asked: index === asked, fresh: fresh.has(index) };
      for (const [name, on] of Object.entries({ ...names, "by-hand": byHand.has(index) }))
        mark.classList.toggle(name, on);
      const certain = isHidden && $.certainty.checked;
      mark.classList.toggle("certain", certain);
      mark.style.setProperty("--sure", sure.toFixed(3));
      mark.textContent = certain ? Math.round(100 * sure) : "";
      const place = `row ${row + 1}, column ${column + 1}`;
      mark.setAttribute("aria-label", isHidden ? `${place}, not written` : `${place}, code ${code}`);
      $.veil.children[index].className = isHidden ? "hidden" : "";
    });
    const nothing = !guesses && codes.every((code) => code === prior.K);
    paint(
      $.drawn,
      nothing ? new Uint8ClampedArray(image.width * image.height * image.channels) : this.page.picture(all),
      image,
    );
  }
}
