// From one picture to another: a slider moves t, and in the next animation frame both decodings of z_t are drawn.

import { fromBytes, toBytes } from "../shared/bytes.js";
import { paint } from "../shared/pixels.js";
import { decode, draw, encode, load, quantise, tile } from "../shared/vqvae.js";

const SECONDS = 5; // from A to B
const STRIDE = 0.1; // of t, every half second, where motion is not wanted
const SIGNS = { play: "M7 4.5v15l12-7.5z", pause: "M7 5h3.500v14H7zM13.500 5H17v14h-3.500z" };

/** Streamlit calls this on mount, and again in the same DOM whenever `data` changes. */
export default function ({ data, parentElement }) {
  parentElement.interpolation ??= new Interpolation(parentElement);
  parentElement.interpolation.update(data);
  return () => parentElement.interpolation.pause();
}

class Interpolation {
  constructor(root) {
    this.root = root;
    this.$ = Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
    const { t, play } = this.$;
    t.oninput = () => {
      this.pause();
      this.request();
    };
    t.onkeydown = (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      this.toggle();
    };
    play.onclick = () => this.toggle();
    this.pause();
  }

  update({ model, ends }) {
    if (this.fingerprint !== model.fingerprint) {
      this.fingerprint = model.fingerprint;
      this.network = load(model);
      this.resize();
    }
    const { network } = this;
    this.ends = ends.map(({ pixels }) => {
      const latents = encode(network, fromBytes(pixels)).at(-1);
      return { latents, codes: quantise(network, latents).codes };
    });
    ends.forEach(({ name, pixels }, n) => {
      const side = "ab"[n];
      paint(this.$[side], pixels, network.image);
      this.$[side].setAttribute("aria-label", `${side.toUpperCase()}: ${name}`);
      this.$[`name-${side}`].textContent = `${side.toUpperCase()}: ${name}`;
    });
    this.before = undefined;
    this.request();
  }

  resize() {
    const { image, grid, cell } = this.network;
    for (const id of ["a", "b", "continuous", "quantised"])
      [this.$[id].width, this.$[id].height] = [image.width, image.height];
    [this.$.tiles.width, this.$.tiles.height] = [grid.width * cell.width, grid.height * cell.height];
    const { style } = this.root.querySelector(".between");
    style.setProperty("--ratio", image.width / image.height);
    style.setProperty("--rows", grid.height);
    style.setProperty("--columns", grid.width);
    this.$.grid.replaceChildren(
      ...Array.from({ length: grid.height * grid.width }, () => document.createElement("span")),
    );
  }

  /** Draw in the next animation frame; asked again before that, it is drawn once. */
  request() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.show(Number(this.$.t.value));
    });
  }

  show(t) {
    const { network, ends } = this;
    const [a, b] = ends.map(({ latents }) => latents);
    const latents = { ...a, values: a.values.map((value, i) => (1 - t) * value + t * b.values[i]) };
    const { codes } = quantise(network, latents);
    paint(this.$.continuous, toBytes(decode(network, latents).at(-1).values), network.image);
    paint(this.$.quantised, toBytes(draw(network, codes)), network.image);
    this.showCodes(codes);
    this.read(t, codes);
    this.before = codes;
  }

  showCodes(codes) {
    const { network, before } = this;
    const { grid, cell, image } = network;
    codes.forEach((code, index) => {
      const mark = this.$.grid.children[index];
      const changed = before && before[index] !== code;
      mark.className = `${this.origin(code, index)} ${changed ? "flip" : ""}`;
      if (before && !changed) return;
      const [row, column] = [Math.floor(index / grid.width), index % grid.width];
      const size = { ...cell, channels: image.channels };
      paint(this.$.tiles, tile(network, code), size, column * cell.width, row * cell.height);
    });
  }

  /** Whose code a cell has. */
  origin(code, index) {
    const [a, b] = this.ends.map(({ codes }) => codes[index]);
    return code === a ? "a" : code === b ? "b" : "neither";
  }

  read(t, codes) {
    const origins = Array.from(codes, (code, index) => this.origin(code, index));
    const count = (name) => origins.filter((origin) => origin === name).length;
    const [toB, neither] = [count("b"), count("neither")];
    const apart = this.ends[0].codes.filter((code, index) => code !== this.ends[1].codes[index]).length;
    const words = `${toB + neither} of ${codes.length} cells ${toB + neither === 1 ? "has" : "have"} left A’s code: ${toB} for B’s, ${neither} for another.`;
    this.$.words.textContent = `${words} A and B differ in ${apart}.`;
    this.$.reading.textContent = `t = ${t.toFixed(2)}`;
    this.$.t.setAttribute("aria-valuetext", `t = ${t.toFixed(2)}, ${words}`);
    this.$.grid.setAttribute("aria-label", `Codes between: ${[...codes].join(" ")}`);
  }

  // Play and pause; nothing moves by itself before somebody asks for it.

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { t } = this.$;
    let way = Number(t.value) >= 1 ? -1 : 1;
    let last = performance.now();
    this.playing = true;
    this.sign("pause");
    const advance = (step) => {
      const next = Number(t.value) + way * step;
      if (next >= 1 || next <= 0) way = -way;
      this.at = Math.min(1, Math.max(0, next));
      t.value = this.at;
      this.request();
    };
    if (still) {
      this.timer = setInterval(() => advance(STRIDE), 500);
      return;
    }
    const move = (now) => {
      if (!this.playing) return;
      // The slider knows hundredths: smaller steps wait until they are one.
      if (now - last >= 10 * SECONDS) {
        advance(Math.min(0.1, Math.floor((now - last) / (10 * SECONDS)) / 100));
        last = now;
      }
      requestAnimationFrame(move);
    };
    requestAnimationFrame(move);
  }

  pause() {
    this.playing = false;
    clearInterval(this.timer);
    this.sign("play");
  }

  sign(name) {
    this.$.sign.setAttribute("d", SIGNS[name]);
    this.$.play.setAttribute("aria-label", name === "play" ? "Play" : "Pause");
    this.$.play.title = `${name === "play" ? "Play" : "Pause"} (space)`;
  }
}
