// The canvas of a model that the server runs. Ink is drawn here at once; codes and reconstruction are asked for, at most
// one question at a time, and what is shown meanwhile is greyed, since it is of the drawing before.

import { byId, locate, write } from "../shared/elements.js";
import { History } from "../shared/history.js";
import { drew } from "../shared/live.js";
import { ARROWS, Pen } from "../shared/pen.js";
import { paint } from "../shared/pixels.js";
import { bytesOf } from "../shared/wire.js";
import { figure } from "../shared/words.js";

const PACE = 200; // milliseconds between two questions while a stroke goes on

class Served {
  constructor(root) {
    this.$ = byId(root);
    this.root = root.querySelector(".served");
    this.asked = 0; // the revision of the last question, of which the answer may still be under way
    this.at = -Infinity; // when that was asked
    this.pen = new Pen(this);
    const { undo, redo, clear, grid, other, free } = this.$;
    undo.onclick = () => this.take(this.history.undo(this.state()));
    redo.onclick = () => this.take(this.history.redo(this.state()));
    clear.onclick = () => {
      this.history.keep(this.state());
      this.take({ pixels: new Uint8ClampedArray(this.pixels.length), edits: new Map() });
    };
    grid.onclick = (event) => this.choose(this.cellAt(event));
    grid.onkeydown = (event) => this.key(event);
    other.onchange = () => {
      const code = other.valueAsNumber;
      if (Number.isInteger(code) && code >= 0 && code < this.data.K) this.edit(code);
    };
    free.onclick = () => {
      this.history.keep(this.state());
      this.take({ ...this.state(), edits: new Map() });
    };
  }

  update(data, send) {
    const another = data.fingerprint !== this.data?.fingerprint || data.set.serial !== this.data?.set.serial;
    this.data = data;
    this.send = send;
    if (another) this.begins(data);
    const { answer } = data;
    if (answer.revision === this.asked) this.show(answer);
    this.say();
  }

  /** Another picture or model. */
  begins({ image, set, answer }) {
    this.image = image;
    this.pixels = new Uint8ClampedArray(image.height * image.width * image.channels);
    if (set.pixels) this.pixels.set(bytesOf(set.pixels));
    this.example = set.example;
    this.edits = new Map();
    this.cell = undefined;
    this.history = new History();
    this.asked = answer.revision;
    this.root.style.setProperty("--ratio", `${image.width} / ${image.height}`);
    this.size(this.$.ink, image);
    this.pen.resize(image);
    this.inked(true);
  }

  /** Show the ink, here and to whatever follows it on the page. */
  inked(resting) {
    const { image, data } = this;
    paint(this.$.ink, this.pixels, image);
    drew({ pixels: this.pixels.slice(), image, fingerprint: data.fingerprint, resting });
  }

  // What the pen calls.

  begin(erasing) {
    this.history.keep(this.state());
    this.pixels = this.example && !erasing ? new Uint8ClampedArray(this.pixels.length) : this.pixels.slice();
    if (this.example) this.edits = new Map();
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
    this.at = performance.now();
    this.asked = Math.max(this.asked, this.data.answer.revision) + 1;
    this.send({
      serial: this.data.set.serial,
      fingerprint: this.data.fingerprint,
      revision: this.asked,
      pixels: packed(this.pixels),
      edits: [...this.edits],
      cell: this.cell ?? null,
    });
    this.say();
  }

  show(answer) {
    for (const name of ["mosaic", "picture"]) {
      this.size(this.$[name], answer[name]);
      paint(this.$[name], bytesOf(answer[name].bytes), answer[name]);
    }
    write(this.$.score, `Error (NMSE) <b>${figure(answer.nmse)}</b>`);
    this.$.near.replaceChildren(...answer.near.map((one) => this.offer(one)));
    this.frame();
  }

  say() {
    const { answer } = this.data;
    this.root.classList.toggle("waiting", this.waiting || Boolean(this.pen.stroke && !answer.live));
    this.$.title.textContent = this.example ? "An example" : "Your picture";
    this.$.undo.disabled = !this.history.past.length;
    this.$.redo.disabled = !this.history.future.length;
    this.$.free.disabled = !this.edits.size;
    this.$.status.textContent = this.waiting
      ? "The server encodes and decodes …"
      : `The server runs this model, in ${answer.milliseconds} ms a picture: codes and reconstruction follow ${
          answer.live ? "while you draw" : "at the end of a stroke"
        }.`;
  }

  // Cells and their codes.

  choose(cell) {
    this.cell = cell;
    this.frame();
    this.ask();
  }

  edit(code) {
    this.history.keep(this.state());
    this.edits = new Map(this.edits).set(this.cell, code);
    this.ask();
  }

  frame() {
    const { height, width } = this.data.grid;
    const place = (cell, edited) => {
      const spot = document.createElement("i");
      spot.classList.toggle("edited", edited);
      locate(spot, Math.floor(cell / width) / height, (cell % width) / width, 1 / height, 1 / width);
      return spot;
    };
    const spots = [...this.edits.keys()].map((cell) => place(cell, true));
    if (this.cell !== undefined) spots.push(place(this.cell, false));
    this.$.grid.replaceChildren(...spots);
    this.$.edit.hidden = this.cell === undefined;
    if (this.cell === undefined) {
      write(
        this.$.cell,
        `${height} × ${width} codes out of ${this.data.K.toLocaleString("en")}. Choose a cell to see its code.`,
      );
      return;
    }
    const [row, column] = [Math.floor(this.cell / width) + 1, (this.cell % width) + 1];
    const by = this.edits.has(this.cell) ? "put there by you" : "chosen by the encoder";
    write(this.$.cell, `Row ${row}, column ${column}: code <b>${this.data.answer.codes[this.cell]}</b>, ${by}.`);
  }

  offer({ code, distance, tile }) {
    const button = document.createElement("button");
    const canvas = document.createElement("canvas");
    this.size(canvas, tile);
    paint(canvas, bytesOf(tile.bytes), tile);
    button.append(canvas, `${code}`, document.createElement("br"), figure(distance));
    button.title = `Put code ${code} into this cell; squared distance ${figure(distance)}`;
    button.onclick = () => this.edit(code);
    return button;
  }

  cellAt(event) {
    const box = this.$.grid.getBoundingClientRect();
    const { height, width } = this.data.grid;
    const share = (at, from, size, cells) => Math.min(cells - 1, Math.max(0, Math.floor(((at - from) / size) * cells)));
    return share(event.clientY, box.top, box.height, height) * width + share(event.clientX, box.left, box.width, width);
  }

  key(event) {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    const { height, width } = this.data.grid;
    const cell = this.cell ?? 0;
    const row = Math.min(height - 1, Math.max(0, Math.floor(cell / width) + step[1]));
    const column = Math.min(width - 1, Math.max(0, (cell % width) + step[0]));
    this.choose(this.cell === undefined ? 0 : row * width + column);
  }

  // States for undo; what is in them never changes.

  state() {
    return { pixels: this.pixels, edits: this.edits };
  }

  take(state) {
    if (!state) return;
    Object.assign(this, state);
    this.example = false;
    this.changed(true);
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
