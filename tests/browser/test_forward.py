"""The forward pass in the browser agrees with torch: codes but for ties, pixels within one step of 255."""

import base64

import pytest
import torch
from torch import Tensor

from pages.ui.components.canvas import describe
from pages.ui.components.shared import FOLDER as SHARED
from vqvae import data
from vqvae.analysis.tiles import tiles
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.model import VQVAE, ModelConfig

IMAGES = 200
BATCH = 20  # images a call into the page
RANDOM = {
    "K 37, D 5": ModelConfig(num_embeddings=37, embedding_dim=5),
    "K 512, D 64": ModelConfig(num_embeddings=512, embedding_dim=64),
    "3 channels, 32 x 48": ModelConfig(channels=3, height=32, width=48),
    "K 1": ModelConfig(num_embeddings=1),
}
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
    """An empty page with `vqvae.js` and nothing else."""
    page = browser.new_page()
    page.evaluate(
        """async (source) => {
          window.forward = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        }""",
        (SHARED / "vqvae.js").read_text(),
    )
    yield page
    page.close()


def random_checkpoint(config: ModelConfig) -> Checkpoint:
    """A model of random weights, its codebook out of its own encodings so that many codes are in use."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = VQVAE(config)
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(64, *config.image_shape, generator=generator)
    vectors = model.latents(images).permute(0, 2, 3, 1).flatten(0, 2)
    chosen = vectors[torch.randperm(len(vectors), generator=generator)[: config.num_embeddings]]
    with torch.no_grad():
        model.vq_layer.embeddings.weight.copy_(chosen)
    return Checkpoint(model.requires_grad_(False).eval(), variance=0.1)


def pictures(config: ModelConfig) -> Tensor:
    """IMAGES embedded digits; seeded noise where the model has another size: (N, C, H, W) uint8."""
    if config.image_shape == (1, 28, 28):
        return data.load(data.EMBEDDED, "all").pixels[:: 5000 // IMAGES]
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (IMAGES, *config.image_shape), generator=generator, dtype=torch.uint8)


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
    pixels = pictures(checkpoint.model.config)
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


@pytest.mark.parametrize("name", list(RANDOM))
def test_browser_and_torch_agree_on_a_random_model(alone, name):
    assert_agreement(alone, random_checkpoint(RANDOM[name]))


def of_odd_layers() -> Checkpoint:
    """Kernels, strides, paddings and output paddings that no shipped model has, sides unlike each other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = VQVAE(ModelConfig(height=24, width=20, num_embeddings=9, embedding_dim=6))
        model.encoder.convs = torch.nn.Sequential(
            torch.nn.Conv2d(1, 5, (4, 5), stride=(2, 1), padding=(1, 2)),
            torch.nn.ReLU(),
            torch.nn.Conv2d(5, 7, (2, 4), stride=(2, 4), bias=False),
            torch.nn.ReLU(),
            torch.nn.Conv2d(7, 6, 1),
        )
        model.decoder.convs = torch.nn.Sequential(
            torch.nn.ConvTranspose2d(6, 7, (5, 3), stride=(2, 1), padding=(2, 1), output_padding=(1, 0)),
            torch.nn.ReLU(),
            torch.nn.ConvTranspose2d(7, 5, (1, 4), stride=(1, 2), padding=(0, 1)),
            torch.nn.ConvTranspose2d(5, 1, (2, 1), stride=(2, 2), padding=(0, 0), output_padding=(0, 1)),
        )
    return Checkpoint(model.requires_grad_(False).eval(), variance=0.1)


def test_browser_and_torch_agree_on_layers_of_any_shape(alone):
    checkpoint = of_odd_layers()
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (20, 1, 24, 20), generator=generator, dtype=torch.uint8)
    codes, reconstructions = run(alone, checkpoint, pixels)
    assert torch.equal(codes, checkpoint.model.encode(data.to_unit(pixels)))
    assert (reconstructions - checkpoint.model.decode(codes)).abs().max() <= 1 / 255


@pytest.mark.parametrize(
    "checkpoint",
    [load(SHIPPED["default"]), random_checkpoint(RANDOM["3 channels, 32 x 48"]), of_odd_layers()],
    ids=["default", "3 channels, 32 x 48", "odd layers"],
)
def test_a_pass_that_goes_on_from_the_last_one_is_the_same_to_the_last_bit(alone, checkpoint):
    config = checkpoint.model.config
    generator = torch.Generator().manual_seed(11)
    pixels = torch.zeros(config.height, config.width, config.channels)
    passes = []
    for number in range(24):
        row, column = (int(torch.randint(0, side - 3, (1,), generator=generator)) for side in pixels.shape[:2])
        pixels[row : row + 3, column : column + 3] = torch.rand(3, 3, config.channels, generator=generator)
        edits = torch.full((config.cells,), -1)
        if number % 3 == 0:
            edits[number % config.cells] = number % config.num_embeddings
        passes.append({"pixels": pixels.flatten().tolist() if number % 4 else None, "edits": edits.tolist()})
    passes[0]["pixels"] = [0.0] * pixels.numel()
    differing = alone.evaluate(
        """({ description, passes }) => {
          const network = forward.load(description);
          const goesOn = forward.overruled(network);
          let shown;
          return passes.filter(({ pixels, edits }, number) => {
            shown = pixels ?? shown;
            const deep = number % 2 === 0;
            const [one, other] = [goesOn(pixels, edits, deep), forward.overruled(network)(shown, edits, deep)];
            return JSON.stringify(one) !== JSON.stringify(other);
          }).length;
        }""",
        {"description": describe(checkpoint), "passes": passes},
    )
    assert differing == 0


def test_browser_and_torch_agree_on_the_tiles(alone):
    model = load(SHIPPED["default"]).model
    K = model.config.num_embeddings
    alone.evaluate(
        "(description) => { window.network = forward.load(description); }", describe(load(SHIPPED["default"]))
    )
    shown = alone.evaluate("(K) => Array.from({ length: K }, (_, code) => [...forward.tile(network, code)])", K)
    expected = (tiles(model) * 255).permute(0, 2, 3, 1).flatten(1)
    assert (torch.tensor(shown) - expected).abs().max() <= 0.51


def test_the_browser_resamples_a_drawing_as_torch_does_by_area(alone):
    picture = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    sizes = {"from": {"height": 28, "width": 28, "channels": 1}, "to": {"height": 14, "width": 7, "channels": 3}}
    resampled = alone.evaluate(
        "({ bytes, sizes }) => [...forward.resample(bytes, sizes.from, sizes.to)]",
        {"bytes": picture.flatten().tolist(), "sizes": sizes},
    )
    expected = torch.nn.functional.adaptive_avg_pool2d(picture.float(), (14, 7)).expand(3, 14, 7)
    assert (torch.tensor(resampled).view(14, 7, 3).permute(2, 0, 1) - expected).abs().max() <= 0.51
