"""Models that are not ours: what a right one gives, and one sentence for each way to be wrong."""

import re
import time

import pytest
import torch

from tests.vqvae.analysis.making import SIZES, make_digits, make_model
from vqvae import explorable
from vqvae.analysis import encoding, tiles
from vqvae.analysis.ablation import ablate, affordable
from vqvae.analysis.usage import usage
from vqvae.evaluation import evaluate
from vqvae.explorable import Adapted, AdapterError, Explorable
from vqvae.model import Layers

C, H, W, K, D, ROWS, COLUMNS = 3, 16, 24, 6, 4, 2, 3


def brightness(images):
    return torch.nn.functional.avg_pool2d(images, 8).mean(1, keepdim=True)


class Right:
    """A model by hand: each cell's code tells how bright its 8 x 8 pixels are, its D numbers alike."""

    image_shape = (C, H, W)
    codebook = torch.linspace(0, 1, K).unsqueeze(1).repeat(1, D)

    def latents(self, images):
        return brightness(images).repeat(1, D, 1, 1)

    def encode(self, images):
        return (brightness(images)[:, 0].unsqueeze(-1) - Right.codebook[:, 0]).abs().argmin(-1)

    def decode(self, codes):
        return self.decode_vectors(self.codebook[codes].permute(0, 3, 1, 2))

    def decode_vectors(self, vectors):
        return torch.nn.functional.interpolate(vectors[:, :C], scale_factor=8)


class Bare:
    """The three members and the shape, and nothing besides; its decoder takes the model's own grid alone."""

    image_shape, codebook = Right.image_shape, Right.codebook

    def encode(self, images):
        return Right().encode(images)

    def decode(self, codes):
        if codes.shape[1:] != (ROWS, COLUMNS):
            raise ValueError("one size alone")
        return Right().decode(codes)


def test_the_tutorials_model_is_explorable():
    assert isinstance(make_model(), Explorable)


