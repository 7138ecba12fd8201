// A grid of cells, one of which all boxes are about: a click or arrow keys choose it.

import { placeOf } from "../shared/codes.js";
import { make } from "../shared/elements.js";
import { ARROWS } from "../shared/pen.js";

export class Cells {
  constructor(element, story) {
    this.element = element;
    this.story = story;
    this.cells = [];
    element.onkeydown = (event) => this.key(event);
  }

  /** As many cells as the model has. */
  resize({ height, width }) {
    this.cells = Array.from({ length: height * width }, (_, index) => {
      const cell = make("div", "gridcell");
      cell.onclick = () => this.story.choose(index);
      return cell;
    });
    this.element.replaceChildren(
      ...Array.from({ length: height }, (_, row) => {
        const line = make("div", "row");
        line.append(...this.cells.slice(row * width, (row + 1) * width));
        return line;
      }),
    );
  }

  show(codes) {
    codes.forEach((code, index) => {
      const { dataset } = this.cells[index];
      if (dataset.code === String(code)) return;
      dataset.code = code;
      const [row, column] = placeOf(index, this.story.network.grid);
      this.cells[index].setAttribute("aria-label", `row ${row + 1}, column ${column + 1}, code ${code}`);
    });
  }

  select(chosen) {
    this.cells.forEach((cell, index) => {
      cell.setAttribute("aria-selected", String(index === chosen));
      cell.tabIndex = index === chosen ? 0 : -1;
    });
  }

  key(event) {
    const step = ARROWS[event.key];
    if (!step || this.story.slides.claims(event)) return;
    const { height, width } = this.story.network.grid;
    const [row, column] = placeOf(this.story.cell, { width });
    const [x, y] = [column + step[0], row + step[1]];
    if (x >= 0 && x < width && y >= 0 && y < height) {
      this.story.choose(y * width + x);
      this.cells[y * width + x].focus({ preventScroll: true });
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
