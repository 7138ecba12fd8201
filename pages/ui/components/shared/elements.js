// Elements of the page, made and changed.

/** Every element that has an id, by it. */
export function byId(root) {
  return Object.fromEntries([...root.querySelectorAll("[id]")].map((element) => [element.id, element]));
}

export function make(tag, role) {
  const element = document.createElement(tag);
  element.setAttribute("role", role);
  return element;
}

/** Words of the workbench's own into an element, where they are others than before. */
export function write(element, html) {
  if (element.written === html) return;
  element.innerHTML = element.written = html;
}

/** Put an element at a place, in shares of its parent. */
export function locate(element, ...shares) {
  ["top", "left", "height", "width"].forEach((side, n) => {
    element.style[side] = `${100 * shares[n]}%`;
  });
}

export function toggle(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  return pressed;
}
