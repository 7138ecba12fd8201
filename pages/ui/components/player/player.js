// A run in pictures: the last moment while it trains, any moment once it stands. Python says what is drawn and in which
// words and colours; one frame of the recording is shown at a time, and all of them are at hand here. A comparison has
// curves alone: they play by themselves, drawn as far as they have come.

import { bytesOf, floatsOf } from "../shared/wire.js";

const MARGIN = { left: 3.6, right: 0.6, top: 0.5, bottom: 2.9 }; // in letters' heights
const CORNERS = 12000; // of all paths together: more would not be drawn between two frames of the screen
const REACH = 24; // pixels from the pointer to the code that it means

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement }) {
  parentElement.player ??= new Player(parentElement);
  parentElement.player.update(data);
  return () => {
    parentElement.player.close();
    delete parentElement.player;
  };
}

class Player {
  constructor(root) {
    this.$ = Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
    this.host = root.querySelector(".player");
    this.shown = null; // the step that somebody chose; null follows the end
    this.reached = -1; // the last step that a run going on has shown
    this.pointer = null; // where the pointer is: {canvas, x, y} in pixels
    const { at, play } = this.$;
    at.oninput = () => {
      this.hold();
      this.go(Number(at.value));
    };
    play.onclick = () => (this.playing ? this.hold() : this.play());
    for (const canvas of root.querySelectorAll("canvas.chart")) {
      canvas.onpointermove = ({ offsetX, offsetY }) => {
        this.pointer = { canvas, x: offsetX, y: offsetY };
        this.request();
      };
      canvas.onpointerleave = () => {
        this.pointer = null;
        this.request();
      };
    }
    this.hold();
    this.sizes = new ResizeObserver(() => this.draw()); // at once: a resized canvas is empty
    this.sizes.observe(this.host);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.onTheme = () => setTimeout(() => this.request(), 100);
    this.dark.addEventListener("change", this.onTheme);
  }

  close() {
    this.hold();
    clearInterval(this.timer);
    this.sizes.disconnect();
    this.dark.removeEventListener("change", this.onTheme);
  }

  update(data) {
    const other = data.run !== this.data?.run;
    if (other) [this.shown, this.reached] = [null, -1];
    this.data = data;
    if (data.going) {
      this.shown = null;
      this.hold();
    }
    this.follow();
    this.curves = data.curves.map((curve) => ({
      ...curve,
      steps: floatsOf(curve.steps),
      values: floatsOf(curve.values),
    }));
    this.pictures = data.shape && {
      digits: bytesOf(data.digits),
      made: bytesOf(data.reconstructions),
      usage: floatsOf(data.usage),
      places: floatsOf(data.places),
    };
    this.$.words.textContent = data.words;
    this.$.part.value = data.part;
    const still = !data.going && data.frames.length > 1;
    this.$.part.hidden = still;
    for (const id of ["play", "speed", "at", "step"]) this.$[id].hidden = !still;
    this.$.at.max = data.frames.length - 1;
    this.host.classList.toggle("stage", data.presenting);
    this.host.classList.toggle("curves", Boolean(data.plays));
    this.label();
    this.draw();
    if (other && data.plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) this.play();
  }

  // Which frame.

  get last() {
    return this.data.frames.length - 1;
  }

  get at() {
    if (this.data.going) return this.newest;
    if (this.shown === null) return this.last;
    return Math.max(
      0,
      this.data.frames.findLastIndex(({ step }) => step <= this.shown),
    );
  }

  /** The step that is shown; at the end, all there is. */
  get step() {
    return this.at === this.last ? Infinity : this.data.frames[this.at].step;
  }

  /** While a run goes on, show what it recorded since the last look one after another, until the next look. */
  follow() {
    clearInterval(this.timer);
    const { frames, going, every } = this.data;
    const fresh = frames.findIndex(({ step }) => step > this.reached);
    this.newest = fresh < 0 ? this.last : fresh;
    this.reached = frames[this.last].step;
    if (!going || this.newest === this.last) return;
    const pause = (1000 * every) / (frames.length - this.newest);
    this.timer = setInterval(() => {
      this.newest++;
      this.request();
      if (this.newest === this.last) clearInterval(this.timer);
    }, pause);
  }

  go(at) {
    this.shown = at >= this.last ? null : this.data.frames[at].step;
    this.request();
  }

