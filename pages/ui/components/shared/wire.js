// Numbers as Python sends them: base64 of little-endian arrays, which is how every machine with a browser stores them.

/** @param {string} text */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {string} text */
export function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}
