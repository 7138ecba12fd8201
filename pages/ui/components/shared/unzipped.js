// What lies gzipped at an address that is a hash of it: what the browser has kept from an earlier visit will do.
//
// The server keeps a file for as long as a page says that it is there. Where it is gone nevertheless, the page is asked to
// say so again, and the file fetched anew. A session that began on another server hears that from no fragment of a page.

import { resting } from "./idle.js";

const SOON = 250; // milliseconds to the second try, doubled from try to try
const LATE = 8000;

/**
 * The bytes; nothing, where what they were for has left the page before they came.
 * @param {string} address
 * @param {Node} place  where they are wanted
 * @param {(name: string, value: any) => void} setTriggerValue  Streamlit's
 */
export async function unzipped(address, place, setTriggerValue) {
  /** @type {RequestCache} */
  let cache = "force-cache";
  for (let wait = SOON; ; wait = Math.min(2 * wait, LATE)) {
    try {
      return await got(address, cache);
    } catch {
      if (!place.isConnected) return;
      if (resting()) setTriggerValue("lost", true); // a page that is being left needs it no more
      cache = "reload"; // that it is not there may have been kept as well
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (!place.isConnected) return;
  }
}

/**
 * @param {string} address
 * @param {RequestCache} cache
 */
async function got(address, cache) {
  const answer = await fetch(address, { cache });
  if (!answer.ok || !answer.body) throw new Error(`expected content at ${address}, got ${answer.status}`);
  return new Response(answer.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}
