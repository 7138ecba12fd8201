"""The JavaScript that needs no page, in Node: `node --test`, in the Node that Playwright's wheel carries.

torch's side is computed here and read there: `reference.js` says where. What only a page shows is in tests/browser.
"""

import base64
import copy
import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pages.ui.components.canvas import describe
from pages.ui.components.carrier import describe_prior
from pages.ui.components.ladder import to_fetch
from pages.ui.components.plane import plane_data
from tests.vqvae.foreign import plain
from vqvae import data
from vqvae.analysis.best_codes import best_codes
from vqvae.analysis.tiles import tiles
from vqvae.checkpoint import SHIPPED, Checkpoint, load
from vqvae.foreign import Settings, recognise
from vqvae.layers import Residual, ScaledTanh
from vqvae.model import VQVAE, Autoencoder, ModelConfig, OtherSizes, Sizes
from vqvae.prior import Prior, PriorConfig, hide, surprise, uniform, write
from vqvae.prior_file import TrainedPrior, rounded
from vqvae.prior_training import PriorRecipe
from vqvae.quantizer import VectorQuantizer, grid
from vqvae.receptive_field import receptive_field
from vqvae.runs.ladder import load as load_ladder

FOLDER = Path(__file__).parent
IMAGES = 80
RANDOM = {
    "K 37, D 5": ModelConfig(num_embeddings=37, embedding_dim=5),
    "K 512, D 64": ModelConfig(num_embeddings=512, embedding_dim=64),
    "3 channels, 32 x 48": ModelConfig(channels=3, height=32, width=48),
    "K 1": ModelConfig(num_embeddings=1),
    "FSQ, 8 x 4 x 4": ModelConfig(num_embeddings=128, embedding_dim=3, levels=(8, 4, 4)),
}


@pytest.fixture(scope="session")
def node() -> Path:
    try:
        import playwright
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail("Playwright is not installed, and CI=true asks for its Node")
        pytest.skip("Playwright is not installed (pip install -r tests/requirements.txt), and Node comes with it")
    return Path(playwright.__file__).parent / "driver" / "node"


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What torch makes of models of several shapes, as a file."""
    models = [load(SHIPPED[name]) for name in SHIPPED]
    models += [random_checkpoint(config) for config in RANDOM.values()]
    models += [of_odd_layers(), of_residual_layers(), from_elsewhere()]
    passes = [agreement(checkpoint, pictures(checkpoint.model.config)) for checkpoint in models]
    for name, one in zip([*SHIPPED, *RANDOM, "odd layers", "residual layers", "elsewhere"], passes, strict=True):
        one["name"] = name
    picture = torch.randint(0, 256, (1, 28, 28), generator=torch.Generator().manual_seed(5), dtype=torch.uint8)
    default = load(SHIPPED["default"]).model
    field = receptive_field(default)
    height, width = default.config.grid
    windows = [field.window(row, column) for row in range(height) for column in range(width)]
    file = tmp_path_factory.mktemp("reference") / "torch.json"
    file.write_text(
        json.dumps(
            {
                "passes": passes,
                "sums": sum_agreement(load(SHIPPED["default"])),
                "fetched": in_half_precision(),
                "priors": [prior_agreement(prior) for prior in priors()],
                "best": best_agreement(random_checkpoint(RANDOM["K 37, D 5"])),
                "planes": [plane_agreement(load(SHIPPED[name])) for name in ("plane", "default")],
                "tiles": packed(channels_last(tiles(default))),
                "resampled": {
                    "bytes": picture.flatten().tolist(),
                    "by_torch": nn.functional.adaptive_avg_pool2d(picture.float(), (14, 7)).flatten().tolist(),
                },
                "fields": [
                    {
                        "top": rows.start,
                        "bottom": min(default.config.height, rows.stop),
                        "left": columns.start,
                        "right": min(default.config.width, columns.stop),
                    }
                    for rows, columns in windows
                ],
            }
        )
    )
    return file


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.test.js")), ids=lambda file: file.name)
def test_in_node(file, node, reference):
    run = subprocess.run(
        [node, "--test", file], env=os.environ | {"REFERENCE": str(reference)}, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\nℹ pass 0\n" not in run.stdout, "no test was found"


def agreement(checkpoint: Checkpoint, pixels: Tensor) -> dict[str, object]:
    """torch's codes of pictures (N, C, H, W) uint8, how near each was to another one, and what it draws from them."""
    model, images = checkpoint.model, data.to_unit(pixels)
    codes = model.encode(images)
    exact = copy.deepcopy(model).double()
    with torch.inference_mode():
        distances = exact.vq_layer.distances(exact.encoder(images.double() - model.config.offset))  # (N, h, w, K)
    margins = torch.full(codes.shape, torch.inf, dtype=torch.float64)
    if distances.shape[-1] > 1:
        smallest, second = distances.topk(2, largest=False).values.unbind(-1)
        margins = (second - smallest) / (1 + smallest)
    return {
        "description": describe(checkpoint),
        "pixels": packed(channels_last(pixels)),
        "codes": packed(codes.to(torch.int32)),
        "margins": packed(margins),
        "drawn": packed(channels_last(model.decode(codes))),
        "latents": packed(channels_last(model.latents(images[:1]))),
    }


