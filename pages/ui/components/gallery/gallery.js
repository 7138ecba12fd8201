// Buttons in the order given, built anew only where what they show changes; one of them is in the tab order.

import { counted } from "../shared/words.js";

export default function ({ data, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  const { sheet, columns, height, width, order, totals, picked, title, notes } = data;
  const content = JSON.stringify([sheet, order, totals, notes]);
  gallery.setAttribute("aria-label", title);
  if (gallery.content !== content) {
    const focused = gallery.contains(gallery.getRootNode().activeElement);
    gallery.content = content;
    gallery.replaceChildren(...order.map(button), ...rooms());
    gallery.classList.toggle("row", notes !== null);
    if (notes) gallery.style.setProperty("--places", notes.places);
    const picture = new Image();
    picture.onload = () => {
      if (gallery.content !== content) return; // others have taken their place
      for (const at of order.keys()) paint(picture, at);
    };
    picture.src = sheet;
    if (focused) gallery.firstChild?.focus();
  }
  mark(order.includes(picked) ? picked : order[0], order.includes(picked));

  gallery.onclick = (event) => {
    const element = event.target.closest("button");
    if (!element) return;
    const code = Number(element.dataset.code);
    mark(code, true);
    setTriggerValue("code", code);
  };
  gallery.onkeydown = (event) => {
    const buttons = [...gallery.querySelectorAll("button")];
    const at = buttons.indexOf(event.target.closest("button"));
    const wide = getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: wide,
      ArrowUp: -wide,
      Home: -at,
      End: buttons.length - 1 - at,
    };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    buttons[Math.min(Math.max(at + steps[event.key], 0), buttons.length - 1)].focus();
  };

  function button(code, at) {
    const element = document.createElement("button");
    const dead = totals[at] === 0;
    element.dataset.code = code;
    element.title = `code ${code}, ${dead ? "dead" : counted(totals[at], "cell")}`;
    if (notes) element.title += `, ${notes.meaning} ${notes.figures[at]}`;
    element.setAttribute("aria-label", element.title);
    element.classList.toggle("dead", dead);
    element.append(...parts(code, at));
    return element;
  }

  function parts(code, at) {
    const tile = document.createElement("canvas"); // a picture of its own: a scaled sheet would bleed at the seams
    [tile.width, tile.height] = [width, height];
    tile.style.setProperty("--ratio", String(width / height));
    const index = document.createElement("span");
    index.textContent = code;
    if (!notes) return [tile, index];
    const note = document.createElement("small");
    note.textContent = notes.figures[at] ?? "\u00a0";
    return [tile, index, note];
  }

  function rooms() {
    return Array.from({ length: notes ? notes.places - order.length : 0 }, (_, at) => {
      const room = document.createElement("div");
      room.className = "room";
      room.append(...parts("\u00a0", order.length + at));
      return room;
    });
  }

  function paint(picture, at) {
    const [left, top] = [(at % columns) * width, Math.floor(at / columns) * height];
    const pen = gallery.children[at].firstChild.getContext("2d");
    pen.drawImage(picture, left, top, width, height, 0, 0, width, height);
  }

  function mark(code, pressed) {
    for (const element of gallery.querySelectorAll("button")) {
      const chosen = Number(element.dataset.code) === code;
      element.setAttribute("aria-pressed", String(chosen && pressed));
      element.tabIndex = chosen ? 0 : -1;
    }
  }
}
