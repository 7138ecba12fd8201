import hashlib
import io
import json
import pickle
import re
import struct
import subprocess
import sys
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save as safetensors_bytes

from tests import tutorial
from vqvae import checkpoint
from vqvae.checkpoint import METADATA_KEY, Checkpoint, CheckpointError
from vqvae.evaluation import Evaluation
from vqvae.model import VQVAE, ModelConfig
from vqvae.training import RECOMMENDED, TUTORIAL, Training


@pytest.fixture
def saved(make_model) -> Checkpoint:
    """A checkpoint that says everything of itself."""
    return Checkpoint(
        model=make_model(ModelConfig(3, 12, 20, num_embeddings=7, embedding_dim=5, offset=0.25)),
        variance=0.0949,
        dataset="mnist",
        recipe=RECOMMENDED,
        training_images=60_000,
        steps=23_450,
        measured=(Evaluation("mnist", "test", 10_000, 0.003, 0.03, 25.2, 36.0, 7),),
        versions=(("torch", "2.15.0"),),
    )


@pytest.fixture
def state_dict() -> dict[str, torch.Tensor]:
    """The tutorial's own, of a small model."""
    return tutorial.VQVAE(num_embeddings=6, embedding_dim=3).state_dict()


@pytest.fixture
def with_levels(make_model) -> Checkpoint:
    """A checkpoint of a model that bounds its latents."""
    return Checkpoint(make_model(ModelConfig(num_embeddings=128, embedding_dim=3, levels=(8, 4, 4))), variance=0.1)


