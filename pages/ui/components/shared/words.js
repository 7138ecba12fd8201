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
