// The card of the point under the pointer, or of the focused one: its picture, its reconstruction and its codes.

import { clamp, luminance } from "./dots.js";
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
      view.find(".card .note").textContent = sheet ? this.note(at) : "pictures are on their way";
      view.find(".card .pictures").hidden = !sheet;
      view.find(".card .pictures").style.display = sheet ? "" : "none";
      view.find(".card .codes").style.display = sheet ? "" : "none";
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
    const top = level ? clamp(y - h / 2, 0, Math.max(0, camera.height - h)) : aside;
    this.element.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  name(at) {
    const { data, ids, labels } = this.view;
    const label = labels ? ` · a ${labels[at]}` : "";
    if (!data.cells) return `Digit ${ids[at]}${label}`;
    const cell = ids[at] % data.cells;
    const place = `Row ${Math.floor(cell / data.columns) + 1}, column ${(cell % data.columns) + 1}`;
    return `${place} of digit ${this.view.imageOf(at)}${label}`;
  }

  note(at) {
    const { sheet, data, ids } = this.view;
    const code = data.cells ? `code ${sheet.codes[ids[at]]}, ` : "";
    return `${code}NMSE ${sheet.errors[this.view.imageOf(at)].toFixed(3)}`;
  }

  paint(image) {
    const { view, sheet } = this;
    const [rows, columns] = sheet.grid;
    const cell = clamp(Math.floor(176 / columns), 4, 25);
    const [w, h] = [columns * cell, rows * cell];
    const side = (w - 7) / 2;
    const [left, top] = spriteAt(sheet, image);
    const { width, height } = sheet;
    for (const name of ["digit", "reconstruction"]) {
      const canvas = view.find(`.card .${name}`);
      [canvas.width, canvas.height] = [width, height];
      canvas.style.width = `${side}px`;
      canvas.style.height = `${(side * height) / width}px`;
      canvas.getContext("2d").drawImage(sheet[`${name}s`], left, top, width, height, 0, 0, width, height);
    }
    const { ratio, ink } = view.drawing;
    const canvas = view.find(".card .codes");
    [canvas.width, canvas.height] = [w * ratio, h * ratio];
    [canvas.style.width, canvas.style.height] = [`${w}px`, `${h}px`];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `${Math.min(11, cell * 0.46)}px ${getComputedStyle(view.host).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const codes = sheet.codes.subarray(image * rows * columns, (image + 1) * rows * columns);
    codes.forEach((code, place) => {
      const [x, y] = [(place % columns) * cell, Math.floor(place / columns) * cell];
      const color = sheet.colors[code];
      context.fillStyle = color;
      context.fillRect(x, y, cell - 1, cell - 1);
      if (cell < 18) return;
      context.fillStyle = luminance(color) > 0.18 ? "#000" : "#fff";
      context.fillText(code, x + (cell - 1) / 2, y + cell / 2);
    });
    if (view.data.cells) {
      const place = view.ids[this.at] % view.data.cells;
      context.strokeStyle = ink;
      context.lineWidth = 2.5;
      context.strokeRect((place % columns) * cell, Math.floor(place / columns) * cell, cell - 1, cell - 1);
    }
  }
}
