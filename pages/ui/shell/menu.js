// On a phone the menu lies over the page: it closes when a page was chosen.

const NARROW = matchMedia("(max-width: 768px)");

export default function () {
  const sidebar = /** @type {HTMLElement} */ (document.querySelector("[data-testid=stSidebar]"));
  if (!sidebar) return;
  sidebar.onclick = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (!NARROW.matches || !target.closest("[data-testid=stPageLink-NavLink]")) return;
    /** @type {HTMLElement} */ (sidebar.querySelector("[data-testid=stSidebarCollapseButton] button"))?.click();
  };
}
