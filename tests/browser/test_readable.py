"""Text can be read in both themes: every word's contrast with what lies behind it, from the browser's own styles."""

import time

import pytest
from playwright.sync_api import expect

ENOUGH = 4.5  # WCAG 2.2, success criterion 1.4.3

# All text on the page with less contrast than asked for, as [text, contrast]. Colours are blended from the root down,
# opacities included; disabled controls and icons are left out, as in the criterion.
FAINT = """(enough) => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const parsed = new Map();
  const rgba = (color) => {
    if (!parsed.has(color)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = color;
      pen.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
      parsed.set(color, [r, g, b, a / 255]);
    }
    return parsed.get(color);
  };
  const over = (color, opacity, ground) => {
    const alpha = color[3] * opacity;
    return ground.map((value, at) => color[at] * alpha + value * (1 - alpha));
  };
  const luminance = (color) => {
    const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = color.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const up = (element) => element.assignedSlot ?? element.parentElement ?? element.getRootNode().host ?? null;
  const faint = [];

  function measure(element, text, color) {
    const chain = [];
    for (let at = element; at; at = up(at)) chain.unshift(getComputedStyle(at));
    let ground = [255, 255, 255], opacity = 1;
    for (const style of chain) {
      opacity *= Number(style.opacity);
      ground = over(rgba(style.backgroundColor), opacity, ground);
    }
    if (opacity < 0.05) return; // shown on hover alone
    const [low, high] = [luminance(ground), luminance(over(rgba(color), opacity, ground))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < enough) faint.push([text.slice(0, 60), Math.round(contrast * 100) / 100]);
  }

  function walk(root) {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) walk(element.shadowRoot);
      if (element.closest("style, script, [data-testid=stIconMaterial], [aria-disabled=true]")) continue;
      if (element.closest("[data-testid=stElementContainer]")?.querySelector(":disabled")) continue;
      const style = getComputedStyle(element);
      if (!element.getClientRects().length || style.visibility !== "visible") continue;
      const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.textContent).join(" ").trim();
      if (text) measure(element, text, element instanceof SVGElement ? style.fill : style.color);
      if (element.placeholder && !element.value) {
        measure(element, element.placeholder, getComputedStyle(element, "::placeholder").color);
      }
    }
  }
  walk(document);
  return faint;
}"""

DRAWN = """() => [...document.querySelectorAll("[data-testid=stPlotlyChart]")]
  .every((chart) => chart.querySelector(".infolayer"))"""

PAGES = {
    "/": "#letters .ink",
    "/codebook?code=57": ".patches",
    "/codebook?code=57&section=damage&cells=ink": ".patches",
    "/codebook?model=tutorial&code=3&section=compare&by=class": ".patches",
    "/map?method=pca": "div.scatter[data-pictures=ready]",
    "/map?show=codes&code=57": "div.scatter[data-pictures=ready]",
}


@pytest.mark.parametrize("address", PAGES)
def test_every_word_stands_out_from_what_lies_behind_it_in_both_themes(tab, address):
    tab.emulate_media(color_scheme="light")
    tab.goto(address)
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)  # also while a chart is just being drawn
        expect(tab.locator("[data-testid=stApp]")).to_have_css("color-scheme", theme)
        expect(tab.locator(PAGES[address]).last).to_be_visible(timeout=300_000)  # the first ones encode
        expect(tab.locator("[data-testid=stStatusWidget]")).to_have_count(0)
        expect(tab.locator("[data-stale=true]")).to_have_count(0)
        tab.wait_for_function(DRAWN)
        deadline = time.monotonic() + 30
        while (faint := tab.evaluate(FAINT, ENOUGH)) and time.monotonic() < deadline:
            tab.wait_for_timeout(100)  # charts follow the theme in their own time
        assert not faint, theme
