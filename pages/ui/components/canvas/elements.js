// Elements of the page, made and changed.

/** Words of the workbench's own into an element, where they are others than before. */
export function write(element, html) {
  if (element.written === html) return;
  element.innerHTML = element.written = html;
}

export function locate(element, ...shares) {
  ["top", "left", "height", "width"].forEach((side, n) => (element.style[side] = `${100 * shares[n]}%`));
}

export function make(tag, role) {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  return element;
}

export function toggle(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  return pressed;
}

/** The code that an element of the palette stands for. */
export function codeOf(element) {
  const code = element.closest("[role=option]")?.dataset.code;
  return code === undefined ? undefined : Number(code);
}

export function save(name, blob) {
  const link = Object.assign(document.createElement("a"), { download: name, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