def sum_agreement(checkpoint: Checkpoint) -> dict[str, object]:
    """The products that torch's last layers add up for one of a cell's numbers, and for one pixel, of a digit."""
    model, image = checkpoint.model, data.to_unit(pictures(checkpoint.model.config)[:1])
    assert isinstance(model, VQVAE)
    row, column, channel, y, x = 4, 2, 5, 15, 13
    with torch.inference_mode():
        before = model.encoder.convs[:-1](image - model.config.offset)[0, :, row, column]
        vectors = model.vq_layer.lookup(model.encode(image))
        drawn = model.decoder.convs[:-1](vectors)[0, :, y - 1 : y + 2, x - 1 : x + 2]  # kernel 3, stride 1, padding 1
        of_number = before * model.encoder.convs[-1].get_parameter("weight")[channel, :, 0, 0]
        # A transposed convolution meets its kernel from the other side.
        of_pixel = drawn * model.decoder.convs[-1].get_parameter("weight")[:, 0].flip(1, 2)
    return {
        "place": {"row": row, "column": column, "channel": channel, "y": y, "x": x},
        "of_number": of_number.tolist(),
        "of_pixel": of_pixel.permute(1, 2, 0).flatten().tolist(),
    }


def best_agreement(checkpoint: Checkpoint) -> dict[str, object]:
    """A digit, and the codes that draw it best."""
    model, images = checkpoint.model, pictures(checkpoint.model.config)[:1]
    found = best_codes(model, data.to_unit(images), model.encode(data.to_unit(images)))
    return {
        "description": describe(checkpoint),
        "pixels": packed(channels_last(images)),
        "codes": packed(found.to(torch.int32)),
    }


