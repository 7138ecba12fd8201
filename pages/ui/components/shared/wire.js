// Numbers as Python sends them: base64 of little-endian arrays, which is how every machine with a browser stores them.

/** @param {string} text */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {string} text */
export function floatsOf(text) {
  return new Float32Array(bytesOf(text).buffer);
}

/**
 * Numbers handed out in turn: `take` gives the next so many, `end` throws unless all were taken.
 * @param {Float32Array} numbers
 */
export function inTurn(numbers) {
  let taken = 0;
  return {
    take(/** @type {number} */ count) {
      taken += count;
      return numbers.subarray(taken - count, taken);
    },
    end() {
      if (taken !== numbers.length) throw new Error(`expected ${taken} weights, got ${numbers.length}`);
    },
  };
}

/**
 * Half-precision numbers (IEEE 754 binary16) as floats.
 * @param {string} text
 */
export function halvesOf(text) {
  return Float32Array.from(new Uint16Array(bytesOf(text).buffer), (half) => {
    const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
    if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : (fraction / 1024) * 2 ** -14);
  });
}
