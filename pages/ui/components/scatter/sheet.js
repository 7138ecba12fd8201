// Takes a sheet of pictures, fetched once a model, to where every map on the page finds it.

import { unzipped } from "../shared/unzipped.js";
import { ARRIVED, SHEETS } from "./sheets.js";

const KEPT = 2;

export default function ({ data: { key, address }, parentElement, setTriggerValue }) {
  if (address && !SHEETS.has(key)) bring(address, parentElement, setTriggerValue);
}

async function bring(address, parentElement, setTriggerValue) {
  const bytes = await unzipped(address, parentElement, setTriggerValue);
  if (bytes) await take(bytes);
}

async function take(buffer) {
  // Four bytes of length, a JSON header, then the parts that the header names with their lengths.
  const bytes = new Uint8Array(buffer);
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const parts = {};
  let at = 4 + length;
  for (const [name, size] of header.parts) {
    parts[name] = bytes.slice(at, at + size);
    at += size;
  }
  const sheet = { ...header };
  if (parts.codes) sheet.codes = new Uint16Array(parts.codes.buffer);
  if (parts.errors) sheet.errors = new Float32Array(parts.errors.buffer);
  await decode(header.key, sheet, parts);
}

async function decode(key, sheet, parts) {
  const names = ["digits", "reconstructions", "tiles"].filter((name) => parts[name]);
  const blobs = names.map((name) => new Blob([parts[name]]));
  const pictures = await Promise.all(blobs.map((blob) => createImageBitmap(blob)));
  SHEETS.set(key, { ...sheet, ...Object.fromEntries(names.map((name, n) => [name, pictures[n]])) });
  for (const old of [...SHEETS.keys()].slice(0, -KEPT)) SHEETS.delete(old);
  dispatchEvent(new Event(ARRIVED));
}
