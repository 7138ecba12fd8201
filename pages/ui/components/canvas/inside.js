// Where the error comes from: the pictures from z_e and from the codes, and the feature map after every layer.

import { fromBytes, toBytes } from "../shared/bytes.js";
import { paintMaps } from "../shared/pictures.js";
import { paint } from "../shared/pixels.js";
import { score } from "../shared/vqvae.js";

/** `inside` and `edited` are of a pass of `pixels`. */
export function showInside($, network, pixels, { inside, edited }) {
  const [continuous, quantised] = [inside.continuous, edited].map((picture) => {
    return score(network, fromBytes(pixels), picture).nmse.toFixed(3);
  });
  paint($.continuous, toBytes(inside.continuous), network.image);
  paint($.quantised, toBytes(edited), network.image);
  $["continuous-note"].textContent = `from z_e, not quantised: NMSE ${continuous}`;
  $["quantised-note"].textContent = `from z_q, the codes: NMSE ${quantised}`;
  $["origins-note"].textContent =
    "The left picture skips the codebook: its error is the autoencoder's own. What the right one adds is the price of " +
    "writing every cell as one code. Below, the feature map after each layer; a click enlarges one.";
  const layers = ["encoder", "decoder"].flatMap((stack) => inside[stack].map((layer) => ({ stack, ...layer })));
  if ($.maps.children.length !== layers.length) $.maps.replaceChildren(...layers.map(frame));
  layers.forEach(({ stack, name, map }, n) => {
    const [picture, caption] = $.maps.children[n].children;
    paintMaps(picture, map);
    caption.textContent = `${stack}: ${name}, ${map.channels} × ${map.height} × ${map.width}`;
  });
}

/** A place for one feature map. */
function frame() {
  const button = document.createElement("button");
  button.className = "map";
  button.append(document.createElement("canvas"), document.createElement("small"));
  button.onclick = () => button.setAttribute("aria-expanded", String(button.classList.toggle("large")));
  return button;
}
