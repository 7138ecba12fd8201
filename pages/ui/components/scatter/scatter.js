// The map on a plain canvas: it draws, moves, zooms and selects without the server, which hears finished selections.
const VIEWS = new WeakMap();
const CLICK = 5; // pixels a press may move and still be a click
const REACH = 16; // pixels from a pointer to the point it means
const QUIET = 0.16; // opacity of points outside the selection
const MORPH = 450; // milliseconds from one layout to the next

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  let view = VIEWS.get(parentElement);
  if (!view) VIEWS.set(parentElement, (view = new View(parentElement)));
  view.send = (selection) => setStateValue("selection", selection);
  if (data) view.update(data);
  return () => {
    view.close();
    VIEWS.delete(parentElement);
  };
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const luminance = (hex) => {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

// "#rrggbb" as the lower three bytes of a pixel.
const inkOf = (hex) => parseInt(hex.slice(5) + hex.slice(3, 5) + hex.slice(1, 3), 16);

// The pixels of a dot: each one's offset in an image of a width, and how much of it is covered, in [0, 255].
function roundDot(radius, width) {
  const offsets = [];
  const covers = [];
  const reach = Math.ceil(radius);
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const cover = Math.round(255 * clamp(radius + 0.5 - Math.hypot(x, y), 0, 1));
      if (cover) {
        offsets.push(y * width + x);
        covers.push(cover);
      }
    }
  }
  return { offsets: Int32Array.from(offsets), covers: Uint8Array.from(covers) };
}

function stamp(pixels, at, { offsets, covers }, ink) {
  for (let k = 0; k < offsets.length; k++) {
    const place = at + offsets[k];
    const below = pixels[place];
    const cover = covers[k];
    if (cover === 255 || below === 0) {
      pixels[place] = ((cover << 24) | ink) >>> 0;
      continue;
    }
    // Over what is there already: alpha first, then each colour by its share of it.
    const under = ((below >>> 24) * (255 - cover)) / 255;
    const alpha = cover + under;
    if ((below & 0xffffff) === ink) {
      pixels[place] = ((Math.round(alpha) << 24) | ink) >>> 0;
      continue;
    }
    let mixed = 0;
    for (let shift = 0; shift < 24; shift += 8) {
      const color = (((ink >> shift) & 255) * cover + ((below >>> shift) & 255) * under) / alpha;
      mixed |= Math.round(color) << shift;
    }
    pixels[place] = ((Math.round(alpha) << 24) | mixed) >>> 0;
  }
}

// Unselected dots have one colour, so that only their opacity adds up.
function stampQuietly(pixels, at, { offsets, covers }, grey) {
  for (let k = 0; k < offsets.length; k++) {
    const place = at + offsets[k];
    const under = pixels[place] >>> 24;
    const alpha = under + (covers[k] * QUIET * (255 - under)) / 255;
    pixels[place] = ((Math.round(alpha) << 24) | grey) >>> 0;
  }
}

