"""Other projects' files: opened, saved as ours, opened again."""

import io
import json
from dataclasses import replace

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as some
from safetensors import safe_open
from safetensors.torch import save as safetensors_bytes
from safetensors.torch import save_model
from torch import nn

from tests.vqvae.foreign import plain
from tests.vqvae.test_hostile_files import ANYTHING, is_refused_or_can_be_shown, joined, often, parts, places, put
from vqvae import checkpoint
from vqvae.checkpoint import METADATA_KEY, CheckpointError
from vqvae.foreign import Settings

FAMILIES = {
    "zalando": plain.random(plain.zalando_shapes()),
    "laskin": plain.laskin_names(plain.random(plain.zalando_shapes())),
    "kumar": plain.kumar_random(),
    "compvis": plain.random(plain.Vqgan(attended=(0, 1)).shapes()),
    "llamagen": plain.llamagen_names(plain.random(plain.Vqgan(attended=(0, 1)).shapes())),
}


def torch_bytes(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_state_dict_opens_from_either_kind_of_file_and_says_what_is_assumed(family):
    tensors = FAMILIES[family]
    opened = [
        checkpoint.from_bytes(torch_bytes(tensors), "theirs.pt"),
        checkpoint.from_bytes(torch_bytes({"model": tensors}), "theirs.pth"),
        checkpoint.from_bytes(torch_bytes({"epoch": 3, "state_dict": tensors}), "theirs.ckpt"),
        checkpoint.from_bytes(safetensors_bytes(tensors), "theirs.safetensors"),
    ]
    assert len({one.fingerprint for one in opened}) == 1
    side = 64 if family in ("compvis", "llamagen") else 32
    assert opened[0].assumed[0] == f"images of {side} x {side} pixels"
    assert opened[0].assumed[-1] == "a variance of 0.0952, that of the embedded digits"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_foreign_checkpoint_that_is_saved_opens_again_as_it_was(family):
    settings = Settings(height=16, width=24)
    opened = checkpoint.from_bytes(torch_bytes(FAMILIES[family]), "theirs.pt", settings)
    known = replace(opened, steps=7, dataset="mnist")
    again = checkpoint.from_bytes(checkpoint.to_bytes(known), "ours.safetensors")
    assert replace(again, model=known.model, origin=known.origin) == known
    assert again.origin.family == opened.origin.family
    assert again.origin.conventions == opened.origin.conventions
    assert again.model.config == opened.model.config
    assert again.fingerprint == opened.fingerprint
    x = torch.rand(2, 3, 16, 24)
    assert torch.equal(again.model.reconstruct(x), opened.model.reconstruct(x))


def test_a_saved_file_holds_their_tensors_under_their_names(tmp_path):
    theirs = FAMILIES["kumar"]
    checkpoint.save(checkpoint.from_bytes(torch_bytes(theirs), "theirs.pt"), tmp_path / "ours.safetensors")
    with safe_open(tmp_path / "ours.safetensors", "pt") as file:
        assert set(file.keys()) == {name for name in theirs if not name.endswith("num_batches_tracked")}
        assert all(torch.equal(file.get_tensor(name), theirs[name]) for name in file.keys())  # noqa: SIM118


def test_settings_are_part_of_the_fingerprint():
    content = torch_bytes(FAMILIES["zalando"])
    prints = {
        checkpoint.from_bytes(content, "theirs.pt", settings).fingerprint
        for settings in (Settings(), Settings(height=16), Settings(scale=2), Settings(normalise=True))
    }
    assert len(prints) == 4
    assert checkpoint.from_bytes(content, "theirs.pt", Settings(scale=1.0)).fingerprint in prints


def test_a_rounded_foreign_checkpoint_is_still_one():
    rounded = checkpoint.rounded(checkpoint.from_bytes(torch_bytes(FAMILIES["zalando"]), "theirs.pt"))
    weight = FAMILIES["zalando"]["_pre_vq_conv.weight"]
    assert torch.equal(rounded.origin.tensors["_pre_vq_conv.weight"], weight.half().float())


def test_tensors_that_safetensors_keeps_once_for_several_names_open(tmp_path):
    class Shared(nn.Module):
        """As in their lists: one layer, twice."""

        def __init__(self, tensors: dict[str, torch.Tensor]):
            super().__init__()
            for name, tensor in tensors.items():
                *way, last = name.split(".")
                inner: nn.Module = self
                for step in way:
                    if not hasattr(inner, step):
                        inner.add_module(step, nn.Module())
                    inner = getattr(inner, step)
                inner.register_parameter(last, nn.Parameter(tensor))
            for side in (self._encoder, self._decoder):
                layers = side._residual_stack._layers
                layers.add_module("1", getattr(layers, "0"))

    model = Shared(plain.random(plain.zalando_shapes(layers=1)))
    save_model(model, tmp_path / "once.safetensors")
    once = checkpoint.load(tmp_path / "once.safetensors")
    assert once.fingerprint == checkpoint.from_bytes(torch_bytes(model.state_dict()), "twice.pt").fingerprint
    assert "_encoder._residual_stack._layers.1._block.1.weight" in once.origin.tensors


def test_larger_files_open_where_their_owner_says_so(tmp_path):
    path = tmp_path / "theirs.pt"
    torch.save(FAMILIES["zalando"], path)
    size = path.stat().st_size
    with pytest.raises(CheckpointError, match="expected at most 1 MB"):
        checkpoint.from_bytes(torch_bytes({"a": torch.zeros(2**18)}), "large.pt", max_bytes=2**20)
    assert checkpoint.load(path, max_bytes=size)
    with pytest.raises(CheckpointError, match=r"theirs\.pt has 1 MB: expected at most 1 MB"):
        checkpoint.load(path, max_bytes=size - 1)


def test_an_incomplete_one_is_refused_in_a_sentence():
    tensors = {name: value for name, value in FAMILIES["laskin"].items() if name != "pre_quantization_conv.bias"}
    with pytest.raises(CheckpointError) as caught:
        checkpoint.from_bytes(torch_bytes(tensors), "theirs.pt")
    assert str(caught.value) == (
        "theirs.pt cannot be opened as another project’s model: pre_quantization_conv.bias is missing."
    )


def test_a_model_of_nobody_known_is_told_whose_are():
    with pytest.raises(CheckpointError) as caught:
        checkpoint.from_bytes(safetensors_bytes({"blocks.0.weight": torch.zeros(2)}), "theirs.safetensors")
    assert str(caught.value).startswith(
        "theirs.safetensors holds a model that is not known here, with tensors such as 'blocks.0.weight': expected the "
        "tutorial’s, or those of zalandoresearch/pytorch-vq-vae, "
    )


def test_what_training_left_beside_a_state_dict_is_not_taken_for_it():
    thing = {"model": FAMILIES["zalando"], "optimizer": {"state": {0: torch.zeros(3)}}, "steps": 5}
    assert checkpoint.from_bytes(torch_bytes(thing), "theirs.pt").origin is not None
    with pytest.raises(CheckpointError, match="is not a state dict"):
        checkpoint.from_bytes(torch_bytes({"model": {"lr": 0.1}}), "theirs.pt")


# Hostile


def honest(family: str = "kumar") -> bytes:
    settings = Settings(height=8, width=12)
    return checkpoint.to_bytes(checkpoint.from_bytes(torch_bytes(FAMILIES[family]), "theirs.pt", settings))


HEADER, NUMBERS = parts(honest())
SAID = json.loads(HEADER["__metadata__"][METADATA_KEY])


@often
@given(some.sampled_from(places(SAID)), ANYTHING)
@example(("conventions", "height"), 10**9)
@example(("conventions", "scale"), 1e-300)
@example(("conventions",), {})
@example(("family",), "zalandoresearch/pytorch-vq-vae")
def test_whatever_a_foreign_file_says_of_itself(place, value):
    is_refused_or_can_be_shown(
        joined(HEADER | {"__metadata__": {METADATA_KEY: json.dumps(put(SAID, place, value))}}, NUMBERS)
    )


@often
@given(
    some.sampled_from(sorted(FAMILIES)),
    some.integers(0, 200),
    some.lists(some.integers(0, 6), max_size=5),
    some.sampled_from([torch.float32, torch.float16, torch.float64, torch.int64, torch.bool]),
)
def test_whatever_shape_a_tensor_has(family, number, shape, dtype):
    names = sorted(FAMILIES[family])
    changed = FAMILIES[family] | {names[number % len(names)]: torch.ones(shape, dtype=dtype)}
    is_refused_or_can_be_shown(safetensors_bytes(changed))


@often
@given(some.sampled_from(sorted(FAMILIES)), some.integers(0, 200), some.text(max_size=40))
@example("zalando", 0, "encoder.convs.0.weight")
@example("zalando", 0, "quantize_t.embed")
def test_whatever_a_tensor_is_called(family, number, name):
    tensors = dict(FAMILIES[family])
    tensors[name] = tensors.pop(sorted(tensors)[number % len(tensors)])
    is_refused_or_can_be_shown(safetensors_bytes(tensors))