  play() {
    this.playing = true;
    this.sign();
    if (this.at === this.last) this.go(0);
    let place = this.at;
    let before;
    const move = (now) => {
      if (!this.playing) return;
      place += ((now - (before ?? now)) / 1000) * Number(this.$.speed.value);
      before = now;
      if (Math.floor(place) !== this.at) this.go(Math.min(this.last, Math.floor(place)));
      if (place >= this.last) this.hold();
      else requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  }

  hold() {
    this.playing = false;
    this.sign();
  }

  sign() {
    this.$.play.textContent = this.playing ? "❚❚ Hold" : "▶ Replay";
  }

  // Drawing.

  /** Draw in the next animation frame; asked again before that, it is drawn once. */
  request() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    if (!this.data || !this.host.clientWidth) return;
    const { at } = this;
    const { step, said, of } = this.data.frames[at];
    this.$.at.value = at;
    this.$.at.setAttribute("aria-valuetext", `step ${step.toLocaleString("en")}`);
    this.$.step.textContent = `step ${step.toLocaleString("en")}`;
    for (const [n, element] of this.$.figures.querySelectorAll("dd").entries()) element.textContent = said[n];
    const heldOut = this.$.figures.querySelector("small");
    if (heldOut) heldOut.textContent = of;
    this.drawDigits(at);
    this.drawWays(at);
    this.drawUsage(at);
    this.drawCurves("loss", true);
    this.drawCurves("codes", false);
  }

  /** The names of figures and curves, which seldom change. */
  label() {
    const { labels, curves } = this.data;
    const names = JSON.stringify([labels, curves.map(({ name, color }) => [name, color])]);
    if (names === this.names) return;
    this.names = names;
    for (const [chart, title] of Object.entries(this.data.titles ?? {})) {
      this.$[`${chart}-title`].textContent = title;
      this.$[chart].setAttribute("aria-label", `${title}, over the steps`);
    }
    this.$.figures.replaceChildren(
      ...labels.map(([label, help]) => {
        const [figure, term, value] = ["div", "dt", "dd"].map((name) => document.createElement(name));
        term.textContent = label;
        figure.title = help;
        figure.append(term, value);
        if (label.startsWith("Held-out")) term.append(" ", document.createElement("small")); // of which images
        return figure;
      }),
    );
    for (const chart of ["loss", "codes"]) {
      this.$[`${chart}-legend`].replaceChildren(
        ...curves
          .filter((curve) => curve.chart === chart)
          .map(({ name, color }) => {
            const [entry, mark, value] = ["span", "i", "b"].map((tag) => document.createElement(tag));
            mark.style.background = color;
            entry.append(mark, `${name} `, value);
            return entry;
          }),
      );
    }
  }

