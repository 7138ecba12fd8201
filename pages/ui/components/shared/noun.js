// What a model's pictures are called. The words of components are written for digits; another model's say "picture".

/** @typedef {"digit" | "picture"} Noun */

/** @type {WeakMap<ParentNode, [node: Node, words: string][]>} what components say, as it is written */
const written = new WeakMap();
const ATTRIBUTES = ["title", "aria-label", "aria-description"];

/**
 * Words about digits, with the noun in its place.
 * @param {string} words
 * @param {Noun} noun
 */
export function worded(words, noun) {
  return words.replaceAll("digit", noun).replaceAll("Digit", noun[0].toUpperCase() + noun.slice(1));
}

/**
 * Put the noun into all that a component's HTML says.
 * @param {ShadowRoot | Element} root
 * @param {Noun} noun
 */
export function speakOf(root, noun) {
  if (!written.has(root)) written.set(root, [...spoken(root)]);
  for (const [node, words] of written.get(root)) node.nodeValue = worded(words, noun);
}

/** @returns {Generator<[Node, string]>} */
function* spoken(root) {
  const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
    if (node.parentNode instanceof HTMLStyleElement) continue; // it names elements
    const said = node instanceof Element ? ATTRIBUTES.map((name) => node.getAttributeNode(name)) : [node];
    for (const one of said) if (one && /digit/i.test(one.nodeValue)) yield [one, one.nodeValue];
  }
}
