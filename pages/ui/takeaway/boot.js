// The page's first script: unpacks all others, and starts them on what lies in the page.

import { start } from "../components/shared/loader.js";
import { unpacked } from "./unpack.js";

/** @type {Map<string, Promise<any>>} */
const known = new Map();

/**
 * A part of the page by its name; nothing where the page has no such part.
 * @param {string} name
 */
function part(name) {
  let content = known.get(name);
  if (!content) {
    const text = document.querySelector(`script[data-part="${name}"]`)?.textContent;
    content = text ? unpacked(text) : Promise.resolve();
    known.set(name, content);
  }
  return content;
}

try {
  if (new URLSearchParams(location.search).get("embed") === "1") document.documentElement.dataset.embedded = "";
  const { files, components } = await part("code");
  const open = await start(files);
  await open(part, components);
} catch (error) {
  /** @type {HTMLElement} */
  const trouble = document.querySelector("#trouble");
  trouble.hidden = false;
  if ("DecompressionStream" in globalThis) trouble.textContent = "This page is damaged: take it from the app again.";
  throw error;
}
