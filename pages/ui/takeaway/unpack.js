// What `packing.py` packed: gzip in base64; strings of base64 lie behind the JSON, as the bytes that they stand for.

import { bytesOf } from "../components/shared/wire.js";

const AT_ONCE = 8192; // arguments of a function

/**
 * What was packed.
 * @param {string} text
 */
export async function unpacked(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const said = new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4));
  return JSON.parse(said, (_, value) => (value?.base64 ? base64Of(buffer, start, value.base64) : value));
}

/**
 * @param {ArrayBuffer} buffer
 * @param {number} start
 * @param {[number, number]} place  offset from the start, and length
 */
function base64Of(buffer, start, [offset, length]) {
  const halves = new Uint8Array(buffer, start + offset, length);
  const odd = Math.ceil(length / 2); // where the odd bytes begin
  const bytes = halves.map((_, n) => halves[n % 2 ? odd + (n - 1) / 2 : n / 2]);
  let letters = "";
  for (let at = 0; at < length; at += AT_ONCE) letters += String.fromCharCode(...bytes.subarray(at, at + AT_ONCE));
  return btoa(letters);
}
