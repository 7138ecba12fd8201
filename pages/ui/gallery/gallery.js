// Buttons in the order given, built anew only where order, tiles or uses change; one of them is in the tab order.

export default function ({ data, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  const { sheet, columns, height, width, order, totals, picked } = data;
  const content = JSON.stringify([sheet, order, totals]);
  if (gallery.content !== content) {
    gallery.content = content;
    gallery.replaceChildren(...order.map((code) => button(code)));
    const picture = new Image();
    picture.onload = () => gallery.content === content && order.forEach((code, at) => paint(picture, code, at));
    picture.src = sheet;
  }
  mark(picked ?? order[0], picked !== null);

  gallery.onclick = (event) => {
    const code = codeOf(event.target);
    if (code === null) return;
    mark(code, true);
    setTriggerValue("code", code);
  };
  gallery.onkeydown = (event) => {
    const buttons = [...gallery.children];
    const at = buttons.indexOf(event.target.closest("button"));
    const wide = getComputedStyle(gallery).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide, Home: -at, End: buttons.length - 1 - at };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    buttons[Math.min(Math.max(at + steps[event.key], 0), buttons.length - 1)].focus();
  };

  function button(code) {
    const element = document.createElement("button");
    const dead = totals[code] === 0;
    element.dataset.code = code;
    element.title = `code ${code}, ${dead ? "dead" : `${totals[code].toLocaleString("en")} cells`}`;
    element.setAttribute("aria-label", element.title);
    element.classList.toggle("dead", dead);
    const tile = document.createElement("canvas"); // a picture of its own: a scaled sheet would bleed at the seams
    [tile.width, tile.height] = [width, height];
    tile.style.setProperty("--ratio", width / height);
    const index = document.createElement("span");
    index.textContent = code;
    element.append(tile, index);
    return element;
  }

  function paint(picture, code, at) {
    const [left, top] = [(code % columns) * width, Math.floor(code / columns) * height];
    const pen = gallery.children[at].firstChild.getContext("2d");
    pen.drawImage(picture, left, top, width, height, 0, 0, width, height);
  }

  function mark(code, pressed) {
    for (const element of gallery.children) {
      const chosen = Number(element.dataset.code) === code;
      element.setAttribute("aria-pressed", String(chosen && pressed));
      element.tabIndex = chosen ? 0 : -1;
    }
  }

  function codeOf(target) {
    const element = target.closest("button");
    return element ? Number(element.dataset.code) : null;
  }
}
