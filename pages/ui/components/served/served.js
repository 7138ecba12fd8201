// The canvas of a model that the server runs. Ink is drawn here at once; codes and reconstruction are asked for, at most
// one question at a time, and what is shown meanwhile is greyed, since it is of the drawing before.

import { resample } from "../shared/bytes.js";
import { placeOf } from "../shared/codes.js";
import { byId, make, write } from "../shared/elements.js";
import { History } from "../shared/history.js";
import { drew } from "../shared/live.js";
import { ARROWS, Pen } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";
import { putAgain, remember, remembered } from "../shared/storage.js";
import { bytesOf } from "../shared/wire.js";
import { count, figure } from "../shared/words.js";

const PACE = 200; // milliseconds between two questions while a stroke goes on

class Served {
  constructor(root) {
    this.$ = byId(root);
    this.root = root.querySelector(".served");
    this.asked = 0; // the revision of the last question, of which the answer may still be under way
    this.at = -Infinity; // when that was asked
    this.history = new History(); // of {pixels, edits}
    this.target = undefined; // the cell that was chosen
    this.example = false; // whether what is on the canvas is an example, which gives way to the first stroke
    this.pen = new Pen(this);
    const { undo, redo, clear, grid, other, free } = this.$;
    undo.onclick = () => this.travel("undo");
    redo.onclick = () => this.travel("redo");
    clear.onclick = () => this.replace(this.blank);
    grid.onkeydown = (event) => this.key(event);
    other.onchange = () => {
      const code = other.valueAsNumber;
      if (Number.isInteger(code) && code >= 0 && code < this.data.K) this.edit(code);
    };
    free.onclick = () => this.replace(this.pixels);
  }

  // Python's side

  update(data, send) {
    this.data = data;
    this.send = send;
    const { fingerprint, set, answer } = data;
    const another = fingerprint !== this.fingerprint;
    if (another || set.serial !== this.set.serial || set.aim !== this.set.aim) {
      // Pixels as the other canvases store them, which may find them in the tab's storage.
      this.arrive({ ...set, pixels: set.pixels && [...bytesOf(set.pixels)] }, another);
    }
    if (answer.revision === this.asked) this.show(answer);
    this.say();
  }

  /** Another model, picture or cell, or another session, which knows nothing of the drawing. */
  arrive(set, another) {
    const { fingerprint, answer } = this.data;
    const before = this.image;
    if (another) {
      this.fingerprint = fingerprint;
      this.resize();
      if (before) this.adopt({ ...before, pixels: this.pixels });
    }
    const again = before && putAgain(set, this.set);
    if (before && !again) this.history.keep(this.state());
    const kept = before ? undefined : remembered(set, fingerprint);
    if (kept) {
      this.adopt(kept, kept.fingerprint === fingerprint ? kept.edits : undefined);
      this.example = Boolean(set.example) && String(set.pixels) === String([...kept.pixels]);
    } else if (!again) this.put(set);
    if (!again || another || set.aim !== this.set.aim) {
      const cell = kept?.cell === undefined ? set.cell : kept.cell;
      this.target = cell !== null && cell < this.cells.length ? cell : undefined;
    }
    this.set = set;
    this.inked(true);
    if (kept || again) return this.ask();
    this.asked = answer.revision; // which is about what was put there
    remember(this);
  }

  /** Everything whose size is the model's. */
  resize() {
    const { image, grid } = this.data;
    this.image = image;
    this.root.style.setProperty("--ratio", `${image.width} / ${image.height}`);
    this.root.style.setProperty("--rows", grid.height);
    this.root.style.setProperty("--columns", grid.width);
    this.size(this.$.ink, image);
    this.pen.resize(image);
    this.cells = Array.from({ length: grid.height * grid.width }, (_, index) => {
      const cell = make("div", "gridcell");
      cell.tabIndex = index ? -1 : 0;
      cell.onclick = () => this.choose(index);
      cell.onfocus = () => {
        for (const other of this.cells) other.tabIndex = other === cell ? 0 : -1;
      };
      return cell;
    });
    this.$.grid.replaceChildren(
      ...Array.from({ length: grid.height }, (_, row) => {
        const line = make("div", "row");
        line.append(...this.cells.slice(row * grid.width, (row + 1) * grid.width));
        return line;
      }),
    );
  }