@pytest.mark.parametrize("name", SIZES)
def test_the_tutorials_model_behind_the_seam_gives_the_same_figures(name):
    model = make_model(**SIZES[name])
    adapted, digits = Adapted(model), make_digits(model.config)
    assert adapted.config.record().items() >= {"rows": model.config.grid[0], "columns": model.config.grid[1]}.items()
    assert evaluate(adapted, digits, 0.1) == evaluate(model, digits, 0.1)
    assert torch.equal(tiles.tiles(adapted), tiles.tiles(model))
    for one, other in zip(encoding.encode(adapted, digits), encoding.encode(model, digits), strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


def test_a_model_of_three_members_is_enough():
    model = Adapted(Bare())
    assert model.config.grid == (ROWS, COLUMNS)
    assert not model.has_latents
    assert not model.any_grid
    digits = make_digits(model.config)
    found = encoding.encode(model, digits)
    assert torch.equal(found.codes, Right().encode(digits.images))
    assert not found.errors.any()
    assert usage(found, K).all_cells.total.sum() == len(digits) * ROWS * COLUMNS
    assert torch.allclose(tiles.tiles(model)[:, 0, 0, 0], Right.codebook[:, 0])


def test_what_it_may_have_is_used():
    model = Adapted(Right())
    assert model.has_latents
    assert model.any_grid
    digits = make_digits(model.config)
    errors = encoding.encode(model, digits).errors
    nearest = (Right().latents(digits.images)[:, :1] - Right.codebook[:, 0].view(1, K, 1, 1)).abs().amin(1)
    assert torch.allclose(errors, D * nearest.square(), atol=1e-6)
    assert ablate(model, digits, 0.1).nmse == pytest.approx(evaluate(model, digits, 0.1).nmse, rel=1e-5)


def test_an_ablation_of_a_decoder_that_mixes_all_cells_bans_each_code_by_itself():
    """Held against drawing every image anew for every code."""

    class Mixing(Right):
        def decode_vectors(self, vectors):
            return super().decode_vectors(vectors) * 0.9 + 0.1 * vectors.mean((1, 2, 3), keepdim=True)

    model = Adapted(Mixing())
    digits = make_digits(model.config)
    found = ablate(model, digits, variance=0.1)
    first, second = model.vq_layer.two_nearest(model.latents(digits.images))
    for code in range(K):
        error = (model.decode(torch.where(first == code, second, first)) - digits.images).square().mean() / 0.1
        assert float(found.without[code]) == pytest.approx(float(error), rel=1e-5)


def test_fewer_images_are_drawn_where_every_code_reaches_every_cell(monkeypatch):
    model = make_model()
    digits = make_digits(model.config, count=100)
    assert len(affordable(model, digits)) == 100
    monkeypatch.setattr("vqvae.analysis.ablation.reach_of", lambda model: (6, 6))
    monkeypatch.setattr("vqvae.analysis.ablation.AFFORDABLE", 100 * 10 * 28 * 28)
    assert 20 <= len(affordable(model, digits)) < 40


def wrong(**members):
    return type("Wrong", (Right,), members)


def gives(value):
    return lambda self, given: value


def late(self, images):
    time.sleep(0.4)
    return Right.encode(self, images)


def failing(self, given):
    raise KeyError("weights\n\nof  the model")


def bounded(low, high):
    return lambda self, codes: torch.linspace(low, high, len(codes) * C * H * W).view(-1, C, H, W)


half = torch.float16
codes_of_two = torch.zeros(2, ROWS, COLUMNS, dtype=torch.int64)
WRONG = {
    # image_shape
    "no shape": (wrong(image_shape=None), "`image_shape` is None: expected three whole numbers, (C, H, W)"),
    "two sides": (wrong(image_shape=(16, 24)), "`image_shape` is (16, 24): expected three"),
    "four sides": (wrong(image_shape=(1, 3, 16, 24)), "`image_shape` is (1, 3, 16, 24): expected three"),
    "channels last": (wrong(image_shape=(16, 24, 3)), "`image_shape` has 16 channels: expected 1 to 4, first"),
    "halves": (wrong(image_shape=(3, 16.0, 24.0)), "`image_shape` is (3, 16.0, 24.0): expected three whole"),
    "no height": (wrong(image_shape=(3, 0, 24)), "`image_shape` is (3, 0, 24): expected three"),
    "negative": (wrong(image_shape=(3, -16, 24)), "`image_shape` is (3, -16, 24): expected three"),
    "huge": (wrong(image_shape=(3, 10**9, 10**9)), "expected three whole numbers"),
    "a word": (wrong(image_shape="3x16x24"), "`image_shape` is '3x16x24': expected three"),
    "true": (wrong(image_shape=(True, 16, 24)), "expected three whole numbers"),
    # codebook
    "no codebook": (wrong(codebook=None), "`codebook` gave NoneType: expected a tensor of floats"),
    "a list": (wrong(codebook=[[0.0, 1.0]]), "`codebook` gave list: expected a tensor of floats"),
    "whole numbers": (wrong(codebook=torch.zeros(K, D).int()), "`codebook` gave (6, 4) of int32: expected a tensor"),
    "one row": (wrong(codebook=torch.zeros(D)), "`codebook` is (4,) of float32: expected (K, D)"),
    "three axes": (wrong(codebook=torch.zeros(1, K, D)), "`codebook` is (1, 6, 4) of float32: expected (K, D)"),
    "no codes": (wrong(codebook=torch.zeros(0, D)), "`codebook` is (0, 4) of float32: expected (K, D)"),
    "no numbers": (wrong(codebook=torch.zeros(K, 0)), "`codebook` is (6, 0) of float32: expected (K, D)"),
    "NaN": (wrong(codebook=torch.full((K, D), torch.nan)), "`codebook` gave NaN or infinity: expected finite"),
    "a method": (wrong(codebook=lambda self: None), "`codebook` gave method: expected a tensor of floats"),
    "failing codebook": (
        wrong(codebook=property(lambda self: self.missing)),
        "`codebook` is missing",
    ),
    # encode
    "no codes at all": (wrong(encode=gives(None)), "`encode` gave NoneType: expected a tensor of whole numbers"),
    "a tuple": (wrong(encode=gives((codes_of_two, 0.1))), "`encode` gave tuple: expected a tensor of whole numbers"),
    "float codes": (wrong(encode=gives(codes_of_two.float())), "(2, 2, 3) of float32: expected a tensor of whole"),
    "bools": (wrong(encode=gives(codes_of_two.bool())), "(2, 2, 3) of bool: expected a tensor of whole numbers"),
    "complex": (wrong(encode=gives(codes_of_two.to(torch.complex64))), "expected a tensor of whole numbers"),
    "flat codes": (wrong(encode=gives(codes_of_two.flatten())), "`encode` gave (12,) of int64 for (2, 3, 16, 24)"),
    "a sequence": (wrong(encode=gives(codes_of_two.flatten(1))), "expected codes (B, h, w), one grid an image"),
    "several grids": (wrong(encode=gives(codes_of_two.unsqueeze(1))), "expected codes (B, h, w), one grid an image"),
    "one for both": (wrong(encode=gives(codes_of_two[:1])), "expected codes (B, h, w), one grid an image"),
    "an empty grid": (wrong(encode=gives(codes_of_two[:, :0])), "expected rows to be a whole number above 0, got 0"),
    "too large": (wrong(encode=gives(codes_of_two + K)), "`encode` gave codes from 6 to 6: expected 0 to 5"),
    "below 0": (wrong(encode=gives(codes_of_two - 1)), "`encode` gave codes from -1 to -1: expected 0 to 5"),
    "failing": (wrong(encode=failing), "`encode` failed with KeyError: 'weights\\n\\nof the model'."),
    "chance": (
        wrong(encode=lambda self, images: torch.randint(K, (len(images), ROWS, COLUMNS))),
        "`encode` gave other codes for the same images a second time",
    ),
    "by the batch": (
        wrong(encode=lambda self, images: Right.encode(self, images) * 0 + len(images)),
        "`encode` gave other codes for an image alone",
    ),
    "needs an argument": (wrong(encode=lambda self, images, temperature: images), "`encode` failed with TypeError"),
    "slow": (wrong(encode=late), "`encode` has given no answer within 0 seconds"),
    # decode
    "no picture": (wrong(decode=gives(None)), "`decode` gave NoneType: expected a tensor of floats"),
    "bytes": (wrong(decode=gives(torch.zeros(2, C, H, W).byte())), "(2, 3, 16, 24) of uint8: expected a tensor"),
    "0 to 255": (wrong(decode=bounded(0, 255)), "`decode` gave pixels from 0 to 255: expected 0 to 1, or nearly"),
    "not one picture each": (wrong(decode=gives(torch.zeros(1, C, H, W))), "expected (2, 3, 16, 24)"),
    "pictures with channels last": (wrong(decode=gives(torch.zeros(2, H, W, C))), "expected (2, 3, 16, 24)"),
    "smaller": (wrong(decode=gives(torch.zeros(2, C, H, W - 1))), "expected (2, 3, 16, 24)"),
    "grey": (wrong(decode=gives(torch.zeros(2, 1, H, W))), "expected (2, 3, 16, 24)"),
    "NaN pixels": (wrong(decode=gives(torch.full((2, C, H, W), torch.nan))), "`decode` gave NaN or infinity"),
    "out of memory": (wrong(decode=failing), "`decode` failed with KeyError"),
    "leaves": (wrong(decode=lambda self, codes: exit()), "`decode` failed with SystemExit: "),
    # what it may have
    "other vectors": (
        wrong(latents=lambda self, images: 1 - Right.latents(self, images)),
        "expected the vectors before quantising, in the space in which `codebook` is searched",
    ),
    "short vectors": (wrong(latents=lambda self, x: Right.latents(self, x)[:, :2]), "vectors as long as the codes"),
    "vectors last": (
        wrong(latents=lambda self, x: Right.latents(self, x).permute(0, 2, 3, 1)),
        "expected (2, 4, 2, 3)",
    ),
    "NaN vectors": (wrong(latents=lambda self, x: Right.latents(self, x) / 0), "`latents` gave NaN or infinity"),
    "another decoder": (
        wrong(
            decode_vectors=lambda self, z: torch.zeros(len(z), C, 8 * z.shape[2], 8 * z.shape[3]), decode=Bare.decode
        ),
        "`decode_vectors` draws the codes’ own vectors otherwise than `decode` draws the codes",
    ),
    "one layer": (wrong(layers=torch.nn.Identity()), "`layers` is Identity: expected two modules, encoder and decoder"),
    "strings": (wrong(layers=("encoder", "decoder")), "`layers` is tuple: expected two modules"),
}


def test_there_are_fifty_wrong_models():
    assert len(WRONG) >= 50


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_model_is_one_sentence_that_names_the_member(mistake, monkeypatch):
    if mistake == "slow":
        monkeypatch.setattr(explorable, "LONGEST", 0.1)
    model, sentence = WRONG[mistake]
    with pytest.raises(AdapterError) as error:
        Adapted(model())
    assert sentence.replace("\\n", "") in str(error.value).replace("\\n", "")
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("member", ["image_shape", "codebook", "encode", "decode"])
def test_a_missing_member_is_named(member):
    members = {name: getattr(Right, name) for name in ("image_shape", "codebook", "encode", "decode") if name != member}
    with pytest.raises(AdapterError, match=re.escape(f"`{member}` is missing from Lacking")):
        Adapted(type("Lacking", (), members)())


@pytest.mark.parametrize("member", ["image_shape", "codebook", "encode"])
def test_a_member_that_fails_when_it_is_looked_at_is_named(member):
    def fails(self):
        raise RuntimeError("not loaded")

    with pytest.raises(AdapterError, match=re.escape(f"`{member}` failed with RuntimeError: not loaded")):
        Adapted(type("Failing", (Right,), {member: property(fails)})())


def test_a_model_that_goes_wrong_later_is_a_sentence_too():
    model = Right()
    adapted = Adapted(model)
    model.encode = lambda images: torch.full((len(images), ROWS, COLUMNS), K)
    with pytest.raises(AdapterError, match="codes from 6 to 6"):
        adapted.encode(torch.zeros(1, C, H, W))


def test_codes_that_no_row_of_the_codebook_has_never_reach_the_model():
    codes = torch.zeros(1, ROWS, COLUMNS, dtype=torch.int64)
    codes[0, -1, -1] = K
    with pytest.raises(ValueError, match="expected codes from 0 to 5, got 0 to 6"):
        Adapted(Right()).decode(codes)


def test_a_model_cannot_change_the_images_it_is_given():
    class Rude(Right):
        def encode(self, images):
            codes = super().encode(images)
            images.zero_()
            return codes

    images = torch.rand(1, C, H, W, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    Adapted(Rude()).encode(images)
    assert torch.equal(images, before)


def test_plain_layers_are_offered_as_they_are():
    plain = make_model()
    plain_layers = Adapted(plain).layers
    assert isinstance(plain_layers, Layers)
    assert plain_layers.encoder is plain.encoder
