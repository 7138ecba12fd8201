// The workbench on the page: a pen, the grid of codes, the reconstruction and its scorecard.
//
// Ink never waits: pointer events draw at once, and one forward pass runs for each animation frame on the latest
// pixels; in a worker, where a pass takes too long to share a thread with the pen. Python hears of a drawing after a
// stroke. `forward.js` and its source as the string FORWARD stand before this file in the same module.

const SLOW = 12; // milliseconds a pass, above which the worker takes over
const WARM = 8; // passes before the clock counts: the first ones run before they are compiled
const PAUSE = 250; // milliseconds between the end of a stroke and the message to Python
const UNDOS = 200;
const STORED = "vqvae-workbench";

const WORKER = `
let network, sent;
onmessage = ({ data: { description, ticket, pixels } }) => {
  if (description) [network, sent] = [load(description), new Set()];
  const pass = reconstruct(network, fromBytes(pixels));
  const fresh = [...new Set(pass.codes)].filter((code) => !sent.has(code));
  fresh.forEach((code) => sent.add(code));
  postMessage({ ticket, pass, tiles: fresh.map((code) => [code, tile(network, code)]) });
};`;

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement, setStateValue }) {
  parentElement.workbench ??= new Workbench(parentElement);
  parentElement.workbench.update(data, (drawing) => setStateValue("drawing", drawing));
  return () => parentElement.workbench.close();
}

/** Forward passes, the latest request first: in this thread while they are quick, else in a worker. */
class Engine {
  constructor(description, onpass) {
    this.description = description;
    this.network = load(description);
    this.onpass = onpass;
    this.times = [];
    this.tickets = 0;
  }

  /** Ask for a pass over the canvas' pixels, in the next animation frame; asked again before that, it is one pass. */
  request(pixels) {
    this.pixels = pixels;
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      if (!this.busy) this.start();
    });
  }

  get waiting() {
    return this.pixels !== undefined || this.busy;
  }

  start() {
    const pixels = this.pixels;
    this.pixels = undefined;
    if (this.worker) {
      this.busy = true;
      this.worker.postMessage({ description: this.unsent, ticket: ++this.tickets, pixels });
      this.unsent = undefined;
      this.current = pixels;
      return;
    }
    const begun = performance.now();
    const pass = reconstruct(this.network, fromBytes(pixels));
    this.times.push(performance.now() - begun);
    if (this.times.length >= WARM + 5) {
      const recent = this.times.slice(-5).sort((a, b) => a - b);
      if (recent[2] > SLOW) this.hire();
    }
    this.onpass(pixels, pass);
  }

  hire() {
    if (this.refused) return;
    try {
      const address = URL.createObjectURL(new Blob([FORWARD, WORKER], { type: "text/javascript" }));
      this.worker = new Worker(address, { type: "module" });
    } catch {
      this.refused = true; // no workers here: this thread goes on
      return;
    }
    this.unsent = this.description;
    this.worker.onmessage = ({ data: { ticket, pass, tiles } }) => {
      if (ticket !== this.tickets) return;
      for (const [code, bytes] of tiles) this.network.tiles.set(code, bytes);
      this.busy = false;
      this.onpass(this.current, pass);
      if (this.pixels && this.frame === undefined) this.request(this.pixels);
    };
    this.worker.onerror = () => {
      this.dismiss();
      this.refused = true;
      this.request(this.pixels ?? this.current);
    };
  }

  dismiss() {
    this.worker?.terminate();
    this.worker = undefined;
    this.busy = false;
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    this.dismiss();
  }
}

class Workbench {
  constructor(root) {
    this.root = root;
    this.$ = Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
    this.erasing = false;
    this.past = [];
    this.future = [];
    this.cells = [];
    this.selected = 0;
    this.listen();
  }

  // Python's side

  update({ model, set }, tell) {
    this.tell = tell;
    const before = this.image;
    if (this.engine?.description.fingerprint !== model.fingerprint) {
      this.engine?.close();
      this.engine = new Engine(model, (pixels, pass) => this.show(pixels, pass));
      this.network = this.engine.network;
      this.image = this.network.image;
      this.stroke = this.pass = undefined;
      this.resize();
    }
    if (before) {
      this.adopt(this.pixels, before);
      if (set.serial !== this.set.serial) {
        this.keep();
        this.put(set);
      }
    } else {
      const kept = remembered(set);
      if (kept) this.adopt(kept.pixels, kept);
      else this.put(set);
    }
    this.set = set;
    this.changed(true);
  }