  drawDigits(at) {
    const { digits: canvas } = this.$;
    if (!this.pictures) return;
    const [count, channels, height, width] = this.data.shape;
    const { columns } = this.data;
    const { digits, made } = this.pictures;
    const gap = Math.max(1, Math.floor(height / 14));
    const [across, down] = [width + gap, 2 * height + 2 * gap];
    canvas.width = columns * across - gap;
    canvas.height = Math.ceil(count / columns) * down - 2 * gap;
    canvas.style.aspectRatio = canvas.width / canvas.height;
    const picture = new ImageData(canvas.width, canvas.height);
    const plane = height * width;
    for (let n = 0; n < count; n++) {
      const [left, top] = [(n % columns) * across, Math.floor(n / columns) * down];
      for (const [source, start, below] of [
        [digits, n, 0],
        [made, at * count + n, height],
      ]) {
        for (let pixel = 0; pixel < plane; pixel++) {
          const place = 4 * ((top + below + Math.floor(pixel / width)) * canvas.width + left + (pixel % width));
          for (let c = 0; c < 3; c++)
            picture.data[place + c] = source[(start * channels + (channels === 3 ? c : 0)) * plane + pixel];
          picture.data[place + 3] = 255;
        }
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  /** Lines along which the codes came, and a point for each where it is; a hollow one was not used lately. */
  drawWays(at) {
    const chart = new Chart(this.$.ways);
    let note =
      "In the plane of the two principal components of all places that the codes passed. Point at one to see which it is.";
    if (this.pictures) {
      const { places, usage } = this.pictures;
      const steps = this.data.place_steps;
      const K = places.length / steps.length / 2;
      const until = Math.max(
        0,
        steps.findLastIndex((step) => step <= this.step),
      );
      const radius = Math.max(2, Math.min(4.5, 60 / Math.sqrt(K)));
      chart.frame(extent(places, 0), extent(places, 1), 0.5 * chart.letter + radius);
      const [x, y] = [(n, k) => chart.x(places[2 * (n * K + k)]), (n, k) => chart.y(places[2 * (n * K + k) + 1])];
      const every = Math.ceil(((until + 1) * K) / CORNERS);
      const pen = chart.pen;
      pen.strokeStyle = chart.ink;
      pen.globalAlpha = 0.35;
      pen.lineWidth = 1;
      pen.beginPath();
      for (let k = 0; k < K; k++) {
        pen.moveTo(x(0, k), y(0, k));
        for (let n = every; n < until; n += every) pen.lineTo(x(n, k), y(n, k));
        pen.lineTo(x(until, k), y(until, k));
      }
      pen.stroke();
      pen.globalAlpha = 1;
      pen.fillStyle = pen.strokeStyle = this.data.color;
      pen.lineWidth = 1.5;
      let nearest = [REACH, -1];
      for (let k = 0; k < K; k++) {
        pen.beginPath();
        pen.arc(x(until, k), y(until, k), radius, 0, 2 * Math.PI);
        if (usage[at * K + k]) pen.fill();
        else pen.stroke();
        if (this.pointer?.canvas !== this.$.ways) continue;
        const away = Math.hypot(x(until, k) - this.pointer.x, y(until, k) - this.pointer.y);
        if (away < nearest[0]) nearest = [away, k];
      }
      const k = nearest[1];
      if (k >= 0) {
        note = `Code ${k}${usage[at * K + k] ? "" : ", not used lately"}`;
        pen.strokeStyle = chart.ink;
        pen.beginPath();
        pen.arc(x(until, k), y(until, k), radius + 3, 0, 2 * Math.PI);
        pen.stroke();
      }
    }
    this.$["ways-note"].textContent = note;
  }

  drawUsage(at) {
    const chart = new Chart(this.$.usage);
    let note = "Point at a bar to read it. A gap is a code that was not used.";
    const K = this.pictures ? this.pictures.usage.length / this.data.frames.length : 1;
    chart.axes([-0.5, K - 0.5], [0.01, 100], { log: true, title: "code", every: [0.01, 0.1, 1, 10, 100] });
    if (this.pictures) {
      const shares = this.pictures.usage.subarray(at * K, (at + 1) * K);
      const pen = chart.pen;
      const wide = Math.max(0.7, (chart.x(1) - chart.x(0)) * 0.8);
      pen.fillStyle = this.data.color;
      shares.forEach((share, k) => {
        if (!share) return;
        const top = Math.max(chart.top, Math.min(chart.bottom - 2, chart.y(share))); // the least use can be seen
        pen.fillRect(chart.x(k) - wide / 2, top, wide, chart.bottom - top);
      });
      chart.rule(null, 1, [2, 4]);
      if (this.pointer?.canvas === this.$.usage) {
        const k = Math.max(0, Math.min(K - 1, Math.round(chart.atX(this.pointer.x))));
        note = `Code ${k}: ${shares[k].toFixed(2)} times even use`;
        chart.rule(k, null, []);
      }
    }
    this.$["usage-note"].textContent = note;
  }

  /** Lines over the steps. The legend reads their values where the pointer is, else at the step that is shown. */
  drawCurves(name, log) {
    const chart = new Chart(this.$[name]);
    const curves = this.curves.filter((curve) => curve.chart === name);
    const all = curves.flatMap(({ values }) => [...values]).filter((value) => !log || value > 0);
    const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0.01, 1];
    const range = log ? [low / 1.15, high * 1.15] : [0, 1.04 * this.data.K];
    chart.axes([0, this.data.steps || 1], range, { log, title: "step" });
    let read = this.step;
    const grows = this.data.going || this.data.plays;
    for (const { steps, values, color } of curves) chart.line(steps, values, color, grows ? read : Infinity);
    if (Number.isFinite(read) && !grows) chart.rule(read, null, []);
    if (this.pointer?.canvas === this.$[name]) {
      read = chart.atX(this.pointer.x);
      chart.rule(read, null, [2, 3]);
    }
    [...this.$[`${name}-legend`].querySelectorAll("b")].forEach((element, n) => {
      const { steps, values } = curves[n];
      const at = Math.max(
        0,
        steps.findLastIndex((step) => step <= read),
      );
      element.textContent = Number.isFinite(values[at]) ? Number(values[at].toPrecision(3)) : "–";
    });
  }
}

/** A canvas as large as its place, with a scale for each direction. */
class Chart {
  constructor(canvas) {
    const style = getComputedStyle(canvas);
    const ratio = Math.min(devicePixelRatio || 1, 2);
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    this.top = this.bottom = this.left = this.right = 0; // of what `axes` frames
    this.letter = 0.8 * parseFloat(style.fontSize);
    this.ink = style.color;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    this.pen = canvas.getContext("2d");
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.pen.clearRect(0, 0, this.width, this.height);
    this.pen.font = `${this.letter}px ${style.fontFamily}`;
    this.pen.lineJoin = "round";
  }

  /** The whole canvas but for an edge, for places without axes. */
  frame(x, y, edge) {
    this.x = scale(x, [edge, this.width - edge]);
    this.y = scale(y, [this.height - edge, edge]);
  }

  axes(x, y, { log = false, title, every = ticks(y, log) }) {
    const { pen, letter } = this;
    const [left, right] = [MARGIN.left * letter, this.width - MARGIN.right * letter];
    const [top, bottom] = [MARGIN.top * letter, this.height - MARGIN.bottom * letter];
    this.x = scale(x, [left, right]);
    this.atX = scale([left, right], x);
    this.y = log ? (value) => scale(y.map(Math.log), [bottom, top])(Math.log(value)) : scale(y, [bottom, top]);
    pen.fillStyle = pen.strokeStyle = this.ink;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of every) {
      pen.globalAlpha = 0.16;
      pen.fillRect(left, Math.round(this.y(value)), right - left, 1);
      pen.globalAlpha = 0.8;
      pen.fillText(value.toLocaleString("en", { maximumSignificantDigits: 3 }), left - letter / 2, this.y(value));
    }
    pen.textAlign = "center";
    for (const value of ticks(x, false)) {
      const text = value.toLocaleString("en");
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.min(this.x(value), this.width - half), bottom + letter);
    }
    pen.fillText(title, (left + right) / 2, bottom + 2.3 * letter);
    pen.globalAlpha = 1;
    Object.assign(this, { top, bottom, left, right });
  }

