// Numbers as bars around a line of zero.

/**
 * Bars of several series side by side, each number's together.
 * @param {HTMLCanvasElement} canvas
 * @param {{values: ArrayLike<number>, color: string, faint?: number}[]} series  of equal length; `faint`, the one that is lighter
 */
export function paintBars(canvas, series) {
  const { clientWidth, clientHeight } = canvas;
  const [width, height] = [clientWidth, clientHeight].map((size) => Math.round(size * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const { length } = series[0].values;
  let [low, high] = [0, 1e-9];
  for (const { values } of series) {
    for (let n = 0; n < length; n++) [low, high] = [Math.min(low, values[n]), Math.max(high, values[n])];
  }
  const pad = height / 12;
  const y = (/** @type {number} */ value) => height - pad - ((value - low) / (high - low)) * (height - 2 * pad);
  const slot = (width - 2 * pad) / length;
  const bar = (0.8 * slot) / series.length;
  pen.fillStyle = "#8a97a6";
  pen.fillRect(pad / 2, y(0), width - pad, 1);
  series.forEach(({ values, color, faint }, n) => {
    for (let d = 0; d < length; d++) {
      pen.fillStyle = d === faint ? "#fff" : color;
      const [from, to] = [y(0), y(values[d])];
      pen.fillRect(
        pad + d * slot + n * bar + 0.1 * slot,
        Math.min(from, to),
        Math.max(1, bar - 1),
        Math.abs(to - from) + 1,
      );
    }
  });
}
