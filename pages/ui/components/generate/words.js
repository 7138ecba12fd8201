// Numbers as the page writes them.

/** @param {number} share */
export function percent(share) {
  if (share >= 0.995) return "over 99%";
  return share < 0.01 ? "under 1%" : `${Math.round(100 * share)}%`;
}
