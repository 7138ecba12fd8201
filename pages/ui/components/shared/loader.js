// A component arrives as one text; here its files become modules again, each with an address of its own.

/** Where each source has its address, so that what several components import is one module on the page. */
globalThis.vqvaeModules ??= new Map();
const known = globalThis.vqvaeModules;

/**
 * What the last file exports as its default.
 * @param {Array<Array<string | number>>} files  the text of each, cut where the number of an earlier file stands
 */
export async function start(files) {
  const addresses = [];
  for (const parts of files) {
    const source = parts.map((part) => (typeof part === "number" ? addresses[part] : part)).join("");
    if (!known.has(source)) known.set(source, URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    addresses.push(known.get(source));
  }
  return (await import(addresses.at(-1))).default;
}
