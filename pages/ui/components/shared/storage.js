// The drawing in the browser tab's storage, where it survives another page and a reload.

const STORED = "vqvae-workbench";
/** @type {string | null} */
let spare = null; // the same where storage is full or forbidden: lives as long as the page

/** What is on the canvas survives another page and a reload: it lives in this tab's storage. */
export function remember({ pixels, edits, target, image, set, fingerprint }) {
  const text = JSON.stringify({
    ...image,
    fingerprint,
    pixels: [...pixels],
    edits: [...edits],
    cell: target ?? null,
    set,
  });
  try {
    sessionStorage.setItem(STORED, text);
    spare = null;
  } catch {
    spare = text;
  }
}

function stored() {
  if (spare !== null) return spare;
  return sessionStorage.getItem(STORED);
}

const session = ({ serial }) => serial.split(":")[0];

/**
 * Whether Python puts the picture there that it put before. Serials are "session:count": within a session they tell
 * pictures apart; in another one, after a reload or on a server started anew, the picture itself does.
 */
export function putAgain(set, earlier) {
  const alike = (name) => String(set[name]) === String(earlier[name]);
  return session(set) === session(earlier) ? alike("serial") : alike("pixels") && alike("edits");
}

/**
 * The drawing of an earlier visit, unless Python has since put another picture on the canvas. The cell chosen last is
 * told for the same session and model alone: to a new session, the address says it.
 */
export function remembered(set, fingerprint) {
  try {
    const kept = JSON.parse(stored());
    if (!putAgain(set, kept.set) || kept.pixels.length !== kept.height * kept.width * kept.channels) return undefined;
    const { cell } = session(set) === session(kept.set) && kept.fingerprint === fingerprint ? kept : {};
    return { ...kept, cell, pixels: Uint8ClampedArray.from(kept.pixels) };
  } catch {
    return undefined;
  }
}