  line(xs, ys, color, last) {
    const { pen } = this;
    pen.strokeStyle = color;
    pen.lineWidth = 2;
    pen.beginPath();
    for (const [n, x] of xs.entries()) {
      if (x <= last && Number.isFinite(this.y(ys[n]))) pen.lineTo(this.x(x), this.y(ys[n]));
    }
    pen.stroke();
  }

  /** A thin line across the chart at a value of x or of y. */
  rule(x, y, dash) {
    const { pen } = this;
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x === null ? this.left : this.x(x), y === null ? this.top : this.y(y));
    pen.lineTo(x === null ? this.right : this.x(x), y === null ? this.bottom : this.y(y));
    pen.stroke();
    pen.setLineDash([]);
  }
}

/** The linear function that takes one range to another. */
function scale([from, to], [start, end]) {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

/** Round numbers in a range: about five, or on a logarithmic axis 1, 2 and 5 times powers of ten. */
function ticks([low, high], log) {
  if (!log) {
    const rough = 10 ** Math.floor(Math.log10((high - low) / 5));
    const step = Math.max(
      1,
      [1, 2, 5, 10].map((times) => times * rough).find((size) => (high - low) / size <= 5.5),
    );
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, n) => (first + n) * step);
  }
  const powers = Array.from({ length: 24 }, (_, n) => 10 ** (n - 12));
  const inside = (times) =>
    powers.flatMap((power) => times.map((time) => time * power)).filter((value) => low <= value && value <= high);
  return inside([1, 2, 5]).length > 7 ? inside([1]) : inside([1, 2, 5]);
}

/** The range of every second number, from the first or from the second. */
function extent(values, start) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = start; n < values.length; n += 2) [low, high] = [Math.min(low, values[n]), Math.max(high, values[n])];
  return [low, high];
}
