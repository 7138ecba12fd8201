// Numbers as the workbench writes them.

/** A small number in as many digits as tell it. */
export function figure(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "∞";
}

export function count(number) {
  return number.toLocaleString("en");
}

export function sized({ height, width }) {
  return `${height} × ${width}`;
}

/**
 * "a 3", but "an 8" and "an apple".
 * @param {string | number} name
 */
export function withArticle(name) {
  return `${/^[aeio8]/i.test(String(name)) ? "an" : "a"} ${name}`;
}
