// Closes Streamlit's dialog of a lost connection as it opens.

export default function ({ parentElement }) {
  if (parentElement.watching) return;
  const lost = () => document.querySelector('.stApp:not([data-test-connection-state="CONNECTED"])');
  parentElement.watching = new MutationObserver(() => {
    if (lost()) /** @type {HTMLElement} */ (document.querySelector(".stDialog [aria-label=Close]"))?.click();
  });
  parentElement.watching.observe(document.body, { childList: true });
  return () => parentElement.watching.disconnect();
}
