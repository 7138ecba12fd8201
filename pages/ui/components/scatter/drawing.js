// What the map looks like: dots, or pictures once there is room for them, and above them outlines, lines and marks.

import { clamp, inkOf, roundDot, stamp, stampQuietly } from "./dots.js";
import { patchOf, spriteAt } from "./sheets.js";

const MORPH = 450; // milliseconds from one layout to the next

export class Drawing {
  /** `view` is the View that it draws. */
  constructor(view) {
    this.view = view;
    this.base = view.find(".base");
    this.over = view.find(".over");
    this.tinted = null; // the sheet in its points' colours
    this.morph = null; // {from, to, began} while points move from one layout to the next
    this.frames = 0;
  }

  resize() {
    const { stage, camera } = this.view;
    const { width, height } = stage.getBoundingClientRect();
    if (!width) return;
    Object.assign(camera, { width, height });
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.draw(); // at once: a resized canvas is empty
  }

  /** Draw in the next animation frame. */
  request() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  close() {
    cancelAnimationFrame(this.frame);
  }

  /** Lead the points to another layout. */
  moveTo(target, smoothly) {
    const { points } = this.view;
    if (smoothly && points.xy) {
      this.morph = { from: points.xy.slice(), to: target, began: performance.now() };
    } else {
      points.xy = target;
      this.morph = null;
    }
  }

