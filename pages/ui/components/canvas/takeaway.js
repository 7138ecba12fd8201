// What is on the workbench, taken along or brought: codes as text, the pictures as a file, all numbers as another.

import { fromText, toText } from "../shared/codes.js";
import { sized } from "../shared/words.js";

export class Takeaway {
  /** `bench` is the Workbench whose codes come and go. */
  constructor(bench) {
    this.bench = bench;
    const { $ } = bench;
    $.copy.onclick = () => this.copy();
    $.paste.onclick = () => this.pasteFromClipboard();
    $["save-picture"].onclick = () => this.savePicture();
    $["save-numbers"].onclick = () => this.saveNumbers();
    bench.board.oncopy = (event) => {
      event.preventDefault();
      event.clipboardData.setData("text/plain", this.text);
      bench.say("The codes are copied as text.");
    };
    bench.board.onpaste = (event) => {
      event.preventDefault();
      this.paste(event.clipboardData.getData("text/plain"));
    };
  }

  get text() {
    return toText(this.bench.pass.chosen, this.bench.network.grid.width);
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.text);
      this.bench.say("The codes are copied as text.");
    } catch {
      this.bench.say("This browser does not let the page copy: focus a cell and press Ctrl+C.");
    }
  }

  /** Take over a grid of codes from text; what is no such grid changes nothing. */
  paste(text) {
    const { bench } = this;
    const { grid, K } = bench.network;
    const codes = fromText(text, bench.network);
    if (!codes) {
      const expected = `expected ${sized(grid)} whole numbers from 0 to ${K - 1}, a line for each row`;
      bench.say(`That is no grid for this model: ${expected}.`);
      return;
    }
    bench.edit(codes.map((code, cell) => [cell, code]));
    bench.say("The codes are pasted.");
  }

  async pasteFromClipboard() {
    try {
      this.paste(await navigator.clipboard.readText());
    } catch {
      this.bench.say("This browser does not let the page paste: focus a cell and press Ctrl+V.");
    }
  }

  /** Input, grid and reconstruction side by side. */
  async savePicture() {
    const [scale, gap] = [10, 20];
    const { image, $ } = this.bench;
    const [height, width] = [image.height * scale, image.width * scale];
    const picture = Object.assign(document.createElement("canvas"), { width: 3 * width + 2 * gap, height });
    const context = picture.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, picture.width, picture.height);
    context.imageSmoothingEnabled = false;
    [$.ink, $.tiles, $.reconstruction].forEach((canvas, n) => {
      context.drawImage(canvas, n * (width + gap), 0, width, height);
    });
    save(`${this.bench.noun}.png`, await new Promise((done) => picture.toBlob(done)));
  }

  saveNumbers() {
    const { image, network, pass, pixels, fingerprint } = this.bench;
    const { grid, K } = network;
    const distances = Array.from(pass.codes, (_, cell) => [...pass.distances.subarray(cell * K, (cell + 1) * K)]);
    const numbers = { fingerprint, image, grid, K, pixels: [...pixels] };
    Object.assign(numbers, { codes: [...pass.chosen], encoder_codes: [...pass.codes], squared_distances: distances });
    const { channels, values } = pass.latents;
    numbers.z_e = Array.from(pass.codes, (_, cell) => [...values.subarray(cell * channels, (cell + 1) * channels)]);
    save(`${this.bench.noun}.json`, new Blob([JSON.stringify(numbers)], { type: "application/json" }));
  }
}

function save(name, blob) {
  const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
