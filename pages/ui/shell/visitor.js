// The visitor's token: what the browser has kept, else a fresh one. Where the browser keeps nothing, the token lasts as long
// as the page.

import { resting } from "../components/shared/idle.js";

export default function ({ data, parentElement, setStateValue }) {
  const name = "vqvae-visitor";
  let token = null;
  try {
    token = localStorage.getItem(name);
    if (!/^[0-9a-f]{32}$/.test(token)) {
      token = data.fresh;
      localStorage.setItem(name, token);
    }
  } catch {
    token = data.fresh;
  }
  const timer = setInterval(() => {
    const shown = parentElement.isConnected;
    if (shown && !resting()) return;
    clearInterval(timer);
    if (shown) setStateValue("token", token);
  }, 20);
  return () => clearInterval(timer);
}