  draw() {
    const { view, base } = this;
    if (!view.points.xy || !view.camera.width) return;
    if (this.morph) this.advance();
    const style = getComputedStyle(view.host);
    this.ink = style.color;
    this.accent = style.getPropertyValue("--st-primary-color");
    const context = base.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, base.width, base.height);
    const thumbnail = this.thumbnailSize();
    view.host.dataset.thumbnails = String(thumbnail > 0);
    if (!thumbnail) this.drawDots(context);
    else if (view.selectedCount) {
      this.drawThumbnails(context, thumbnail, 0, 0.28);
      this.drawThumbnails(context, thumbnail, 1, 1);
    } else {
      this.drawThumbnails(context, thumbnail, 0, 1);
    }
    this.drawOver();
    view.card.show();
    this.frames++;
    view.host.dataset.frames = String(this.frames);
  }

  advance() {
    const { xy } = this.view.points;
    const { from, to, began } = this.morph;
    const share = clamp((performance.now() - began) / MORPH, 0, 1);
    const eased = share * share * (3 - 2 * share);
    for (let k = 0; k < to.length; k++) xy[k] = from[k] + (to[k] - from[k]) * eased;
    if (share === 1) this.morph = null;
    else this.request();
  }

  drawDots(context) {
    const { camera, points, data, order, selected, colors, selectedCount } = this.view;
    const { width: W, height: H } = this.base;
    if (this.image?.width !== W || this.image.height !== H) this.image = context.createImageData(W, H);
    const pixels = new Uint32Array(this.image.data.buffer);
    pixels.fill(0);
    const radius = clamp(0.42 * camera.spacing * camera.scale, points.count > 2500 ? 1.9 : 2.6, 5.5) * this.ratio;
    const dot = roundDot(radius, W);
    const reach = Math.ceil(radius) + 1;
    const inks = data.palette.map(inkOf);
    const [red, green, blue] = this.ink.match(/\d+/g).map(Number);
    const grey = red | (green << 8) | (blue << 16);
    const { xy } = points;
    const scale = camera.scale * this.ratio;
    const left = W / 2 - camera.center[0] * scale;
    const top = H / 2 + camera.center[1] * scale;
    const anySelected = selectedCount > 0;
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

  /** The side of a thumbnail once neighbours are far enough apart for one, in CSS pixels; else 0. */
  thumbnailSize() {
    const { sheet, camera } = this.view;
    const apart = camera.spacing * camera.scale;
    if (sheet?.said) return clamp(0.9 * apart, 28, 64); // a code is its tile, however near
    return sheet && apart >= 11 ? clamp(1.5 * apart, 18, 56) : 0;
  }

  drawThumbnails(context, thumbnail, wanted, opacity) {
    const { camera, points, order, selected, ids } = this.view;
    const { xy } = points;
    const { width, height } = this.base;
    context.imageSmoothingEnabled = !this.view.sheet.said; // a tile's pixels are few
    const scale = camera.scale * this.ratio;
    const left = width / 2 - camera.center[0] * scale;
    const top = height / 2 + camera.center[1] * scale;
    const size = thumbnail * this.ratio;
    context.globalAlpha = opacity;
    this.tint();
    for (let k = 0; k < order.length; k++) {
      const i = order[k];
      if (selected[i] !== wanted) continue;
      const x = left + xy[2 * i] * scale;
      const y = top - xy[2 * i + 1] * scale;
      if (x < -size || y < -size || x > width + size || y > height + size) continue;
      const own = size * (this.view.sheet.sizes?.[ids[i]] ?? 1);
      this.drawThumbnail(context, i, x - own / 2, y - own / 2, own);
    }
    context.globalAlpha = 1;
  }

  drawThumbnail(context, i, x, y, size) {
    const { sheet, data, ids, colors } = this.view;
    const [left, top] = spriteAt(sheet, this.view.imageOf(i));
    const tall = (size * sheet.height) / sheet.width;
    if (this.tinted && !data.cells) {
      context.drawImage(this.tinted, left, top, sheet.width, sheet.height, x, y, size, tall);
      return;
    }
    const whole = [0, 0, sheet.width, sheet.height];
    const [sx, sy, sw, sh] = data.cells ? patchOf(sheet, ids[i] % data.cells) : whole;
    context.fillStyle = data.palette[colors[i]];
    const edge = Math.max(2, size / (sheet.said ? 9 : 14));
    context.fillRect(x, y, size, tall);
    context.drawImage(sheet.digits, left + sx, top + sy, sw, sh, x + edge, y + edge, size - 2 * edge, tall - 2 * edge);
  }

  /** The sheet with each grey picture's ink in its point's colour, over nothing; once a colouring. */
  tint() {
    const { sheet, data, points, ids, colors } = this.view;
    if (this.tinted || sheet.channels !== 1 || data.cells || sheet.said) return;
    const { width: W, height: H } = sheet;
    this.tinted = new OffscreenCanvas(sheet.digits.width, sheet.digits.height);
    const context = this.tinted.getContext("2d", { willReadFrequently: true });
    context.drawImage(sheet.digits, 0, 0);
    const image = context.getImageData(0, 0, this.tinted.width, this.tinted.height);
    const pixels = new Uint32Array(image.data.buffer);
    const inks = data.palette.map(inkOf);
    for (let i = 0; i < points.count; i++) {
      const [left, top] = spriteAt(sheet, ids[i]);
      const ink = inks[colors[i]];
      for (let y = top; y < top + H; y++) {
        const row = y * this.tinted.width;
        for (let x = left; x < left + W; x++) pixels[row + x] = (((pixels[row + x] & 255) << 24) | ink) >>> 0;
      }
    }
    context.putImageData(image, 0, 0);
  }

  /** On the canvas above: the points at hand, marks, and what is being dragged around points. */
  drawOver() {
    const { camera, points, data, hand } = this.view;
    const busy = hand.hovered >= 0 || hand.focused >= 0 || hand.path || data.marks?.length;
    if (!busy && !this.inked) return; // an untouched canvas is not put together anew in every frame
    this.inked = busy;
    const context = this.over.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    for (const at of new Set([hand.focused, hand.hovered])) {
      if (at < 0) continue;
      const size = this.thumbnailSize();
      const [x, y] = [points.x(at), points.y(at)];
      context.lineWidth = 2;
      context.strokeStyle = this.ink;
      context.beginPath();
      if (size) context.roundRect(x - size / 2 - 3, y - size / 2 - 3, size + 6, size + 6, 4);
      else context.arc(x, y, 8, 0, 2 * Math.PI);
      context.stroke();
    }
    for (const mark of data.marks ?? []) this.drawMark(context, mark);
    if (hand.path) {
      context.lineWidth = 2;
      context.strokeStyle = context.fillStyle = this.accent || this.ink;
      context.beginPath();
      for (const [x, y] of hand.outline) context.lineTo(x, y);
      context.closePath();
      context.globalAlpha = 0.12;
      context.fill();
      context.globalAlpha = 1;
      context.stroke();
    }
  }

  drawMark(context, mark) {
    const { camera, points, place, host } = this.view;
    const [x, y] = [camera.x(mark.xy[0] / 65535), camera.y(mark.xy[1] / 65535)];
    context.strokeStyle = context.fillStyle = this.ink;
    context.lineWidth = 1.25;
    for (const id of mark.to) {
      const end = place.get(id);
      if (end === undefined) continue;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(points.x(end), points.y(end));
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
    context.font = `600 13px ${getComputedStyle(host).fontFamily}`;
    context.strokeText(mark.name, x + 14, y + 4);
    context.fillText(mark.name, x + 14, y + 4);
  }
}
