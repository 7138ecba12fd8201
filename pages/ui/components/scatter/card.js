// The card of the point under the pointer, or of the focused one: its picture, its reconstruction and its codes.

import { withArticle } from "../shared/words.js";
import { clamp } from "./dots.js";
import { spriteAt } from "./sheets.js";

export class Card {
  /** `view` is the View whose points it tells of. */
  constructor(view) {
    this.view = view;
    this.element = view.find(".card");
    this.at = -1; // the point that is told of
    this.sheet = null; // with these pictures
  }

  show() {
    const { view, element } = this;
    const { hand, sheet } = view;
    const at = hand.hovered >= 0 ? hand.hovered : hand.focused;
    if (at < 0 || hand.path || hand.pressed?.moved) {
      element.hidden = true;
      this.at = -1;
      return;
    }
    if (this.at !== at || this.sheet !== sheet) {
      this.at = at;
      this.sheet = sheet;
      view.find(".card .title").textContent = this.name(at);
      view.find(".card .note").textContent = sheet ? this.note(at) : "loading the pictures";
      view.find(".card .pictures").hidden = !sheet;
      view.find(".card .pictures").style.display = sheet ? "" : "none";
      view.find(".card .codes").style.display = sheet?.codes ? "" : "none";
      view.find(".card .made").style.display = sheet?.codes ? "" : "none";
      view.find(".card .of").textContent = sheet?.codes ? view.data.one : "tile";
      if (sheet) this.paint(view.imageOf(at));
    }
    element.hidden = false;
    this.place(at);
  }

  /** Beside the point where there is room, else above or below it. */
  place(at) {
    const { points, camera, drawing } = this.view;
    const [x, y] = [points.x(at), points.y(at)];
    const gap = 14 + drawing.thumbnailSize() / 2;
    const { offsetWidth: w, offsetHeight: h } = this.element;
    const right = x + gap + w <= camera.width + 4;
    const level = right || x - gap - w >= -4;
    const left = right ? x + gap : level ? x - gap - w : clamp(x - w / 2, 0, camera.width - w);
    const aside = y > camera.height / 2 ? y - gap - h : y + gap;
    const wanted = level ? y - h / 2 : aside;
    // Where the map reaches out of the window, the card stays within.
    const { top: begin } = this.view.stage.getBoundingClientRect();
    const [lowest, highest] = [Math.max(0, 4 - begin), Math.min(camera.height, innerHeight - 4 - begin) - h];
    const top = clamp(wanted, lowest, Math.max(lowest, highest));
    this.element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  name(at) {
    const { data, ids, labels } = this.view;
    if (data.noun === "codes") return `Code ${ids[at]}`;
    const name = labels ? data.classes[labels[at]] : "";
    const label = name ? ` · ${withArticle(name)}` : "";
    if (!data.cells) return `${data.one[0].toUpperCase()}${data.one.slice(1)} ${ids[at]}${label}`;
    const cell = ids[at] % data.cells;
    const place = `Row ${Math.floor(cell / data.columns) + 1}, column ${(cell % data.columns) + 1}`;
    return `${place} of ${data.one} ${this.view.imageOf(at)}${label}`;
  }

  note(at) {
    const { sheet, data, ids } = this.view;
    if (sheet.said) return sheet.said[ids[at]];
    const code = data.cells ? `code ${sheet.codes[ids[at]]}, ` : "";
    return `${code}NMSE ${sheet.errors[this.view.imageOf(at)].toFixed(3)}`;
  }

  paint(image) {
    const { sheet } = this;
    const [left, top] = spriteAt(sheet, image);
    const { width, height } = sheet;
    const across = sheet.codes ? this.cells(image) : 96;
    const side = sheet.codes ? (across - 7) / 2 : across;
    for (const name of ["digit", "reconstruction"]) {
      if (!sheet[`${name}s`]) continue;
      const canvas = this.view.find(`.card .${name}`);
      [canvas.width, canvas.height] = [width, height];
      canvas.style.width = `${side}px`;
      canvas.style.height = `${(side * height) / width}px`;
      canvas.getContext("2d").drawImage(sheet[`${name}s`], left, top, width, height, 0, 0, width, height);
    }
  }

  /** The grid of an image's codes, each as its tile; its width. */
  cells(image) {
    const { view, sheet } = this;
    const [rows, columns] = sheet.grid;
    const cell = clamp(Math.floor(176 / columns), 4, 25);
    const [w, h] = [columns * cell, rows * cell];
    const { ratio, accent, ink } = view.drawing;
    const canvas = view.find(".card .codes");
    [canvas.width, canvas.height] = [w * ratio, h * ratio];
    [canvas.style.width, canvas.style.height] = [`${w}px`, `${h}px`];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = false;
    const codes = sheet.codes.subarray(image * rows * columns, (image + 1) * rows * columns);
    const { columns: across, width, height } = sheet.tile;
    codes.forEach((code, place) => {
      const [x, y] = [(place % columns) * cell, Math.floor(place / columns) * cell];
      const [left, top] = [(code % across) * width, Math.floor(code / across) * height];
      context.drawImage(sheet.tiles, left, top, width, height, x, y, cell - 1, cell - 1);
    });
    if (view.data.cells) {
      const place = view.ids[this.at] % view.data.cells;
      context.strokeStyle = accent || ink;
      context.lineWidth = 2.5;
      context.strokeRect((place % columns) * cell, Math.floor(place / columns) * cell, cell - 1, cell - 1);
    }
    return w;
  }
}
