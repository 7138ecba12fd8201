// Closes Streamlit's dialog of a lost connection as it opens, and has the page run once the connection is back.
//
// Behind it may be another server, or the same one started anew, where nothing is known of this page: its first run
// takes the page from its address, so that whatever was clicked to bring it about would be lost.

export default function ({ parentElement, setTriggerValue }) {
  parentElement.ask = () => setTriggerValue("back", true);
  if (parentElement.watching) return;
  const app = /** @type {HTMLElement} */ (document.querySelector(".stApp"));
  let wasLost = false;
  parentElement.watching = new MutationObserver(() => {
    const lost = app.dataset.testConnectionState !== "CONNECTED";
    if (lost) /** @type {HTMLElement} */ (document.querySelector(".stDialog [aria-label=Close]"))?.click();
    else if (wasLost) parentElement.ask();
    wasLost = lost;
  });
  parentElement.watching.observe(document.body, { childList: true });
  parentElement.watching.observe(app, { attributeFilter: ["data-test-connection-state"] });
  return () => parentElement.watching.disconnect();
}
