// Brings a model and its prior to the page, for whichever component asks for them (see `shared/carried.js`).

import { arrived } from "../shared/carried.js";

/** Streamlit calls this on mount, and again whenever `data` changes. */
export default function ({ data }) {
  arrived(data);
}
