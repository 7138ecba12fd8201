// A component on the page, mounted as Streamlit does it: its HTML and CSS in a shadow root, then its default export.

/** @typedef {{html: string, css: string}} Looks */

export class Mounted {
  /**
   * @param {Element} place
   * @param {(component: any) => (() => void) | undefined} render  the component's default export
   * @param {Looks} looks
   * @param {string} more  CSS of this page's own
   */
  constructor(place, render, { html, css }, more = "") {
    const host = document.createElement("div");
    place.replaceChildren(host);
    this.root = host.attachShadow({ mode: "open" });
    this.root.innerHTML = `<style>${css}\n${more}</style>${html}`;
    this.render = render;
  }

  /**
   * @param {any} data
   * @param {(name: string, value: any) => void} told  what Python would be told
   */
  update(data, told = () => {}) {
    this.leave = this.render({ data, parentElement: this.root, setStateValue: told, setTriggerValue: told });
  }

  close() {
    this.leave?.();
    this.root.host.remove();
  }
}
