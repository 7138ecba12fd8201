// The scorecard of a digit: how far its reconstruction is off, and what it takes as bytes and as codes.

import { fromBytes } from "../shared/bytes.js";
import { bitsPerCode, score } from "../shared/vqvae.js";
import { count, counted } from "../shared/words.js";

export function showScore($, network, pixels, reconstruction) {
  const { mse, nmse, psnr } = score(network, fromBytes(pixels), reconstruction);
  $.mse.textContent = mse.toFixed(4);
  $.nmse.textContent = nmse.toFixed(3);
  $.psnr.textContent = Number.isFinite(psnr) ? `${psnr.toFixed(1)} dB` : "∞ dB";
}

export function showSize($, { image, grid, K }) {
  const bits = bitsPerCode(K);
  const [cells, bytes] = [grid.height * grid.width, image.height * image.width * image.channels];
  const total = cells * bits;
  $.size.textContent = `${count(bytes)} bytes → ${count(total)} bits`;
  const times = total ? `, ${count(Math.round((bytes * 8) / total))} times smaller` : "";
  $.sum.textContent = `${counted(cells, "code")} × ${counted(bits, "bit")} = ${counted(total, "bit")}${times}`;
  $["bar-codes"].style.width = `${(100 * total) / (bytes * 8)}%`;
}
