"""A model that its owner names on the command line: the examples, and one sentence for each mistake."""

import sys
from pathlib import Path

import pytest
import torch

from vqvae import adapters
from vqvae.evaluation import evaluate
from vqvae.explorable import AdapterError
from vqvae.receptive_field import receptive_field

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def clean_path(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"diffusers_vqmodel", "fsq", "lucidrains"}


@pytest.mark.parametrize(
    ("name", "shape", "grid", "K"),
    [
        ("diffusers_vqmodel", (3, 64, 64), (16, 16), 256),
        ("fsq", (1, 28, 28), (7, 7), 125),
        ("lucidrains", (1, 28, 28), (7, 7), 64),
    ],
)
def test_an_example_opens_and_gives_the_librarys_own_codes(name, shape, grid, K, monkeypatch, digits):
    function = __import__(f"examples.{name}", fromlist=["make"]).make
    monkeypatch.setattr(function, "__defaults__", (2,) if name != "diffusers_vqmodel" else (None,))
    monkeypatch.setattr(adapters, "_make", lambda named: function)
    opened, images = adapters.load(f"{EXAMPLES / name}.py:make")
    model = opened.model
    assert (model.image_shape, model.config.grid, model.config.num_embeddings, images) == (shape, grid, K, None)
    assert model.has_latents
    assert receptive_field(model).size[0] > shape[1] // grid[0]
    some = adapters.data.fitted(digits.evenly(40), model.config)
    figures = evaluate(model, some, opened.variance)
    assert 1 <= figures.perplexity <= K
    assert figures.nmse > 0
    assert torch.equal(model.encode(some.images), model.vq_layer.nearest(model.latents(some.images)))


def test_a_diffusers_model_that_was_saved_opens_from_its_folder(tmp_path):
    from examples.diffusers_vqmodel import make

    first = make()
    first.model.register_to_config(sample_size=64)
    first.model.save_pretrained(tmp_path)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(make(str(tmp_path)).encode(images), first.encode(images))


MODEL = """
import torch

class Model:
    image_shape = (1, 8, 8)
    codebook = torch.linspace(0, 1, 4).view(4, 1)
    def encode(self, images):
        means = torch.nn.functional.avg_pool2d(images, 4)[:, 0]
        return (means.unsqueeze(-1) - self.codebook[:, 0]).abs().argmin(-1)
    def decode(self, codes):
        return torch.nn.functional.interpolate(self.codebook[codes].permute(0, 3, 1, 2), scale_factor=4)
"""


@pytest.fixture
def written(tmp_path):
    """An adapter file with some more lines, as it would be named on a command line."""

    def write(more: str = "", function: str = "make") -> str:
        (tmp_path / "mine.py").write_text(f"{MODEL}\n{more}\n")
        return f"{tmp_path / 'mine.py'}:{function}"

    return write


def test_a_models_own_images_come_along_with_their_classes(written):
    _, images = adapters.load(
        written(
            "Model.images = lambda self: (torch.rand(6, 1, 8, 8), [0, 1, 1, 0, 1, 0], ['cat', 'dog'])\nmake = Model"
        )
    )
    assert images.classes == ("cat", "dog")
    assert images.labels.tolist() == [0, 1, 1, 0, 1, 0]
    assert images.pixels.dtype == torch.uint8


def test_images_without_labels_have_one_class_without_a_name(written):
    _, images = adapters.load(written("Model.images = lambda self: torch.rand(6, 1, 8, 8)\nmake = Model"))
    assert images.classes == ("",)


def test_what_lies_beside_an_adapter_can_be_imported(written, tmp_path):
    (tmp_path / "beside_the_adapter.py").write_text("K = 4")
    opened, _ = adapters.load(written("from beside_the_adapter import K\nassert K == 4\nmake = Model"))
    assert opened.model.config.num_embeddings == 4


def test_models_of_other_codebooks_have_other_fingerprints(written):
    one, _ = adapters.load(written("make = Model"))
    other, _ = adapters.load(written("Model.codebook = Model.codebook / 2\nmake = Model"))
    same, _ = adapters.load(written("make = Model"))
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == same.fingerprint


@pytest.mark.parametrize(
    ("more", "function", "sentence"),
    [
        ("make = Model", "other", "has no function other: expected the name of a file and a function"),
        ("make = Model", "not a name", "expected the name of a file and a function in it"),
        ("make = 3", "make", "has no function make"),
        ("make = lambda: None", "make", "gave None: expected a model"),
        ("make = lambda: Model", "make", "`encode` failed with TypeError"),
        ("def make(folder): return Model()", "make", "failed with TypeError: make() missing"),
        ("def make(): raise OSError('no weights')", "make", "failed with OSError: no weights."),
        ("import a_module_that_is_not_there", "make", "failed with ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "make", "failed with SystemExit: 3."),
        ("this is no Python", "make", "failed with SyntaxError"),
        ("Model.images = lambda self: 3\nmake = Model", "make", "`images` gave int: expected a tensor (N, 1, H, W)"),
        ("Model.images = lambda self: torch.rand(0, 1, 8, 8)\nmake = Model", "make", "`images` gave (0, 1, 8, 8)"),
        ("Model.images = lambda self: torch.rand(2, 3, 8, 8)\nmake = Model", "make", "`images` gave (2, 3, 8, 8)"),
        ("Model.images = lambda self: 255 * torch.rand(2, 1, 8, 8)\nmake = Model", "make", "other numbers than bytes"),
        ("Model.images = lambda self: torch.ones(2, 1, 8, 8)\nmake = Model", "make", "one even surface"),
        ("Model.images = lambda self: (torch.rand(2, 1, 8, 8), [0])\nmake = Model", "make", "gave labels (1,)"),
        (
            "Model.images = lambda self: (torch.rand(2, 1, 8, 8), ['a', 'b'])\nmake = Model",
            "make",
            "gave labels of type",
        ),
        (
            "Model.images = lambda self: (torch.rand(2, 1, 8, 8), [0, 1], 5)\nmake = Model",
            "make",
            "gave classes of type",
        ),
        ("Model.images = lambda self: (torch.rand(2, 1, 8, 8), [0, 5], ['a'])\nmake = Model", "make", "up to 5 and 1"),
        (
            "def images(self): raise OSError('gone')\nModel.images = images\nmake = Model",
            "make",
            "`images` failed with",
        ),
    ],
)
def test_a_mistake_in_an_adapter_is_one_sentence(more, function, sentence, written):
    with pytest.raises(AdapterError) as error:
        adapters.load(written(more, function))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["", "mine", "mine.py", "mine.txt:make", "nowhere/mine.py:make", ":make"])
def test_a_name_that_is_none_says_what_is_expected(name):
    with pytest.raises(AdapterError, match="expected the name of a file and a function in it, such as"):
        adapters.load(name)
