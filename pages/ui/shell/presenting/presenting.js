// A clicker's keys and Esc, wherever the focus is, as long as nothing else on the page wants them. A page with a tour
// through steps of its own marks the keys that lead on from their ends.

const MEANING = { PageDown: "next", ArrowRight: "next", PageUp: "previous", ArrowLeft: "previous", Escape: "leave" };

export default function ({ parentElement, setTriggerValue }) {
  document.removeEventListener("keydown", parentElement.listener);
  parentElement.listener = (event) => {
    const meaning = MEANING[event.key];
    const [target] = event.composedPath();
    const typing = target.closest?.("input, textarea, select, [role=slider], [role=combobox], [contenteditable=true]");
    if (!meaning || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("[role=dialog]") || (typing && meaning !== "leave")) return;
    event.preventDefault();
    setTriggerValue("pressed", { meaning, leads_on: Boolean(event.leadsOn) });
  };
  document.addEventListener("keydown", parentElement.listener);
  return () => document.removeEventListener("keydown", parentElement.listener);
}