  /** Put Python's picture on the canvas, or a blank one. */
  put({ pixels, edits, example }) {
    this.example = Boolean(example);
    this.pixels = pixels ? Uint8ClampedArray.from(pixels) : this.blank;
    this.edits = edits ? Int32Array.from(edits) : this.unedited;
  }

  /** Take over a drawing made for another model, perhaps of another size; edits only where they mean the same codes. */
  adopt({ pixels, height, width, channels }, edits) {
    const [from, to] = [{ height, width, channels }, this.image];
    const fits = height === to.height && width === to.width && channels === to.channels;
    const taken = (pixels) => (fits ? pixels : resample(pixels, from, to));
    this.pixels = taken(pixels);
    this.edits = edits?.length === this.cells.length ? Int32Array.from(edits) : this.unedited;
    this.history.adapt((state) => ({ pixels: taken(state.pixels), edits: this.unedited }));
  }

  // The drawing

  get blank() {
    return new Uint8ClampedArray(this.image.height * this.image.width * this.image.channels);
  }

  /** Edits that leave every cell to the encoder. */
  get unedited() {
    return new Int32Array(this.cells.length).fill(-1);
  }

  /** What undo goes back to; what is in it never changes. */
  state() {
    return { pixels: this.pixels, edits: this.edits };
  }

  /** Show the ink, here and to whatever follows it on the page. */
  inked(resting) {
    const { image, fingerprint } = this;
    paint(this.$.ink, this.pixels, image);
    drew({ pixels: this.pixels.slice(), image, fingerprint, resting });
  }

  /** Other pixels without edits, as one step of undo. */
  replace(pixels) {
    const { unedited } = this;
    const same = (these, those) => these.every((value, i) => value === those[i]);
    if (this.pen.stroke || (same(pixels, this.pixels) && same(unedited, this.edits))) return;
    this.history.keep(this.state());
    this.take({ pixels, edits: unedited });
  }

  /** Undo or redo. */
  travel(way) {
    const state = this.pen.stroke ? undefined : this.history[way](this.state());
    if (state) this.take(state);
  }

  take(state) {
    Object.assign(this, state, { example: false });
    this.changed(true);
  }

  // What the pen calls.

  begin(erasing) {
    this.history.keep(this.state());
    const renew = this.example && !erasing;
    this.pixels = renew ? this.blank : this.pixels.slice();
    if (renew) this.edits = this.unedited;
    this.example = false;
  }

  hush() {}

  changed(ended) {
    this.inked(ended);
    const soon = this.data.answer.live && !this.waiting && performance.now() - this.at > PACE;
    if (ended || soon) this.ask();
    else this.say();
  }

  // What is asked, and what comes.

  get waiting() {
    return this.asked !== this.data.answer.revision;
  }

  ask() {
    if (!this.pen.stroke) remember(this);
    this.at = performance.now();
    this.asked = Math.max(this.asked, this.data.answer.revision) + 1;
    this.send({
      serial: this.set.serial,
      fingerprint: this.fingerprint,
      revision: this.asked,
      pixels: packed(this.pixels),
      edits: [...this.edits].map((code, cell) => [cell, code]).filter(([, code]) => code >= 0),
      cell: this.target ?? null,
    });
    this.say();
  }

  show(answer) {
    for (const name of ["mosaic", "picture"]) {
      this.size(this.$[name], answer[name]);
      paint(this.$[name], bytesOf(answer[name].bytes), answer[name]);
    }
    write(this.$.score, `Error (NMSE) <b>${figure(answer.nmse)}</b>`);
    this.offer(answer.near);
    this.frame();
  }