class View {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    this.root = root;
    this.host = find(".scatter");
    this.stage = find(".stage");
    this.base = find(".base");
    this.over = find(".over");
    this.card = find(".card");
    this.find = find;
    this.center = [0.5, 0.5];
    this.zoom = 1;
    this.tool = "pan";
    this.pointers = new Map();
    this.hovered = -1;
    this.data = {};
    this.count = 0;
    this.revision = null;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.wire();
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.stage);
    this.onSheet = () => this.takeSheet();
    addEventListener("vqvae-sheet", this.onSheet);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onTheme = () => setTimeout(() => this.dirty(), 100);
    this.dark.addEventListener("change", this.onTheme);
  }

  close() {
    this.sizes.disconnect();
    removeEventListener("vqvae-sheet", this.onSheet);
    this.dark.removeEventListener("change", this.onTheme);
    cancelAnimationFrame(this.frame);
  }

  // What Python sends.

  update(data) {
    const old = this.data;
    this.data = data;
    if (data.ids !== old.ids) {
      const kept = this.selectedIds();
      this.ids = new Uint32Array(bytesOf(data.ids).buffer);
      this.count = this.ids.length;
      this.place = new Map(Array.from(this.ids, (id, at) => [id, at]));
      this.selected = new Uint8Array(this.count);
      this.mark(kept);
      this.order = Uint32Array.from({ length: this.count }, (_, at) => at);
      // Mixed, so that no class lies on top of all others; the same mixture each time.
      const rank = (at) => Math.imul(this.ids[at] + 1, 2654435761) >>> 0;
      this.order.sort((a, b) => rank(a) - rank(b));
      this.focused = this.hovered = -1;
      this.xy = null;
    }
    if (data.xy !== old.xy || !this.xy) this.moveTo(data.xy, data.ids === old.ids);
    if (data.colors !== old.colors || data.palette.join() !== old.palette?.join() || data.ids !== old.ids) {
      this.colors = new Uint16Array(bytesOf(data.colors).buffer);
      this.tinted = null;
    }
    if (data.labels !== old.labels) this.labels = data.labels ? bytesOf(data.labels) : null;
    if (data.view !== old.view) this.fit();
    if (data.selection.revision !== this.revision) {
      this.revision = data.selection.revision;
      this.mark(new Uint32Array(bytesOf(data.selection.ids).buffer));
    }
    this.base.setAttribute("aria-label", `${data.title} Arrow keys go from point to point, Enter selects, plus and minus zoom.`);
    if (JSON.stringify(data.legend) !== JSON.stringify(old.legend)) this.buildLegend();
    this.takeSheet();
    this.say();
    this.dirty();
  }

  takeSheet() {
    const sheet = globalThis.vqvaeSheets?.get(this.data.sheet) ?? null;
    if (sheet === this.sheet) return;
    this.sheet = sheet;
    this.host.dataset.pictures = sheet ? "ready" : "coming";
    this.tinted = null;
    this.dirty();
  }

  moveTo(text, smoothly) {
    const numbers = new Uint16Array(bytesOf(text).buffer);
    const target = Float32Array.from(numbers, (number) => number / 65535);
    this.spacing = this.typicalSpacing(target);
    if (!smoothly || !this.xy || this.calm.matches) {
      this.xy = target;
      this.morph = null;
    } else {
      this.morph = { from: this.xy.slice(), to: target, began: performance.now() };
    }
  }

  // The median distance from a point to its nearest neighbour, over a sample of points.
  typicalSpacing(xy) {
    const found = [];
    const step = Math.max(1, Math.floor(this.count / 300));
    for (let i = 0; i < this.count; i += step) {
      let best = Infinity;
      for (let j = 0; j < this.count; j++) {
        const distance = (xy[2 * i] - xy[2 * j]) ** 2 + (xy[2 * i + 1] - xy[2 * j + 1]) ** 2;
        if (distance < best && j !== i) best = distance;
      }
      if (best < Infinity) found.push(Math.sqrt(best));
    }
    found.sort((a, b) => a - b);
    return Math.max(found[found.length >> 1] ?? 0.1, 1e-4);
  }

  // Where things are on the screen, in CSS pixels.

  resize() {
    const box = this.stage.getBoundingClientRect();
    if (!box.width) return;
    this.width = box.width;
    this.height = box.height;
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.draw(); // at once: a resized canvas is empty
  }

  get scale() {
    return this.zoom * (Math.min(this.width, this.height) - 28);
  }

  x(at) {
    return (this.xy[2 * at] - this.center[0]) * this.scale + this.width / 2;
  }

  y(at) {
    return (this.center[1] - this.xy[2 * at + 1]) * this.scale + this.height / 2;
  }

  fit() {
    this.center = [0.5, 0.5];
    this.zoom = 1;
    this.dirty();
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.scale;
    this.zoom = clamp(this.zoom * factor, 0.6, Math.max(8, 60 / (this.spacing * Math.min(this.width, this.height))));
    const shift = 1 / before - 1 / this.scale;
    this.moveBy((x - this.width / 2) * shift, -(y - this.height / 2) * shift);
  }

  moveBy(dx, dy) {
    this.center = [clamp(this.center[0] + dx, -0.1, 1.1), clamp(this.center[1] + dy, -0.1, 1.1)];
    this.dirty();
  }

  // Drawing.

  dirty() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    if (!this.xy || !this.width) return;
    if (this.morph) this.advance();
    const style = getComputedStyle(this.host);
    this.ink = style.color;
    this.accent = style.getPropertyValue("--st-primary-color");
    const context = this.base.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.base.width, this.base.height);
    const thumbnail = this.thumbnailSize();
    this.host.dataset.thumbnails = thumbnail > 0;
    if (!thumbnail) this.drawDots(context);
    else if (this.selectedCount) {
      this.drawPoints(context, thumbnail, 0, true);
      this.drawPoints(context, thumbnail, 1, false);
    } else {
      this.drawPoints(context, thumbnail, 0, false);
    }
    this.drawOver();
    this.frames = (this.frames ?? 0) + 1;
    this.host.dataset.frames = this.frames;
  }

  advance() {
    const share = clamp((performance.now() - this.morph.began) / MORPH, 0, 1);
    const eased = share * share * (3 - 2 * share);
    const { from, to } = this.morph;
    for (let k = 0; k < to.length; k++) this.xy[k] = from[k] + (to[k] - from[k]) * eased;
    if (share === 1) this.morph = null;
    else this.dirty();
  }

  // The side of a thumbnail once neighbours are far enough apart for one, in CSS pixels; else 0.
  thumbnailSize() {
    const apart = this.spacing * this.scale;
    return this.sheet && apart >= 11 ? clamp(1.5 * apart, 18, 56) : 0;
  }

  drawPoints(context, thumbnail, wanted, quiet) {
    const { ratio, order, selected, xy } = this;
    const scale = this.scale * ratio;
    const left = this.base.width / 2 - this.center[0] * scale;
    const top = this.base.height / 2 + this.center[1] * scale;
    const size = thumbnail * ratio;
    context.globalAlpha = quiet ? 0.28 : 1;
    this.tint();
    for (let k = 0; k < order.length; k++) {
      const i = order[k];
      if (selected[i] !== wanted) continue;
      const x = left + xy[2 * i] * scale;
      const y = top - xy[2 * i + 1] * scale;
      if (x < -size || y < -size || x > this.base.width + size || y > this.base.height + size) continue;
      this.drawThumbnail(context, i, x - size / 2, y - size / 2, size);
    }
    context.globalAlpha = 1;
  }

  // Dots are written pixel by pixel into one image: ten times as fast as ten thousand calls to the canvas.
  drawDots(context) {
    const { width: W, height: H } = this.base;
    if (this.image?.width !== W || this.image.height !== H) this.image = context.createImageData(W, H);
    const pixels = new Uint32Array(this.image.data.buffer); // little-endian RGBA, as on every machine with a browser
    pixels.fill(0);
    const radius = clamp(0.42 * this.spacing * this.scale, this.count > 2500 ? 1.9 : 2.6, 5.5) * this.ratio;
    const dot = roundDot(radius, W);
    const reach = Math.ceil(radius) + 1;
    const inks = this.data.palette.map(inkOf);
    const grey = this.ink.match(/\d+/g).slice(0, 3).reduce((all, part, at) => all | (part << (8 * at)), 0);
    const { order, selected, colors, xy } = this;
    const scale = this.scale * this.ratio;
    const left = W / 2 - this.center[0] * scale;
    const top = H / 2 + this.center[1] * scale;
    const anySelected = this.selectedCount > 0;
    for (let wanted = anySelected ? 0 : 1; wanted < 2; wanted++) {
      for (let k = 0; k < order.length; k++) {
        const i = order[k];
        if (anySelected && selected[i] !== wanted) continue;
        const x = Math.round(left + xy[2 * i] * scale);
        const y = Math.round(top - xy[2 * i + 1] * scale);
        if (x < reach || y < reach || x >= W - reach || y >= H - reach) continue;
        if (wanted) stamp(pixels, y * W + x, dot, inks[colors[i]]);
        else stampQuietly(pixels, y * W + x, dot, grey);
      }
    }
    context.putImageData(this.image, 0, 0);
  }

  // The sheet with each grey picture's ink in its point's colour, over nothing; once a colouring.
  tint() {
    const { sheet, data } = this;
    if (this.tinted || sheet.channels !== 1 || data.cells) return;
    const { width: W, height: H } = sheet;
    this.tinted = new OffscreenCanvas(sheet.digits.width, sheet.digits.height);
    const context = this.tinted.getContext("2d", { willReadFrequently: true });
    context.drawImage(sheet.digits, 0, 0);
    const image = context.getImageData(0, 0, this.tinted.width, this.tinted.height);
    const pixels = new Uint32Array(image.data.buffer);
    const inks = data.palette.map(inkOf);
    for (let i = 0; i < this.count; i++) {
      const [left, top] = this.spriteAt(this.ids[i]);
      const ink = inks[this.colors[i]];
      for (let y = top; y < top + H; y++) {
        const row = y * this.tinted.width;
        for (let x = left; x < left + W; x++) pixels[row + x] = (((pixels[row + x] & 255) << 24) | ink) >>> 0;
      }
    }
    context.putImageData(image, 0, 0);
  }

  spriteAt(image) {
    const { columns, width, height } = this.sheet;
    return [(image % columns) * width, Math.floor(image / columns) * height];
  }

  drawThumbnail(context, i, x, y, size) {
    const { sheet, data } = this;
    const [left, top] = this.spriteAt(data.cells ? Math.floor(this.ids[i] / data.cells) : this.ids[i]);
    const tall = (size * sheet.height) / sheet.width;
    if (this.tinted && !data.cells) {
      context.drawImage(this.tinted, left, top, sheet.width, sheet.height, x, y, size, tall);
      return;
    }
    let [sx, sy, sw, sh] = [0, 0, sheet.width, sheet.height];
    if (data.cells) [sx, sy, sw, sh] = this.patchOf(this.ids[i] % data.cells);
    context.fillStyle = data.palette[this.colors[i]];
    const edge = Math.max(2, size / 14);
    context.fillRect(x, y, size, tall);
    context.drawImage(sheet.digits, left + sx, top + sy, sw, sh, x + edge, y + edge, size - 2 * edge, tall - 2 * edge);
  }

  // What a cell sees of its picture, clipped at the border: left, top, width, height in pixels.
  patchOf(cell) {
    const { sheet } = this;
    const { size, stride, start } = sheet.patch;
    const [row, column] = [Math.floor(cell / sheet.grid[1]), cell % sheet.grid[1]];
    const [top, left] = [start[0] + row * stride[0], start[1] + column * stride[1]];
    const [y0, x0] = [Math.max(0, top), Math.max(0, left)];
    return [x0, y0, Math.min(sheet.width, left + size[1]) - x0, Math.min(sheet.height, top + size[0]) - y0];
  }

  drawOver() {
    const busy = this.hovered >= 0 || this.focused >= 0 || this.path || this.data.marks?.length;
    if (!busy && !this.inked) return this.showCard(); // an untouched canvas is not put together anew in every frame
    this.inked = busy;
    const context = this.over.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.lineWidth = 2;
    context.strokeStyle = this.accent || this.ink;
    for (const at of new Set([this.focused ?? -1, this.hovered])) {
      if (at < 0) continue;
      const size = this.thumbnailSize();
      context.lineWidth = 2;
      context.strokeStyle = this.ink;
      context.beginPath();
      if (size) context.roundRect(this.x(at) - size / 2 - 3, this.y(at) - size / 2 - 3, size + 6, size + 6, 4);
      else context.arc(this.x(at), this.y(at), 8, 0, 2 * Math.PI);
      context.stroke();
    }
    for (const mark of this.data.marks ?? []) this.drawMark(context, mark);
    if (this.path) {
      context.strokeStyle = this.accent || this.ink;
      context.fillStyle = this.accent || this.ink;
      context.beginPath();
      this.outline().forEach(([x, y]) => context.lineTo(x, y));
      context.closePath();
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
    }
    this.showCard();
  }

  drawMark(context, mark) {
    const at = ([x, y]) => [
      (x / 65535 - this.center[0]) * this.scale + this.width / 2,
      (this.center[1] - y / 65535) * this.scale + this.height / 2,
    ];
    const [x, y] = at(mark.xy);
    context.strokeStyle = context.fillStyle = this.ink;
    context.lineWidth = 1.25;
    for (const id of mark.to) {
      const end = this.place.get(id);
      if (end === undefined) continue;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(this.x(end), this.y(end));
      context.stroke();
    }
    context.beginPath();
    for (let k = 0; k < 10; k++) {
      const radius = k % 2 ? 4.5 : 11;
      context.lineTo(x + radius * Math.sin((k * Math.PI) / 5), y - radius * Math.cos((k * Math.PI) / 5));
    }
    context.closePath();
    context.lineWidth = 4;
    context.strokeStyle = getComputedStyle(this.base).backgroundColor;
    context.stroke();
    context.fill();
    context.font = `600 13px ${getComputedStyle(this.host).fontFamily}`;
    context.strokeText(mark.name, x + 14, y + 4);
    context.fillText(mark.name, x + 14, y + 4);
  }

  // The card of the point under the pointer, or of the focused one.

  showCard() {
    const at = this.hovered >= 0 ? this.hovered : (this.focused ?? -1);
    const { card, sheet, data } = this;
    if (at < 0 || this.path || this.pressed?.moved) {
      card.hidden = true;
      this.carded = -1;
      return;
    }
    if (this.carded !== at || this.cardedSheet !== sheet) {
      this.carded = at;
      this.cardedSheet = sheet;
      this.find(".card .title").textContent = this.name(at);
      this.find(".card .note").textContent = sheet ? this.note(at) : "pictures are on their way";
      this.find(".card .pictures").hidden = !sheet;
      this.find(".card .pictures").style.display = sheet ? "" : "none";
      this.find(".card .codes").style.display = sheet ? "" : "none";
      if (sheet) this.paintCard(data.cells ? Math.floor(this.ids[at] / data.cells) : this.ids[at], at);
    }
    card.hidden = false;
    const [x, y] = [this.x(at), this.y(at)];
    const gap = 14 + this.thumbnailSize() / 2;
    const { offsetWidth: w, offsetHeight: h } = card;
    const right = x + gap + w <= this.width + 4;
    const left = right ? x + gap : x - gap - w >= -4 ? x - gap - w : clamp(x - w / 2, 0, this.width - w);
    const level = right || x - gap - w >= -4;
    const top = level ? clamp(y - h / 2, 0, Math.max(0, this.height - h)) : y > this.height / 2 ? y - gap - h : y + gap;
    card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  name(at) {
    const { data } = this;
    const id = this.ids[at];
    const label = this.labels ? ` · a ${this.labels[at]}` : "";
    if (!data.cells) return `Digit ${id}${label}`;
    const [image, cell] = [Math.floor(id / data.cells), id % data.cells];
    const columns = data.columns;
    return `Row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1} of digit ${image}${label}`;
  }

  note(at) {
    const { sheet, data } = this;
    const image = data.cells ? Math.floor(this.ids[at] / data.cells) : this.ids[at];
    const code = data.cells ? `code ${sheet.codes[this.ids[at]]}, ` : "";
    return `${code}NMSE ${sheet.errors[image].toFixed(3)}`;
  }

  paintCard(image, at) {
    const { sheet, ratio } = this;
    const [rows, columns] = sheet.grid;
    const cell = clamp(Math.floor(176 / columns), 4, 25);
    const [w, h] = [columns * cell, rows * cell];
    const side = (w - 7) / 2;
    const [left, top] = this.spriteAt(image);
    for (const name of ["digit", "reconstruction"]) {
      const canvas = this.find(`.card .${name}`);
      [canvas.width, canvas.height] = [sheet.width, sheet.height];
      canvas.style.width = `${side}px`;
      canvas.style.height = `${(side * sheet.height) / sheet.width}px`;
      canvas.getContext("2d").drawImage(sheet[`${name}s`], left, top, sheet.width, sheet.height, 0, 0, sheet.width, sheet.height);
    }
    const canvas = this.find(".card .codes");
    [canvas.width, canvas.height] = [w * ratio, h * ratio];
    [canvas.style.width, canvas.style.height] = [`${w}px`, `${h}px`];
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `${Math.min(11, cell * 0.46)}px ${getComputedStyle(this.host).fontFamily}`;
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
    if (this.data.cells) {
      const place = this.ids[at] % this.data.cells;
      context.strokeStyle = this.ink;
      context.lineWidth = 2.5;
      context.strokeRect((place % columns) * cell, Math.floor(place / columns) * cell, cell - 1, cell - 1);
    }
  }

  // Selecting.

  selectedIds() {
    if (!this.selected) return [];
    const ids = [];
    for (let i = 0; i < this.count; i++) if (this.selected[i]) ids.push(this.ids[i]);
    return ids;
  }

  mark(ids) {
    this.selected.fill(0);
    for (const id of ids) {
      const at = this.place.get(id);
      if (at !== undefined) this.selected[at] = 1;
    }
    this.recount();
  }

  recount() {
    this.selectedCount = this.selected.reduce((sum, one) => sum + one, 0);
  }

  // Select points, with shift in addition to those selected, with alt taking them away; Python hears of the outcome.
  select(points, event) {
    if (event?.altKey) points.forEach((at) => (this.selected[at] = 0));
    else {
      if (!event?.shiftKey) this.selected.fill(0);
      points.forEach((at) => (this.selected[at] = 1));
    }
    this.recount();
    this.say();
    this.dirty();
    this.send({ revision: this.revision, ids: this.selectedIds() });
  }

  clear() {
    if (this.selectedCount) this.select([]);
  }

  say() {
    const total = this.count.toLocaleString("en");
    const what = this.data.noun;
    this.find(".count").textContent = this.selectedCount
      ? `${this.selectedCount.toLocaleString("en")} of ${total} selected`
      : `${total} ${what}`;
    this.find(".clear").disabled = !this.selectedCount;
    this.find(".clear span").textContent = this.selectedCount || "";
    this.host.dataset.selected = this.selectedCount;
    for (const button of this.root.querySelectorAll(".legend button")) {
      const color = Number(button.dataset.color);
      let [all, chosen] = [0, 0];
      for (let i = 0; i < this.count; i++) {
        if (this.colors[i] === color) {
          all++;
          chosen += this.selected[i];
        }
      }
      button.setAttribute("aria-pressed", all > 0 && chosen === all && this.selectedCount > 0);
    }
  }

  buildLegend() {
    const legend = this.find(".legend");
    legend.replaceChildren();
    const { title, entries, ramp } = this.data.legend;
    legend.setAttribute("aria-label", title);
    const heading = document.createElement("span");
    heading.textContent = title;
    legend.append(heading);
    for (const [name, color] of entries) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.color = color;
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = this.data.palette[color];
      button.append(swatch, name);
      button.title = `Select all ${name}; with shift, in addition`;
      button.setAttribute("aria-label", `Select all ${name}`);
      legend.append(button);
    }
    if (ramp) {
      const [low, high] = ramp.map((text) => Object.assign(document.createElement("span"), { textContent: text }));
      const bar = document.createElement("span");
      bar.className = "ramp";
      bar.style.background = `linear-gradient(to right, ${this.data.palette.join(",")})`;
      legend.append(low, bar, high);
    }
  }

  // Pointer, wheel and keys. Handlers are assigned once, with the view.

  wire() {
    const { base } = this;
    this.find(".bar").onclick = (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.tool) this.use(button.dataset.tool);
      else if (button.dataset.zoom === "fit") this.fit();
      else if (button.dataset.zoom) this.zoomBy(button.dataset.zoom === "in" ? 1.6 : 1 / 1.6);
      else this.clear();
    };
    this.find(".legend").onclick = (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const color = Number(button.dataset.color);
      const points = Array.from(this.order).filter((at) => this.colors[at] === color);
      if (button.getAttribute("aria-pressed") === "true" && !event.shiftKey) this.select(points, { altKey: true });
      else this.select(points, event);
    };
    base.onpointerdown = (event) => this.press(event);
    base.onpointermove = (event) => this.drag(event);
    base.onpointerup = (event) => this.lift(event);
    base.onpointercancel = (event) => this.abandon(event);
    base.onpointerleave = () => this.hover(-1);
    base.onwheel = (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 30 : 1;
      this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), event.offsetX, event.offsetY);
    };
    base.onkeydown = (event) => this.key(event);
    base.onblur = () => this.focusOn(-1);
    this.use("pan");
  }

  use(tool) {
    this.tool = tool;
    for (const button of this.root.querySelectorAll(".tool")) button.setAttribute("aria-checked", button.dataset.tool === tool);
    this.base.classList.toggle("box", tool === "box");
    this.base.classList.toggle("lasso", tool === "lasso");
  }

  press(event) {
    this.base.setPointerCapture?.(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (this.pointers.size > 1) {
      this.path = this.pressed = null;
      return;
    }
    this.pressed = { x: event.offsetX, y: event.offsetY, moved: false };
  }

  drag(event) {
    const here = [event.offsetX, event.offsetY];
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") this.hover(this.nearest(...here));
      return;
    }
    if (this.pointers.size > 1) {
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId)[0][1];
      const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
      this.moveBy(-(here[0] - before[0]) / 2 / this.scale, (here[1] - before[1]) / 2 / this.scale);
      this.zoomBy(apart(here, others) / Math.max(1, apart(before, others)), (here[0] + others[0]) / 2, (here[1] + others[1]) / 2);
      this.pointers.set(event.pointerId, here);
      return;
    }
    this.pointers.set(event.pointerId, here);
    if (!this.pressed) return;
    if (!this.pressed.moved) {
      if (Math.hypot(here[0] - this.pressed.x, here[1] - this.pressed.y) < CLICK) return;
      this.pressed.moved = true;
      if (this.tool === "pan") this.base.classList.add("panning");
      else this.path = [[this.pressed.x, this.pressed.y]];
    }
    if (this.tool === "pan") this.moveBy(-(here[0] - before[0]) / this.scale, (here[1] - before[1]) / this.scale);
    else {
      const events = event.getCoalescedEvents?.() ?? [];
      for (const one of events.length ? events : [event]) this.path.push([one.offsetX, one.offsetY]);
      this.dirty();
    }
  }

  lift(event) {
    const { pressed, path } = this;
    this.abandon(event);
    if (!pressed) return;
    if (!pressed.moved) {
      const at = this.nearest(event.offsetX, event.offsetY);
      this.focused = -1;
      if (at < 0) this.clear();
      else {
        this.select([at], event.shiftKey && this.selected[at] ? { altKey: true } : event);
        if (event.pointerType === "touch") this.hover(at);
      }
    } else if (path) {
      const outline = this.outline(path);
      const inside = [];
      for (let i = 0; i < this.count; i++) if (within(this.x(i), this.y(i), outline)) inside.push(i);
      this.select(inside, event);
    }
    this.dirty();
  }

  abandon(event) {
    this.pointers.delete(event.pointerId);
    this.base.classList.remove("panning");
    this.pressed = this.path = null;
    this.dirty();
  }

  outline(path = this.path) {
    if (this.tool === "lasso") return path;
    const [[x0, y0], [x1, y1]] = [path[0], path[path.length - 1]];
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }

  nearest(x, y) {
    let [best, found] = [Math.max(REACH, this.thumbnailSize() / 2) ** 2, -1];
    for (let i = 0; i < this.count; i++) {
      const distance = (this.x(i) - x) ** 2 + (this.y(i) - y) ** 2;
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  }

  hover(at) {
    if (at === this.hovered) return;
    this.hovered = at;
    this.base.classList.toggle("pointed", at >= 0);
    this.dirty();
  }

  focusOn(at) {
    this.focused = at;
    if (at >= 0) {
      this.hovered = -1;
      const [x, y] = [this.x(at), this.y(at)];
      if (x < 20 || y < 20 || x > this.width - 20 || y > this.height - 20) {
        this.moveBy((x - this.width / 2) / this.scale, -(y - this.height / 2) / this.scale);
      }
      const note = this.sheet ? `, ${this.note(at)}` : "";
      this.find(".live").textContent = `${this.name(at)}${note}${this.selected[at] ? ", selected" : ""}`;
    }
    this.dirty();
  }

  key(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const tool = { p: "pan", b: "box", l: "lasso" }[event.key];
    if (event.ctrlKey || event.metaKey) return;
    if (direction && event.shiftKey) this.moveBy((direction[0] * 60) / this.scale, (-direction[1] * 60) / this.scale);
    else if (direction) this.focusOn(this.towards(...direction));
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.4, ...this.anchor());
    else if (event.key === "-") this.zoomBy(1 / 1.4, ...this.anchor());
    else if (event.key === "0" || event.key === "Home") this.fit();
    else if ((event.key === "Enter" || event.key === " ") && this.focused >= 0) {
      this.select([this.focused], event.shiftKey && this.selected[this.focused] ? { altKey: true } : event);
    } else if (event.key === "Escape") this.clear();
    else if (tool) this.use(tool);
    else return;
    event.preventDefault();
  }

  anchor() {
    return this.focused >= 0 ? [this.x(this.focused), this.y(this.focused)] : [this.width / 2, this.height / 2];
  }

  // The next point in a direction: near, and rather straight ahead than aside.
  towards(dx, dy) {
    const none = !(this.focused >= 0);
    const [x, y] = this.anchor();
    let [best, found] = [Infinity, this.focused ?? -1];
    for (let i = 0; i < this.count; i++) {
      if (i === this.focused) continue;
      const [ax, ay] = [this.x(i) - x, this.y(i) - y];
      const [ahead, aside] = [ax * dx + ay * dy, Math.abs(ax * dy) + Math.abs(ay * dx)];
      if (!none && (ahead <= 0 || aside > ahead)) continue;
      const cost = none ? ax * ax + ay * ay : ahead + 2 * aside;
      if (cost < best) [best, found] = [cost, i];
    }
    return found;
  }
}

// Whether a point lies in a polygon, by the even-odd rule.
function within(x, y, polygon) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
