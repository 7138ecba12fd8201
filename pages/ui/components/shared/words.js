// Numbers as the workbench writes them.

/** A small number in as many digits as tell it. */
export function figure(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "∞";
}

export function count(number) {
  return number.toLocaleString("en");
}

/** Such as "1 cell" or "2,000 cells". */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Pictures of a class: "3s" of a digit, "class cat" of anything else. */
export function kindOf(name) {
  return /^\d$/.test(name) ? `${name}s` : `class ${name}`;
}

export function sized({ height, width }) {
  return `${height} × ${width}`;
}

/**
 * "a 3", but "an 8" and "an apple".
 * @param {string | number} name
 */
export function withArticle(name) {
  return `${/^([aeio8]|1[18]$)/i.test(String(name)) ? "an" : "a"} ${name}`;
}
