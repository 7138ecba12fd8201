"""The forward pass in a real browser agrees with torch: codes but for ties, pixels within one step of 255.

Models of other shapes, and what else `vqvae.js` computes, are compared in Node: tests/javascript.
"""

import base64
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pages.ui.components.canvas import describe
from pages.ui.components.shared import module
from vqvae import data
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.model import VQVAE

IMAGES = 200
BATCH = 20  # images a call into the page
PASS = """({ description, batch }) => {
  if (description) window.network = forward.load(description);
  const bytes = Uint8Array.from(atob(batch), (letter) => letter.charCodeAt(0));
  const { height, width, channels } = network.image;
  const size = height * width * channels;
  const results = Array.from({ length: bytes.length / size }, (_, n) => {
    const picture = bytes.subarray(n * size, (n + 1) * size);
    const { codes, pixels } = forward.reconstruct(network, forward.fromBytes(picture));
    return [...codes, ...pixels];
  });
  const floats = new Uint8Array(Float32Array.from(results.flat()).buffer);
  return btoa(Array.from(floats, (byte) => String.fromCharCode(byte)).join(""));
}"""


@pytest.fixture(scope="module")
def alone(browser):
    """An empty page with `vqvae.js`, what it imports, and nothing else."""
    page = browser.new_page()
    page.evaluate(
        """async (source) => {
          const { default: whole } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
          window.forward = whole;
        }""",
        module(Path(__file__).with_name("forward.js")),
    )
    yield page
    page.close()


def run(page, checkpoint: Checkpoint, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The browser's codes (N, h, w) and reconstructions (N, C, H, W), not clamped."""
    config = checkpoint.model.config
    description = describe(checkpoint)
    results = bytearray()
    for batch in pixels.permute(0, 2, 3, 1).split(BATCH):
        packed = base64.b64encode(batch.contiguous().numpy().tobytes()).decode()
        results += base64.b64decode(page.evaluate(PASS, {"description": description, "batch": packed}))
        description = None
    codes, images = (
        torch.frombuffer(results, dtype=torch.float32)
        .view(len(pixels), -1)
        .split((config.cells, pixels[0].numel()), dim=1)
    )
    images = images.reshape(-1, config.height, config.width, config.channels).permute(0, 3, 1, 2)
    return codes.long().view(-1, *config.grid), images


def assert_agreement(page, checkpoint: Checkpoint) -> None:
    pixels = data.load(data.EMBEDDED, "all").pixels[:: 5000 // IMAGES]
    images = data.to_unit(pixels)
    codes, reconstructions = run(page, checkpoint, pixels)

    expected = checkpoint.model.encode(images)
    differing = codes != expected
    assert differing.double().mean() <= 1 / 1000
    exact = VQVAE(checkpoint.model.config).double()
    exact.load_state_dict(checkpoint.model.state_dict())
    with torch.inference_mode():
        distances = exact.vq_layer.distances(exact.encoder(images.double() - exact.config.offset))  # (N, h, w, K)
    if distances.shape[-1] > 1:
        smallest, second = distances.topk(2, largest=False).values.unbind(-1)
        assert (second - smallest < 1e-5 * (1 + smallest))[differing].all()

    same = ~differing.flatten(1).any(1)
    error = (reconstructions - checkpoint.model.decode(expected)).abs()[same]
    assert same.any()
    assert error.max() <= 1 / 255


@pytest.mark.parametrize("name", list(SHIPPED))
def test_browser_and_torch_agree_on_a_shipped_model(alone, name):
    assert_agreement(alone, load(SHIPPED[name]))