def plane_agreement(checkpoint: Checkpoint) -> dict[str, object]:
    """What torch draws once one code has been moved along the plane that a view shows it in."""
    digits = data.load(data.EMBEDDED, "all")
    shown, moved = plane_data(checkpoint, digits), copy.deepcopy(checkpoint.model)
    pixels = digits.pixels[:: len(digits) // 20]
    latents = moved.latents(data.to_unit(pixels)).permute(0, 2, 3, 1).flatten(0, 2)  # (N, D)
    codes = moved.encode(data.to_unit(pixels)).flatten()
    code = int(torch.bincount(codes).argsort(descending=True)[3])  # one that is used often, yet not of blank paper
    axes, mean = (torch.tensor(shown["projection"][name]) for name in ("matrix", "mean"))
    to = (latents[len(latents) // 3] - mean) @ axes.t()  # (2,) where another vector lies
    with torch.no_grad():
        own = moved.vq_layer.embeddings.weight[code]
        own += (to - (own - mean) @ axes.t()) @ axes
    return {
        "shown": shown,
        "code": code,
        "to": to.tolist(),
        "moved": agreement(Checkpoint(moved, checkpoint.variance), pixels),
    }


def in_half_precision() -> dict[str, object]:
    """A rung of the ladder as the browser fetches it, and what torch makes of some digits with it."""
    rung = next(one for one in load_ladder().stages if one.steps == 1000)
    some = pictures(rung.model.config)[::10]
    return {"packed": base64.b64encode(to_fetch(rung)).decode(), "of": agreement(rung, some)}


def priors() -> list[Prior]:
    """One of random weights, of another size and number of classes than those that ship."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        other = Prior(PriorConfig(num_embeddings=37, height=5, width=6, classes=3, channels=10, blocks=2))
        for parameter in other.parameters():
            nn.init.normal_(parameter, std=0.2)
    return [other]


def prior_agreement(prior: Prior) -> dict[str, object]:
    """What torch makes of grids of which some cells are hidden, of whole ones, and what it writes for some seeds."""
    prior = rounded(prior)
    config, generator = prior.config, torch.Generator().manual_seed(4)
    codes = torch.randint(0, config.num_embeddings, (20, config.height, config.width), generator=generator)
    counts = torch.arange(20) * config.cells // 19
    given, _ = hide(codes, counts, prior.hidden, generator)
    classes = torch.arange(20) % (config.classes + 1)
    empty = torch.full_like(codes, prior.hidden)
    written = [
        settings | {"codes": packed(write(prior, empty, classes, torch.arange(20), **settings).to(torch.int32))}
        for settings in (
            {"order": "certain", "temperature": 1.0, "stride": 1, "guidance": 2.0},
            {"order": "rows", "temperature": 0.7, "stride": 4, "guidance": 1.0},
            {"order": "random", "temperature": 1.3, "stride": 5, "guidance": 1.5},
        )
    ]
    trained = TrainedPrior(prior, "of nothing", data.EMBEDDED, 0, PriorRecipe())
    return {
        "description": describe_prior(trained),
        "given": packed(given.to(torch.int32)),
        "classes": classes.tolist(),
        "probabilities": packed(prior.probabilities(given, classes)),
        "guided": packed(prior.probabilities(given, classes, 2.5)),
        "whole": packed(codes.to(torch.int32)),
        "surprise": packed(torch.stack([surprise(prior, codes[n], int(classes[n])) for n in range(5)])),
        "numbers": packed(uniform(torch.tensor([[0], [7], [2**32 - 1]]), torch.arange(50))),
        "written": written,
    }


def random_checkpoint(config: ModelConfig) -> Checkpoint:
    """A model of random weights, its codebook a grid or out of its own encodings, so that many codes are in use."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = VQVAE(config)
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(64, *config.image_shape, generator=generator)
    vectors = model.latents(images).permute(0, 2, 3, 1).flatten(0, 2)
    chosen = vectors[torch.randperm(len(vectors), generator=generator)[: config.num_embeddings]]
    with torch.no_grad():
        if config.levels:
            model.encoder.convs[-2].weight.mul_(20)  # else all numbers are near 0
            chosen = grid(config.levels)
        model.vq_layer.embeddings.weight.copy_(chosen)
    return Checkpoint(model.requires_grad_(False).eval(), variance=0.1)


def of_odd_layers() -> Checkpoint:
    """Kernels, strides, paddings and output paddings that no shipped model has, sides unlike each other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = VQVAE(ModelConfig(height=24, width=20, num_embeddings=9, embedding_dim=6))
        model.encoder.convs = nn.Sequential(
            nn.Conv2d(1, 5, (4, 5), stride=(2, 1), padding=(1, 2)),
            nn.ReLU(),
            nn.Conv2d(5, 7, (2, 4), stride=(2, 4), bias=False),
            nn.ReLU(),
            nn.Conv2d(7, 6, 1),
        )
        model.decoder.convs = nn.Sequential(
            nn.ConvTranspose2d(6, 7, (5, 3), stride=(2, 1), padding=(2, 1), output_padding=(1, 0)),
            nn.ReLU(),
            nn.ConvTranspose2d(7, 5, (1, 4), stride=(1, 2), padding=(0, 1)),
            nn.ConvTranspose2d(5, 1, (2, 1), stride=(2, 2), padding=(0, 0), output_padding=(0, 1)),
        )
    return Checkpoint(model.requires_grad_(False).eval(), variance=0.1)


def of_residual_layers() -> Checkpoint:
    """Layers beside others: residual ones with and without a shortcut, one within another; SiLU and tanh."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        encoder = nn.Sequential(
            nn.Conv2d(3, 6, 4, stride=2, padding=1),
            Residual(nn.SiLU(), nn.Conv2d(6, 5, 3, padding=1), nn.Tanh(), nn.Conv2d(5, 6, 1)),
            Residual(
                Residual(nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1)),
                nn.Conv2d(6, 7, 5, stride=2, padding=2),
                shortcut=nn.Conv2d(6, 7, 3, stride=2, padding=1),
            ),
            nn.Conv2d(7, 4, 1),
        )
        decoder = nn.Sequential(
            Residual(nn.Conv2d(4, 6, 3, padding=1), nn.SiLU(), shortcut=nn.Conv2d(4, 6, 1)),
            nn.ConvTranspose2d(6, 5, 4, stride=2, padding=1),
            Residual(nn.SiLU(), shortcut=nn.Conv2d(5, 5, 1, bias=False)),
            nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1),
            ScaledTanh(0.5),
        )
        model = Autoencoder(OtherSizes(3, 16, 20, 9, 4, 4, 5, offset=0.5), encoder, VectorQuantizer(9, 4), decoder)
    return Checkpoint(model.requires_grad_(False).eval(), variance=0.1)


def from_elsewhere() -> Checkpoint:
    """Another project's network, with its BatchNorm folded."""
    foreign = recognise(plain.kumar_random(), Settings(height=16, width=24))
    return Checkpoint(foreign.model, variance=0.1, origin=foreign.origin)


def pictures(config: Sizes) -> Tensor:
    """IMAGES embedded digits; seeded noise where the model has another size: (N, C, H, W) uint8."""
    if config.image_shape == (1, 28, 28):
        return data.load(data.EMBEDDED, "all").pixels[:: 5000 // IMAGES]
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (IMAGES, *config.image_shape), generator=generator, dtype=torch.uint8)


def channels_last(images: Tensor) -> Tensor:
    return images.permute(0, 2, 3, 1).contiguous()


def packed(values: Tensor) -> str:
    return base64.b64encode(values.numpy().tobytes()).decode()