def torch_bytes(thing: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(thing, buffer)
    return buffer.getvalue()


def same(a: VQVAE, b: VQVAE) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def refused(content: bytes, message: str, name: str = "file.safetensors") -> None:
    """One sentence for people: it names the file and holds no line break."""
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoint.from_bytes(content, name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


# There and back


def test_a_checkpoint_comes_back_as_it_was_saved(saved, tmp_path):
    checkpoint.save(saved, tmp_path / "file.safetensors")
    opened = checkpoint.load(tmp_path / "file.safetensors")
    assert replace(opened, model=saved.model) == saved
    assert opened.model.config == saved.model.config
    assert same(opened.model, saved.model)
    assert opened.fingerprint == saved.fingerprint


def test_an_opened_model_is_for_looking_and_not_for_training(saved):
    opened = checkpoint.from_bytes(checkpoint.to_bytes(saved), "file.safetensors").model
    assert not opened.training
    assert not any(parameter.requires_grad for parameter in opened.parameters())


def test_a_file_holds_the_thirteen_tensors_and_one_json_string(saved, tmp_path):
    checkpoint.save(saved, tmp_path / "file.safetensors")
    with safe_open(tmp_path / "file.safetensors", "pt") as file:
        assert sorted(file.keys()) == sorted(tutorial.VQVAE().state_dict())
        assert list(file.metadata()) == [METADATA_KEY]
        said = json.loads(file.metadata()[METADATA_KEY])
    assert said["variance"] == saved.variance
    assert said["recipe"]["seed"] == 0
    assert said["versions"] == [["torch", "2.15.0"]]


def test_the_same_checkpoint_is_the_same_file(saved):
    assert checkpoint.to_bytes(saved) == checkpoint.to_bytes(saved)


def test_opening_leaves_torchs_own_chance_alone(saved):
    content = checkpoint.to_bytes(saved)
    before = torch.get_rng_state()
    checkpoint.from_bytes(content, "file.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("quantizer", ["gradient", "ema"])
def test_a_checkpoint_of_a_running_training_stays_as_it_is(quantizer, digits):
    run = Training(digits, replace(RECOMMENDED, quantizer=quantizer, num_embeddings=8, batch_size=30))
    run.step()
    taken = checkpoint.from_training(run.model, variance=run.variance, dataset="digits", recipe=run.hyperparameters)
    x = digits.images[:4]
    codes, fingerprint = run.model.encode(x), taken.fingerprint
    assert torch.equal(taken.model.encode(x), codes)
    run.step()
    assert replace(taken).fingerprint == fingerprint  # hashed anew
    assert run.model.training
    assert dict(taken.versions)["torch"].startswith(torch.__version__.split("+")[0])


# The fingerprint


def test_a_fingerprint_is_twelve_hex_digits(saved):
    assert len(saved.fingerprint) == 12
    int(saved.fingerprint, 16)


def test_the_weights_are_hashed_once_however_often_the_fingerprint_is_asked_for(saved, monkeypatch):
    hashed, sha256 = [], hashlib.sha256
    monkeypatch.setattr(checkpoint.hashlib, "sha256", lambda content: hashed.append(content) or sha256(content))
    assert len({saved.fingerprint for _ in range(20)}) == 1
    assert len(hashed) == 1


def test_every_number_and_the_configuration_change_the_fingerprint(make_model):
    model = make_model()
    prints = {Checkpoint(model, 0.1).fingerprint}
    model.decoder.convs[4].bias += 1e-6
    prints.add(Checkpoint(model, 0.1).fingerprint)
    model.config = replace(model.config, offset=0.25)
    prints.add(Checkpoint(model, 0.1).fingerprint)
    assert len(prints) == 3


def test_what_a_file_says_of_its_training_does_not_change_the_fingerprint(saved):
    assert replace(saved, dataset=None, steps=1, variance=0.2).fingerprint == saved.fingerprint


# The tutorial's own files


@pytest.mark.parametrize("name", ["tutorial.pt", "tutorial.PTH", "tutorial.safetensors"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_state_dict_of_the_tutorial_opens_and_says_what_is_assumed(channels, name):
    reference = tutorial.VQVAE(channels, num_embeddings=6, embedding_dim=3).eval()
    state = reference.state_dict()
    content = safetensors_bytes(state) if name.endswith("safetensors") else torch_bytes(state)
    opened = checkpoint.from_bytes(content, name)
    assert opened.model.config == ModelConfig(channels, 28, 28, num_embeddings=6, embedding_dim=3, offset=0.5)
    assert opened.variance == pytest.approx(0.0952, abs=1e-4)
    assert opened.assumed == (
        "images of 28 x 28 pixels",
        "an offset of 0.5",
        "a variance of 0.0952, that of the embedded digits",
    )
    x = torch.rand(2, channels, 28, 28)
    torch.testing.assert_close(opened.model.reconstruct(x), reference(x - 0.5)[0] + 0.5)


def test_our_state_dict_opens_in_the_tutorials_code(make_model):
    model = make_model(ModelConfig())
    reference = tutorial.VQVAE().eval()
    content = torch_bytes(model.state_dict())
    reference.load_state_dict(torch.load(io.BytesIO(content), weights_only=True))
    x = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(model.reconstruct(x), reference(x - 0.5)[0] + 0.5)


def test_a_state_dict_of_parameters_and_other_precisions_opens(state_dict):
    as_saved = OrderedDict((name, torch.nn.Parameter(value.half())) for name, value in state_dict.items())
    opened = checkpoint.from_bytes(torch_bytes(as_saved), "half.pt")
    assert {value.dtype for value in opened.model.state_dict().values()} == {torch.float32}


# Writing


def test_a_failed_save_leaves_the_old_file_whole(saved, tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    checkpoint.save(saved, path)
    before = path.read_bytes()

    def full(*given: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(replace(saved, steps=2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Torn and foreign files


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors cannot be read: No such file"):
        checkpoint.load(tmp_path / "nowhere.safetensors")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("share", [0, 0.001, 0.05, 0.5, 0.999])
def test_a_torn_checkpoint_is_refused(share, saved):
    content = checkpoint.to_bytes(saved)
    refused(content[: int(share * len(content))], "not a safetensors file, or is damaged")


@pytest.mark.parametrize("share", [0, 0.001, 0.05, 0.5, 0.999])
def test_a_torn_state_dict_is_refused(share, state_dict):
    content = torch_bytes(state_dict)
    refused(content[: int(share * len(content))], "not written by torch.save, or is damaged", "file.pt")


@pytest.mark.parametrize("name", ["photo.safetensors", "photo.pt"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK\x03\x04" + bytes(100), b"{}" * 50])
def test_a_file_of_another_kind_is_refused(content, name):
    refused(content, "or is damaged", name)


def test_single_damaged_bytes_never_raise_anything_else(state_dict):
    generator = torch.Generator().manual_seed(0)
    pickled = {"file.pt": torch_bytes(state_dict), "file.safetensors": checkpoint.to_bytes(_plain(state_dict))}
    for name, content in pickled.items():
        beginning = 1500  # where headers and the pickle lie
        for position in torch.randint(min(beginning, len(content)), (150,), generator=generator).tolist():
            damaged = bytearray(content)
            damaged[position] ^= int(torch.randint(1, 256, (), generator=generator))
            try:
                checkpoint.from_bytes(bytes(damaged), name)
            except CheckpointError as error:
                assert "\n" not in str(error)  # noqa: PT017, most damage is refused, some hits nothing that matters


def _plain(state: dict[str, torch.Tensor]) -> Checkpoint:
    return checkpoint.from_bytes(torch_bytes(state), "plain.pt")


def test_a_missing_tensor_is_named(state_dict):
    del state_dict["decoder.convs.2.bias"]
    refused(safetensors_bytes(state_dict), "expected 13 tensors, but decoder.convs.2.bias is missing")


def test_an_extra_tensor_is_named(state_dict):
    state_dict["head.weight"] = torch.zeros(1)
    refused(safetensors_bytes(state_dict), "expected 13 tensors, but 'head.weight' does not belong to it")


def test_a_tensor_of_another_shape_is_named(state_dict):
    state_dict["encoder.convs.2.weight"] = torch.zeros(64, 32, 5, 5)
    refused(safetensors_bytes(state_dict), r"expected encoder.convs.2.weight as \(64, 32, 3, 3\), got \(64, 32, 5, 5\)")


@pytest.mark.parametrize("name", ["vq_layer.embeddings.weight", "encoder.convs.0.weight"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 3), (2, 3, 4), (32, 2, 3, 3), (1, 1, 1, 1, 1)])
def test_tensors_that_sizes_are_read_from_may_have_any_shape(shape, name, state_dict):
    state_dict[name] = torch.zeros(shape)
    refused(safetensors_bytes(state_dict), "holds another model: expected")


def test_an_empty_file_of_tensors_is_refused():
    refused(safetensors_bytes({}), "expected 13 tensors, but decoder.convs.0.bias is missing")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["file.pt", "file.safetensors"])
def test_numbers_that_are_not_finite_are_refused(name, value, state_dict):
    state_dict["encoder.convs.0.bias"][3] = value
    content = torch_bytes(state_dict) if name == "file.pt" else safetensors_bytes(state_dict)
    refused(content, "holds NaN or infinity in encoder.convs.0.bias: expected finite numbers", name)


def test_numbers_too_large_for_float32_are_refused(state_dict):
    state_dict["encoder.convs.0.bias"] = torch.full((32,), 1e300, dtype=torch.float64)
    refused(safetensors_bytes(state_dict), "holds NaN or infinity in encoder.convs.0.bias")


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn])
def test_tensors_that_are_no_floats_are_refused(dtype, state_dict):
    state_dict["encoder.convs.0.bias"] = torch.zeros(32).to(dtype)
    refused(safetensors_bytes(state_dict), "expected a dense tensor of floats|expected a checkpoint in")


# What a file says of itself


def rewritten(saved: Checkpoint, change: Callable[[dict], object]) -> bytes:
    """The file of a checkpoint with its JSON changed: `change` gets what it says and returns what is written."""
    content = checkpoint.to_bytes(saved)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    said = change(json.loads(header["__metadata__"][METADATA_KEY]))
    tensors = {name: value.contiguous() for name, value in saved.model.state_dict().items()}
    return safetensors_bytes(tensors, metadata={METADATA_KEY: said if isinstance(said, str) else json.dumps(said)})


def set_to(*keys: str | int, value: object) -> Callable[[dict], dict]:
    def change(said: dict) -> dict:
        inner = said
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        return said

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda said: "{not JSON",
        lambda said: [],
        lambda said: None,
        lambda said: {},
        lambda said: "[" * 100_000,
        lambda said: '{"config": ' + "9" * 5000 + "}",
        set_to("config", value=None),
        set_to("config", "channels", value=2),
        set_to("config", "height", value=13),
        set_to("config", "height", value=12.0),
        set_to("config", "height", value="12"),
        set_to("config", "height", value=4 * 10**9),
        set_to("config", "width", value=True),
        set_to("config", "offset", value=float("nan")),
        set_to("config", "offset", value="0.5"),
        set_to("config", "offset", value=True),
        set_to("config", "offset", value=1e300),
        set_to("config", "wings", value=2),
        set_to("variance", value=0),
        set_to("variance", value=-1),
        set_to("variance", value=float("nan")),
        set_to("variance", value=float("inf")),
        set_to("variance", value=None),
        set_to("variance", value=10**400),
        set_to("dataset", value="../../etc/passwd"),
        set_to("dataset", value=["mnist"]),
        set_to("recipe", value={"magic": 1}),
        set_to("recipe", "quantizer", value="magic"),
        set_to("recipe", "epochs", value=1.5),
        set_to("recipe", "lr", value="1"),
        set_to("steps", value="many"),
        set_to("steps", value=10**30),
        set_to("steps", value=-1),
        set_to("training_images", value=10**30),
        set_to("measured", 0, "images", value=10**30),
        set_to("versions", value=[["torch", "\ud800"]]),
        set_to("assumed", value=["x" * 2000]),
        set_to("steps", value=float("inf")),
        set_to("measured", value=7),
        set_to("measured", 0, "nmse", value="0.03"),
        set_to("measured", 0, "nmse", value=float("nan")),
        set_to("measured", 0, "dataset", value=3),
        set_to("measured", 0, "extra", value=3),
        set_to("versions", value=[["torch"]]),
        set_to("versions", value=3),
        set_to("assumed", value=None),
    ],
)
def test_nonsense_in_what_a_file_says_is_refused(change, saved):
    refused(rewritten(saved, change), "What file.safetensors says of itself cannot be read")


@pytest.mark.parametrize("key", ["num_embeddings", "embedding_dim"])
@pytest.mark.parametrize("value", [8, 10**9, 10**18, 10**30])
def test_sizes_that_are_not_the_tensors_are_refused(value, key, saved):
    refused(rewritten(saved, set_to("config", key, value=value)), "holds another model")


def test_a_giant_description_is_refused_before_it_is_parsed(saved):
    refused(rewritten(saved, lambda said: "[]," * 1_000_000), "or is damaged .a header of")


# Hostile files


class Exploit:
    """Unpickles by calling a function."""

    def __init__(self, function: Callable, *given: object):
        self.call = function, given

    def __reduce__(self) -> tuple:
        return self.call


def zip_of(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_pickle(pickled: bytes) -> bytes:
    """A file as torch.save writes it, with another pickle in it."""
    return zip_of({"archive/data.pkl": pickled, "archive/version": b"3\n", "archive/byteorder": b"little"})


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("name", ["file.pt", "file.pth", "file.safetensors"])
def test_code_in_a_pickle_never_runs(name, protocol, tmp_path):
    proof = tmp_path / "executed"
    pickled = pickle.dumps({"encoder.convs.0.weight": Exploit(Path.touch, proof)}, protocol)
    for content in (pickled, with_pickle(pickled)):
        refused(content, "damaged", name)
    assert not proof.exists()


def test_code_in_a_state_dict_never_runs(state_dict, tmp_path):
    proof = tmp_path / "executed"
    state_dict["vq_layer.embeddings.weight"] = Exploit(Path.touch, proof)
    refused(torch_bytes(state_dict), "holds more than tensors, or is damaged, and was not opened", "file.pt")
    assert not proof.exists()


@pytest.mark.parametrize(
    "others",
    [
        {"results": {"loss_vals": [np.zeros(())]}, "hyperparameters": {"lr": 1e-3}},  # MishaLaskin's
        {"args": Namespace(lr=1e-4), "steps": 5},  # LlamaGen's, as its training leaves them
        {"callbacks": {Path: {"best_model_path": "epoch=1.ckpt"}}, "epoch": 1},  # as Lightning keys them
    ],
    ids=["arrays", "arguments", "callbacks"],
)
def test_a_file_that_training_left_says_how_it_becomes_plain_weights(others, state_dict, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": state_dict} | others, "theirs.pt")
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(Path("theirs.pt"))
    load, save = re.search(r"with (file = .*) and then (torch.save.*)\.$", str(caught.value)).groups()
    exec(f"{load}\n{save}", {"torch": torch})
    opened = checkpoint.load(Path("plain.pt"))
    assert torch.equal(opened.model.codebook, state_dict["vq_layer.embeddings.weight"])


def test_averaged_weights_are_opened_before_those_of_the_last_step(state_dict):
    last = {name: torch.zeros_like(tensor) for name, tensor in state_dict.items()}
    left = {"model": last, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}, "steps": 3, "ema": state_dict}
    opened = checkpoint.from_bytes(torch_bytes(left), "theirs.pt")
    assert torch.equal(opened.model.codebook, state_dict["vq_layer.embeddings.weight"])


def test_a_pickle_cannot_ask_for_memory():
    # The loader that allows only weights allows bytearray too, which takes any number of bytes at a word.
    pickled = b"\x80\x02cbuiltins\nbytearray\n" + b"\x8a\x06" + (2**40).to_bytes(6, "little") + b"\x85R."
    refused(with_pickle(pickled), "holds more than tensors, or is damaged, and was not opened", "file.pt")


def test_a_second_pickle_in_capitals_is_refused(state_dict):
    entries = {"archive/DATA.PKL": b"\x80\x02}.", "archive/data.pkl": b"\x80\x02}.", "archive/version": b"3\n"}
    refused(zip_of(entries), "is not packed as torch.save packs a state dict", "file.pt")


def test_a_zip_bomb_is_refused_unopened():
    bomb = zip_of({"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(2**28)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**20
    refused(bomb, "is not packed as torch.save packs a state dict: expected one of at most 64 MB", "bomb.pt")


def test_overlapping_entries_that_unpack_to_too_much_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(2**20))
        archive.filelist.extend([archive.filelist[-1]] * 100)  # the same megabyte a hundred times
    refused(buffer.getvalue(), "expected one of at most 64 MB", "bomb.pt")


@pytest.mark.parametrize("shape", [(10**9, 3), (2**40, 3)])
def test_a_small_tensor_stretched_to_a_giant_is_refused(shape, state_dict):
    state_dict["vq_layer.embeddings.weight"] = torch.zeros(1, 3).expand(shape)  # stride 0: twelve bytes in the file
    content = torch_bytes(state_dict)
    assert len(content) < 2**20
    refused(content, "holds more numbers than a model of at most 64 MB has", "giant.pt")


def test_a_tensor_that_reaches_beyond_its_bytes_is_refused(state_dict):
    content = torch_bytes({"a": torch.arange(10.0)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    ten, many = b"K\x0a", b"M\x10\x27"
    entries["archive/data.pkl"] = entries["archive/data.pkl"].replace(ten, many)
    refused(zip_of(entries), "or is damaged, and was not opened", "file.pt")


@pytest.mark.parametrize("thing", [[1, 2], {"a": 1}, {1: torch.zeros(1)}, torch.zeros(3), {"model": {}}])
def test_a_torch_file_of_something_else_is_refused(thing):
    refused(torch_bytes(thing), "is not a state dict: expected a dictionary of tensors", "file.pt")


@pytest.mark.parametrize("make", [lambda: torch.zeros(32).to_sparse(), lambda: torch.zeros(32, device="meta")])
def test_a_tensor_without_plain_memory_is_refused(make, state_dict):
    state_dict["encoder.convs.0.bias"] = make()
    refused(torch_bytes(state_dict), "and was not opened|expected a dense tensor of floats", "file.pt")


def test_a_file_over_64_mb_is_refused_unread(tmp_path):
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.truncate(checkpoint.MAX_BYTES + 1)  # a hole: takes no space
    with pytest.raises(CheckpointError, match=r"large\.safetensors has 65 MB: expected at most 64 MB"):
        checkpoint.load(path)


@pytest.mark.parametrize("name", ["large.pt", "large.safetensors"])
def test_an_upload_over_64_mb_is_refused(name):
    refused(bytes(checkpoint.MAX_BYTES + 1), "has 65 MB: expected at most 64 MB", name)


def test_a_header_that_claims_to_be_giant_is_refused():
    refused(struct.pack("<Q", 2**63) + b"{}", "or is damaged")


# The shipped ones


@pytest.mark.parametrize("name", checkpoint.SHIPPED)
def test_a_shipped_checkpoint_is_small_and_says_where_it_comes_from(name):
    path = checkpoint.SHIPPED[name]
    assert path.stat().st_size < 400_000
    shipped = checkpoint.load(path)
    assert (shipped.dataset, shipped.training_images) == ("mnist", 60_000)
    assert shipped.variance == pytest.approx(0.0949, abs=1e-4)
    assert shipped.recipe is not None
    K, D = (32, 2) if name == "plane" else (128, 16)
    assert shipped.model.config == ModelConfig(num_embeddings=K, embedding_dim=D)
    assert shipped.steps == 469 * shipped.recipe.epochs
    assert shipped.versions
    assert shipped.assumed == ()


def test_the_shipped_tutorial_was_trained_by_its_recipe_to_the_letter():
    shipped = checkpoint.load(checkpoint.SHIPPED["tutorial"])
    assert shipped.recipe == TUTORIAL
    assert shipped.steps == 23_450


def test_the_shipped_default_keeps_every_code_by_moving_averages():
    assert checkpoint.load(checkpoint.SHIPPED["default"]).recipe.quantizer == "ema"


def test_opening_a_checkpoint_does_not_load_torchs_compiler():
    program = "import sys; from vqvae import checkpoint; checkpoint.load(checkpoint.ASSETS / 'default.safetensors')"
    program += "; print([name for name in sys.modules if name.startswith('torch._dynamo.')][:3])"
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    assert said.stdout.strip() == "[]"


# Bounded latents


def test_a_model_with_levels_opens_with_its_bound(with_levels, digits):
    opened = checkpoint.from_bytes(checkpoint.to_bytes(with_levels), "file.safetensors")
    assert opened.model.config == with_levels.model.config
    assert opened.fingerprint == with_levels.fingerprint
    latents = opened.model.latents(digits.images)
    assert torch.equal(latents, with_levels.model.latents(digits.images))
    assert latents.abs().max() < 1.01


def test_a_model_without_levels_says_nothing_of_them(saved):
    content = checkpoint.to_bytes(saved)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert "levels" not in json.loads(header["__metadata__"][METADATA_KEY])["config"]


@pytest.mark.parametrize("levels", [[8, 4], [8, 4, 5], [8.0, 4, 4], [128, 1, 1], "844", 7])
def test_levels_that_do_not_make_the_codebook_are_refused(with_levels, levels):
    content = checkpoint.to_bytes(with_levels)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    said = json.loads(header["__metadata__"][METADATA_KEY])
    said["config"]["levels"] = levels
    header["__metadata__"][METADATA_KEY] = json.dumps(said)
    changed = json.dumps(header).encode()
    refused(len(changed).to_bytes(8, "little") + changed + content[8 + size :], "cannot be read")


# Figures


def test_figures_of_an_earlier_version_open_without_the_perplexity_over_ink_cells(saved):
    assert saved.measured[0].ink_perplexity is None
    assert checkpoint.from_bytes(checkpoint.to_bytes(saved), "file.safetensors").measured == saved.measured
    (figures,) = saved.measured
    now = replace(saved, measured=(figures._replace(ink_perplexity=58.0),))
    assert checkpoint.from_bytes(checkpoint.to_bytes(now), "file.safetensors").measured == now.measured
    broken = replace(saved, measured=(figures._replace(ink_perplexity="many"),))
    refused(checkpoint.to_bytes(broken), "cannot be read")
