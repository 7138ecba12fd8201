// Brings a model and its prior to the page, for whichever component asks for them (see `shared/carried.js`).

import { arrived, found } from "../shared/carried.js";
import { unzipped } from "../shared/unzipped.js";

/** Streamlit calls this on mount, and again whenever `data` changes. */
export default function ({ data, parentElement, setTriggerValue }) {
  if (!("address" in data)) arrived(data);
  else if (data.address && found(data.name)?.address !== data.address) bring(data, parentElement, setTriggerValue);
}

async function bring(data, parentElement, setTriggerValue) {
  const bytes = await unzipped(data.address, parentElement, setTriggerValue);
  if (bytes) arrived({ ...data, ...JSON.parse(new TextDecoder().decode(bytes)) });
}