  /** Put Python's picture on the canvas, or a blank one. */
  put({ pixels }) {
    this.pixels = pixels ? Uint8ClampedArray.from(pixels) : new Uint8ClampedArray(this.size);
    this.say("");
  }

  close() {
    clearTimeout(this.timer);
    this.engine?.close();
  }

  /** Take over a drawing made for a model of perhaps another size. */
  adopt(pixels, from) {
    const to = this.image;
    if (from.height === to.height && from.width === to.width && from.channels === to.channels) {
      this.pixels = pixels;
      return;
    }
    this.pixels = resample(pixels, from, to);
    this.past = this.past.map((state) => resample(state, from, to));
    this.future = this.future.map((state) => resample(state, from, to));
    if (from.height !== to.height || from.width !== to.width) {
      this.say(`This model reads ${sized(to)} pixels: your drawing was resampled from ${sized(from)}.`);
    }
  }

  get size() {
    return this.image.height * this.image.width * this.image.channels;
  }

  /** Tell Python what is on the canvas, once the pen rests and the codes are those of these pixels. */
  announce() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.stroke || this.engine.waiting || this.passed !== this.pixels) return;
      const { serial } = this.set;
      const { fingerprint } = this.engine.description;
      this.tell({ serial, fingerprint, pixels: [...this.pixels], codes: [...this.pass.codes] });
      this.unannounced = false;
    }, PAUSE);
  }

  // The drawing

  /** The pixels are others than before: show them, have them encoded, and at rest keep and announce them. */
  changed(resting) {
    paint(this.$.ink, this.pixels, this.image);
    this.$.invitation.hidden = this.pixels.some((value) => value > 0);
    this.engine.request(this.pixels);
    if (!resting) return;
    this.unannounced = true;
    this.enable();
    remember(this.pixels, this.image, this.set);
  }

  /** Grey out what would do nothing; never by `disabled`, which would throw the focus out of the workbench. */
  enable() {
    const { undo, redo, clear, restore } = this.$;
    const useful = (button, use) => button.setAttribute("aria-disabled", String(!use));
    useful(undo, this.past.length);
    useful(redo, this.future.length);
    useful(clear, this.pixels.some((value) => value > 0));
    useful(restore, this.set.pixels?.some((value, i) => value !== this.pixels[i]));
  }

  /** Remember the pixels for undo, before they change. */
  keep() {
    this.past.push(this.pixels);
    if (this.past.length > UNDOS) this.past.shift();
    this.future = [];
  }

  replace(pixels) {
    if (this.stroke || pixels.every((value, i) => value === this.pixels[i])) return;
    this.keep();
    this.pixels = pixels;
    this.changed(true);
  }

  travel(from, to) {
    if (!from.length || this.stroke) return;
    to.push(this.pixels);
    this.pixels = from.pop();
    this.changed(true);
  }

  begin(x, y, erasing) {
    this.keep();
    this.pixels = this.pixels.slice();
    this.stroke = { x, y, erasing };
    clearTimeout(this.timer);
    this.extend(x, y);
    this.changed(false);
  }

  /** Ink from the last point to this one: full within the brush, fading over one pixel at its edge, like MNIST's. */
  extend(x, y) {
    const { stroke, pixels, radius } = this;
    const { height, width, channels } = this.image;
    const [dx, dy] = [x - stroke.x, y - stroke.y];
    const squared = dx * dx + dy * dy;
    const reach = radius + 0.5;
    const rows = [Math.min(y, stroke.y) - reach, Math.max(y, stroke.y) + reach];
    const columns = [Math.min(x, stroke.x) - reach, Math.max(x, stroke.x) + reach];
    for (let row = Math.max(0, Math.floor(rows[0])); row < Math.min(height, Math.ceil(rows[1])); row++) {
      for (let column = Math.max(0, Math.floor(columns[0])); column < Math.min(width, Math.ceil(columns[1])); column++) {
        const [px, py] = [column + 0.5 - stroke.x, row + 0.5 - stroke.y];
        const along = squared ? Math.min(1, Math.max(0, (px * dx + py * dy) / squared)) : 0;
        const distance = Math.hypot(px - along * dx, py - along * dy);
        const cover = 255 * Math.min(1, Math.max(0, reach - distance));
        for (let i = (row * width + column) * channels, end = i + channels; i < end; i++) {
          pixels[i] = stroke.erasing ? Math.min(pixels[i], 255 - cover) : Math.max(pixels[i], cover);
        }
      }
    }
    stroke.x = x;
    stroke.y = y;
  }

  end() {
    this.stroke = undefined;
    this.pixels = this.pixels.slice(); // a new object: what was announced or kept for undo never changes
    this.changed(true);
  }

  /** Radius of the nib in pixels of the model. */
  get radius() {
    return (Number(this.$.brush.value) / 2) * (this.stroke?.erasing ? 1.5 : 1);
  }

  // What the model makes of it

  show(pixels, pass) {
    const { network, image } = this;
    this.pass = pass;
    this.passed = pixels;
    const bytes = toBytes(pass.pixels);
    paint(this.$.reconstruction, bytes, image);
    if (this.comparing) paintDifference(this.$.error, pixels, bytes, image);
    this.showCodes();
    const { mse, nmse, psnr } = score(network, fromBytes(pixels), pass.pixels);
    this.$.mse.textContent = mse.toFixed(4);
    this.$.nmse.textContent = nmse.toFixed(3);
    this.$.psnr.textContent = Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : "∞ dB";
    if (this.unannounced && !this.stroke && !this.engine.waiting) this.announce();
  }

  showCodes() {
    const { network, pass } = this;
    const { grid, cell, image } = network;
    const width = grid.width * cell.width;
    const mosaic = new Uint8ClampedArray(grid.height * cell.height * width * image.channels);
    const line = cell.width * image.channels;
    pass.codes.forEach((code, index) => {
      const picture = tile(network, code);
      const [row, column] = [Math.floor(index / grid.width), index % grid.width];
      for (let y = 0; y < cell.height; y++) {
        const start = ((row * cell.height + y) * width + column * cell.width) * image.channels;
        mosaic.set(picture.subarray(y * line, (y + 1) * line), start);
      }
      const element = this.cells[index];
      if (element.dataset.code !== String(code)) {
        element.dataset.code = code;
        element.setAttribute("aria-label", `row ${row + 1}, column ${column + 1}, code ${code}`);
      }
    });
    paint(this.$.tiles, mosaic, { height: grid.height * cell.height, width, channels: image.channels });
    this.read();
  }

  /** Everything whose size is the model's. */
  resize() {
    const { image, grid, cell, K } = this.network;
    for (const id of ["ink", "reconstruction", "error"]) [this.$[id].width, this.$[id].height] = [image.width, image.height];
    [this.$.tiles.width, this.$.tiles.height] = [grid.width * cell.width, grid.height * cell.height];
    const { style } = this.root.querySelector(".workbench");
    style.setProperty("--ratio", image.width / image.height);
    style.setProperty("--rows", grid.height);
    style.setProperty("--columns", grid.width);
    this.$["title-codes"].textContent = `${grid.height} × ${grid.width} codes`;

    const side = Math.min(image.height, image.width);
    const { brush } = this.$;
    const size = brush.value / brush.max;
    [brush.min, brush.max, brush.step] = [1, Math.max(2, Math.round(side / 5)), 0.5];
    brush.value = this.brushed ? size * brush.max : Math.max(1, side / 11);
    this.brushed = true;

    const bits = bitsPerCode(K);
    const [cells, bytes] = [grid.height * grid.width, this.size];
    const total = cells * bits;
    this.$.size.textContent = `${count(bytes)} bytes → ${count(total)} bits`;
    const times = total ? `, ${count(Math.round((bytes * 8) / total))} times smaller` : "";
    this.$.sum.textContent = `${count(cells)} codes × ${bits} bits = ${count(total)} bits${times}`;
    this.$["bar-codes"].style.width = `${(100 * total) / (bytes * 8)}%`;

    this.cells = [];
    this.$.grid.replaceChildren(
      ...Array.from({ length: grid.height }, (_, row) => {
        const line = make("div", "row");
        for (let column = 0; column < grid.width; column++) {
          const cell = make("div", "gridcell");
          const index = this.cells.push(cell) - 1;
          cell.tabIndex = index ? -1 : 0;
          cell.onpointerenter = () => this.point(index);
          cell.onpointerleave = () => this.point(undefined);
          cell.onfocus = () => this.select(index);
          cell.onblur = () => this.point(undefined);
          line.append(cell);
        }
        return line;
      }),
    );
    this.selected = 0;
    this.point(undefined);
  }

  /** Show where a cell lies in all three pictures. */
  point(index) {
    this.pointed = index;
    this.cells.forEach((cell, i) => cell.classList.toggle("pointed", i === index));
    const { grid } = this.network;
    for (const spot of [this.$["input-spot"], this.$["output-spot"]]) {
      spot.hidden = index === undefined;
      if (spot.hidden) continue;
      const [row, column] = [Math.floor(index / grid.width), index % grid.width];
      const place = { top: row / grid.height, left: column / grid.width, height: 1 / grid.height, width: 1 / grid.width };
      for (const [side, share] of Object.entries(place)) spot.style[side] = `${100 * share}%`;
    }
    this.read();
  }

  select(index) {
    this.cells[this.selected].tabIndex = -1;
    this.cells[index].tabIndex = 0;
    this.selected = index;
    this.point(index);
  }

  read() {
    const { readout, legend } = this.$;
    const { pass, pointed, network } = this;
    if (pass && pointed !== undefined) {
      const [row, column] = [Math.floor(pointed / network.grid.width) + 1, (pointed % network.grid.width) + 1];
      readout.innerHTML = `Row ${row}, column ${column}: <b>code ${pass.codes[pointed]}</b>`;
    } else {
      const used = pass ? new Set(pass.codes).size : 0;
      readout.textContent = pass ? `${used} different of ${count(network.K)} codes` : "";
    }
    legend.innerHTML = this.comparing
      ? '<b style="color:#e8871e">■</b> ink added <b style="color:#3f90da">■</b> ink lost'
      : "Drawn from the codes alone";
  }

  say(sentence) {
    this.$.status.textContent = sentence;
  }

  // Hands

  listen() {
    const { ink, brush, pen, eraser, undo, redo, clear, restore, numbers, difference, grid } = this.$;
    ink.onpointerdown = (event) => {
      if (!event.isPrimary || event.button > 0 && event.button !== 5 || this.stroke) return;
      event.preventDefault();
      ink.focus({ preventScroll: true });
      ink.setPointerCapture(event.pointerId);
      this.pointer = event.pointerId;
      this.begin(...this.position(event), this.erasing || event.button === 5); // 5: a pen's eraser
      this.hover(event);
    };
    ink.onpointermove = (event) => {
      this.hover(event);
      if (!this.stroke || event.pointerId !== this.pointer) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const point of events.length ? events : [event]) this.extend(...this.position(point));
      this.changed(false);
    };
    ink.onpointerup = ink.onpointercancel = ink.onlostpointercapture = (event) => {
      if (!this.stroke || event.pointerId !== this.pointer) return;
      this.pointer = undefined;
      this.end();
      if (event.pointerType !== "mouse") this.$.nib.hidden = true;
    };
    ink.onpointerleave = () => (this.$.nib.hidden = true);
    ink.oncontextmenu = (event) => event.preventDefault();
    ink.onkeydown = (event) => this.draw(event);
    ink.onkeyup = (event) => event.key === " " && this.stroke && this.pointer === undefined && this.end();
    ink.onblur = () => {
      if (this.stroke && this.pointer === undefined) this.end();
      this.$.nib.hidden = true;
    };

    pen.onclick = () => this.take(false);
    eraser.onclick = () => this.take(true);
    undo.onclick = () => this.travel(this.past, this.future);
    redo.onclick = () => this.travel(this.future, this.past);
    clear.onclick = () => this.replace(new Uint8ClampedArray(this.size));
    restore.onclick = () => this.set.pixels && this.replace(Uint8ClampedArray.from(this.set.pixels));
    brush.oninput = () => (this.$.nib.hidden = true);
    numbers.onclick = () => grid.classList.toggle("numbers", toggle(numbers));
    difference.onclick = () => {
      this.comparing = toggle(difference);
      this.$.error.hidden = !this.comparing;
      if (this.comparing && this.pass) paintDifference(this.$.error, this.passed, toBytes(this.pass.pixels), this.image);
      this.read();
    };
    grid.onkeydown = (event) => this.walk(event);
    this.root.querySelector(".workbench").onkeydown = (event) => this.shortcut(event);
  }

  take(erasing) {
    this.erasing = erasing;
    this.$.pen.setAttribute("aria-pressed", String(!erasing));
    this.$.eraser.setAttribute("aria-pressed", String(erasing));
    this.$.nib.hidden = true;
  }

  /** Where a pointer is, in pixels of the model. */
  position(event) {
    const box = this.$.ink.getBoundingClientRect();
    const { height, width } = this.image;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  hover(event) {
    if (event.pointerType === "touch") return;
    this.nib(...this.position(event));
  }

  /** The outline of the nib, where the next ink would go. */
  nib(x, y) {
    const { nib } = this.$;
    const { height, width } = this.image;
    nib.hidden = false;
    nib.classList.toggle("erasing", this.stroke?.erasing ?? this.erasing);
    nib.style.left = `${(100 * x) / width}%`;
    nib.style.top = `${(100 * y) / height}%`;
    const size = Number(this.$.brush.value) * (this.erasing ? 1.5 : 1) + 0.5;
    nib.style.width = `${(100 * size) / width}%`;
    nib.style.height = `${(100 * size) / height}%`;
    this.place = [x, y];
  }

  /** The pen by keyboard: arrows move it, the space bar held down draws. */
  draw(event) {
    const steps = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    const step = steps[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const { height, width } = this.image;
    let [x, y] = this.place ?? [width / 2, height / 2];
    if (step) {
      x = Math.min(width, Math.max(0, x + step[0]));
      y = Math.min(height, Math.max(0, y + step[1]));
      if (this.stroke) {
        this.extend(x, y);
        this.changed(false);
      }
    } else if (!this.stroke) {
      this.begin(x, y, this.erasing);
    }
    this.nib(x, y);
  }

  /** Through the grid with the arrow keys. */
  walk(event) {
    const { grid } = this.network;
    const moves = { ArrowUp: -grid.width, ArrowDown: grid.width, ArrowLeft: -1, ArrowRight: 1 };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const target = this.selected + move;
    const leavesRow = Math.abs(move) === 1 && Math.floor(target / grid.width) !== Math.floor(this.selected / grid.width);
    if (leavesRow || !this.cells[target]) return;
    this.cells[target].focus();
  }

  /** Keys that work while the focus is anywhere in the workbench. */
  shortcut(event) {
    const key = event.key.toLowerCase();
    const { undo, redo, clear, pen, eraser, numbers, difference, brush } = this.$;
    if (event.ctrlKey || event.metaKey) {
      const button = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" ? redo : undefined;
      if (!button) return;
      event.preventDefault();
      event.stopPropagation();
      button.click();
      return;
    }
    if (event.altKey) return;
    const buttons = { p: pen, e: eraser, n: numbers, d: difference, delete: clear, backspace: clear };
    const sizes = { "[": -0.5, "]": 0.5 };
    if (buttons[key]) buttons[key].click();
    else if (sizes[key]) brush.value = Number(brush.value) + sizes[key];
    else return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
  }
}

/** Pixels of the model into a canvas of the same size: grey or RGB, opaque. */
function paint(canvas, bytes, { height, width, channels }) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < 3; c++) picture.data[4 * pixel + c] = bytes[pixel * channels + (channels === 3 ? c : 0)];
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Orange where the reconstruction has more ink than the picture, blue where it has less. */
function paintDifference(canvas, before, after, { height, width, channels }) {
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    let difference = 0;
    for (let i = pixel * channels; i < (pixel + 1) * channels; i++) difference += (after[i] - before[i]) / 255 / channels;
    const color = difference > 0 ? [255, 150, 40] : [80, 165, 255];
    color.forEach((value, c) => (picture.data[4 * pixel + c] = value * Math.min(1, 1.4 * Math.abs(difference))));
    picture.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** What is on the canvas survives another page and a reload: it lives in this tab's storage. */
function remember(pixels, { height, width, channels }, set) {
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ height, width, channels, pixels: [...pixels], set }));
  } catch {
    // Storage is full or forbidden: the drawing lives as long as the page.
  }
}

/**
 * The drawing of an earlier visit, unless Python has since put another picture on the canvas. Serials are
 * "session:count": within a session they tell pictures apart; after a reload, a new session, the picture itself does.
 */
function remembered(set) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORED));
    const [session, earlier] = [set.serial, kept.set.serial].map((serial) => serial.split(":")[0]);
    const same = session === earlier ? set.serial === kept.set.serial : String(set.pixels) === String(kept.set.pixels);
    const { pixels, height, width, channels } = kept;
    if (!same || pixels.length !== height * width * channels) return undefined;
    return { height, width, channels, pixels: Uint8ClampedArray.from(pixels) };
  } catch {
    return undefined;
  }
}

function make(tag, role) {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  return element;
}

function toggle(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  return pressed;
}

function count(number) {
  return number.toLocaleString("en");
}

function sized({ height, width }) {
  return `${height} × ${width}`;
}
