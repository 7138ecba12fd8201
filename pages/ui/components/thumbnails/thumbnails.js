// A picture of images with a button over each.

export default function ({ data, parentElement, setTriggerValue }) {
  const [picture, buttons] = ["img", ".buttons"].map((name) => parentElement.querySelector(name));
  const { sheet, numbers, columns, title, one } = data;
  if (picture.src !== sheet) {
    picture.src = sheet;
    picture.alt = title;
    buttons.setAttribute("aria-label", title);
    buttons.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
    buttons.replaceChildren(...numbers.map((number) => button(number, one)));
    const empty = (columns - (numbers.length % columns)) % columns; // so that rows keep their height
    buttons.append(...Array.from({ length: empty }, () => document.createElement("span")));
  }
  buttons.onclick = (event) => {
    const chosen = event.target.closest("button");
    if (chosen) setTriggerValue("number", Number(chosen.dataset.number));
  };
}

function button(number, one) {
  const element = document.createElement("button");
  element.dataset.number = number;
  element.title = `Open ${one} ${number} in Draw`;
  element.setAttribute("aria-label", element.title);
  return element;
}
