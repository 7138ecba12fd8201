"""Files that nobody should send: whatever their bytes, a sentence or a model that every page can show."""

import json
from functools import cache
from typing import Any

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as some

from vqvae import checkpoint
from vqvae.checkpoint import METADATA_KEY, Checkpoint, CheckpointError
from vqvae.evaluation import Evaluation
from vqvae.model import VQVAE, ModelConfig
from vqvae.training import RECOMMENDED

NAME = "file.safetensors"
ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
often = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@cache
def honest() -> bytes:
    """A small checkpoint that says everything of itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = VQVAE(ModelConfig(1, 12, 8, num_embeddings=5, embedding_dim=3)).requires_grad_(False).eval()
    measured = (Evaluation("mnist", "test", 10_000, 0.003, 0.03, 25.2, 3.0, 5, 2.5),)
    known = Checkpoint(model, 0.09, "mnist", RECOMMENDED, 60_000, 23_450, measured, (("torch", "2.15.0"),), ("a line",))
    return checkpoint.to_bytes(known)


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the numbers after it."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def joined(header: object, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def places(thing: Any, path: tuple = ()) -> list[tuple]:
    """The ways to everything in a thing out of JSON."""
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def put(thing: Any, path: tuple, value: object) -> Any:
    """The thing with something else at a place."""
    if not path:
        return value
    copy = dict(thing) if isinstance(thing, dict) else list(thing)
    copy[path[0]] = put(thing[path[0]], path[1:], value)
    return copy


def opened_or_said(content: bytes) -> Checkpoint | str:
    try:
        return checkpoint.from_bytes(content, NAME)
    except CheckpointError as error:
        return str(error)


def is_refused_or_can_be_shown(content: bytes) -> None:
    opened = opened_or_said(content)
    if isinstance(opened, str):
        assert NAME in opened
        assert len(opened.encode()) < 2000
        return
    config = opened.model.config
    codes = opened.model.encode(torch.zeros(1, *config.image_shape))
    assert codes.min() >= 0
    assert codes.max() < config.num_embeddings
    assert opened.model.decode(codes).shape == (1, *config.image_shape)
    f"{opened.steps or 0:,} {opened.training_images or 0:,} {opened.versions} {opened.assumed}".encode()
    again = checkpoint.from_bytes(checkpoint.to_bytes(opened), NAME)
    assert again.fingerprint == opened.fingerprint
    assert again.steps == opened.steps


SAID = json.loads(parts(honest())[0]["__metadata__"][METADATA_KEY])


@often
@given(some.sampled_from(places(SAID)), ANYTHING)
@example(("config", "offset"), True)
@example(("steps",), 10**30)
@example(("assumed",), ["\ud800"])
def test_whatever_a_file_says_of_itself(place, value):
    header, numbers = parts(honest())
    header["__metadata__"] = {METADATA_KEY: json.dumps(put(SAID, place, value))}
    is_refused_or_can_be_shown(joined(header, numbers))


@often
@given(some.sampled_from(places(parts(honest())[0])), ANYTHING)
@example(("__metadata__",), None)
def test_whatever_its_header_is(place, value):
    header, numbers = parts(honest())
    is_refused_or_can_be_shown(joined(put(header, place, value), numbers))


@often
@given(some.binary(min_size=4, max_size=64), some.integers(0, 4000))
@example(b"\x00\x00\xc0\x7f", 0)
def test_whatever_its_numbers_are(patch, start):
    header, numbers = parts(honest())
    begin = 4 * start % len(numbers)
    is_refused_or_can_be_shown(
        joined(header, (numbers[:begin] + patch + numbers[begin + len(patch) :])[: len(numbers)])
    )


@often
@given(some.binary(max_size=200), some.integers(0, 10**6))
def test_whatever_its_bytes_are(patch, start):
    content = honest()
    begin = start % (len(content) + 1)
    is_refused_or_can_be_shown(content[:begin] + patch)