  say() {
    const { answer } = this.data;
    this.root.classList.toggle("waiting", this.waiting || Boolean(this.pen.stroke && !answer.live));
    this.$.title.textContent = this.example ? "An example" : "Your picture";
    // Never by `disabled`, which would throw the focus out.
    const useful = (button, use) => button.setAttribute("aria-disabled", String(!use));
    const edited = this.edits.some((code) => code >= 0);
    useful(this.$.undo, this.history.past.length);
    useful(this.$.redo, this.history.future.length);
    useful(this.$.clear, edited || this.pixels.some((value) => value > 0));
    useful(this.$.free, edited);
    this.$.status.textContent = this.waiting
      ? "The server encodes and decodes …"
      : `The server runs this model, in ${answer.milliseconds} ms a picture: codes and reconstruction follow ${
          answer.live ? "while you draw" : "at the end of a stroke"
        }.`;
  }

  // Cells and their codes.

  choose(cell) {
    this.target = cell;
    this.frame();
    this.ask();
  }

  edit(code) {
    this.history.keep(this.state());
    this.edits = this.edits.slice();
    this.edits[this.target] = code;
    this.ask();
  }

  frame() {
    const { grid, K, answer } = this.data;
    const { target } = this;
    this.cells.forEach((cell, index) => {
      const [row, column] = placeOf(index, grid);
      const edited = this.edits[index] >= 0;
      const [code, by] = edited
        ? [this.edits[index], "put there by you"]
        : [answer.codes[index], "chosen by the encoder"];
      cell.classList.toggle("edited", edited);
      cell.setAttribute("aria-label", `row ${row + 1}, column ${column + 1}, code ${code}`);
      cell.setAttribute("aria-description", by);
      cell.setAttribute("aria-selected", String(index === target));
      if (index === target) write(this.$.cell, `Row ${row + 1}, column ${column + 1}: code <b>${code}</b>, ${by}.`);
    });
    this.$.edit.hidden = target === undefined;
    if (target !== undefined) return;
    const { height, width } = grid;
    write(this.$.cell, `${height} × ${width} codes out of ${count(K)}. Choose a cell to see its code.`);
  }

  /** Codes for the chosen cell. Buttons stay from one answer to the next: the one just pressed has the focus. */
  offer(near) {
    const buttons = this.$.near.children;
    while (buttons.length > near.length) buttons[near.length].remove();
    while (buttons.length < near.length) {
      const button = document.createElement("button");
      button.append(document.createElement("canvas"), document.createElement("span"));
      this.$.near.append(button);
    }
    near.forEach(({ code, distance, tile }, n) => {
      const [canvas, words] = buttons[n].children;
      this.size(canvas, tile);
      paint(canvas, bytesOf(tile.bytes), tile);
      write(words, `${code}<br>${figure(distance)}`);
      buttons[n].title = `Put code ${code} into this cell; squared distance ${figure(distance)}`;
      buttons[n].onclick = () => this.edit(code);
    });
  }

  /** By keyboard: arrows lead through the cells, Enter does what a click does. */
  key(event) {
    const at = this.cells.indexOf(event.target);
    const step = ARROWS[event.key];
    if (step) {
      const { height, width } = this.data.grid;
      const [row, column] = placeOf(at, this.data.grid);
      const [x, y] = [column + step[0], row + step[1]];
      if (x >= 0 && x < width && y >= 0 && y < height) this.cells[y * width + x].focus({ preventScroll: true });
    } else if (event.key === "Enter" || event.key === " ") this.choose(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  size(canvas, { height, width }) {
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
  }
}

/** Bytes -> base64, in pieces that a call takes. */
function packed(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

const views = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new Served(parentElement));
  views.get(parentElement).update(data, (drawing) => setStateValue("drawing", drawing));
  return () => drew(undefined);
}
