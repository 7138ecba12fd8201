// What the colours mean; a click on an entry selects all its points.

export class Legend {
  /** `view` is the View whose colours it explains. */
  constructor(view) {
    this.view = view;
    this.element = view.find(".legend");
    this.element.onclick = (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const color = Number(button.dataset.color);
      const points = Array.from(view.order).filter((at) => view.colors[at] === color);
      const taken = button.getAttribute("aria-pressed") === "true" && !event.shiftKey;
      view.select(points, taken ? { altKey: true } : event);
    };
  }

  build({ title, entries, ramp }, palette) {
    const { element } = this;
    element.setAttribute("aria-label", title);
    element.replaceChildren(span(title));
    for (const [name, color] of entries) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.color = color;
      const swatch = Object.assign(span(""), { className: "swatch" });
      swatch.style.background = palette[color];
      button.append(swatch, name);
      button.title = `Select all ${name}; with shift, in addition`;
      button.setAttribute("aria-label", `Select all ${name}`);
      element.append(button);
    }
    if (ramp) {
      const bar = Object.assign(span(""), { className: "ramp" });
      bar.style.background = `linear-gradient(to right, ${palette.join(",")})`;
      element.append(span(ramp[0]), bar, span(ramp[1]));
    }
  }

  /** Press the entries of which every point is selected. */
  mark() {
    const { colors, selected, points, selectedCount } = this.view;
    for (const button of this.element.querySelectorAll("button")) {
      const color = Number(button.dataset.color);
      let [all, chosen] = [0, 0];
      for (let i = 0; i < points.count; i++) {
        if (colors[i] === color) {
          all++;
          chosen += selected[i];
        }
      }
      button.setAttribute("aria-pressed", String(all > 0 && chosen === all && selectedCount > 0));
    }
  }
}

function span(text) {
  return Object.assign(document.createElement("span"), { textContent: text });
}
