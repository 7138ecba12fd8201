"""Checkpoints: a model's tensors and one JSON string in a safetensors file, opened without executing anything.

A state dict that the tutorial's own code saved opens as well, and so do those of other projects (`vqvae.foreign`),
through torch's `weights_only` loader; what such a file does not say is assumed, and `assumed` says what. Every byte is
hostile until parsed: sizes are bounded before reading.
"""

import hashlib
import io
import json
import math
import pickletools
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from vqvae import data
from vqvae.data import Digits
from vqvae.evaluation import Evaluation
from vqvae.explorable import Model
from vqvae.files import write_atomically
from vqvae.foreign import FAMILIES, NOTHING_SET, Conventions, Foreign, Origin, Settings, recognise
from vqvae.model import VQVAE, Autoencoder, ModelConfig
from vqvae.paths import ASSETS
from vqvae.quantizer import VectorQuantizer
from vqvae.training import Hyperparameters

MAX_BYTES = 64 * 2**20  # of a file, and of the tensors in it as float32
MAX_HEADER = 2**18  # bytes of a safetensors header or a pickle: names, shapes and a page of JSON, no more
MAX_PIXELS = 1024 * 1024  # of a model's images
MAX_COUNT = 10**15  # of steps or images: what a table and a float can hold
MAX_TEXT = 1000  # letters that a file may say at a time
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
PICKLES = (".pt", ".pth", ".ckpt", ".bin")  # endings of what torch.save writes
WRAPPERS = ("ema", "state_dict", "model")  # under which others keep a state dict, the averaged one first
METADATA_KEY = "vqvae"
SHIPPED = {name: ASSETS / f"{name}.safetensors" for name in ("default", "tutorial", "plane")}
CODEBOOK = "vq_layer.embeddings.weight"
TUTORIAL_NAMES = ("encoder.convs.", "vq_layer.", "decoder.convs.")  # what names of its tensors begin with
# All that a pickled state dict names; the loader itself would also call what fills the memory at a word.
PICKLED = {
    "collections OrderedDict",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor_v2",
    *(f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Byte", "Bool")),
}
VARIANCE = "a variance of"  # how what is assumed of it begins
COUNTED = ("images", "codes_used")  # of an Evaluation
LIBRARIES = ("torch", "torchvision", "safetensors", "scikit-learn")


class CheckpointError(Exception):
    """A file that is not a checkpoint of this model; the message says in one sentence what is wrong."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained model and where it comes from. Shared by all who opened it: never change the model in place."""

    model: Model  # on the CPU, in eval mode
    variance: float  # of the training images' pixels in [0, 1]
    dataset: str | None = None  # a name out of data.DATASETS, or what its owner called it, where known
    recipe: Hyperparameters | None = None
    training_images: int | None = None
    steps: int | None = None
    measured: tuple[Evaluation, ...] = ()  # figures on images that the training did not see
    versions: tuple[tuple[str, str], ...] = ()  # libraries it was trained with
    assumed: tuple[str, ...] = ()  # what the file did not say, in words
    origin: Origin | None = None  # of another project's model

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that tell this model from every other: SHA-256 over tensors and configuration, once."""
        record = self.model.config.record() | (_record(self.origin) if self.origin else {})
        digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
        for name, tensor in sorted(self.tensors.items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(tensor.cpu().contiguous().numpy().astype("<f4").tobytes())
        return digest.hexdigest()[:12]

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """What a file of it holds: another project's tensors stay as they came, under their own names."""
        return self.origin.tensors if self.origin else self.model.state_dict()


def from_training(model: VQVAE, **known: Any) -> Checkpoint:
    """A checkpoint of a model as it is now: copied to the CPU, its codebook the effective one of its quantiser."""
    kept = _hollow(model.config).state_dict()  # a quantiser may have tensors of its own: they end with training
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items() if name in kept}
    tensors[CODEBOOK] = model.vq_layer.codebook.detach().cpu().contiguous()
    versions = tuple((name, version(name)) for name in LIBRARIES)
    return Checkpoint(_build(model.config, tensors), versions=versions, **known)


def rounded(checkpoint: Checkpoint, floats: torch.dtype = torch.float16) -> Checkpoint:
    """The same checkpoint with every weight rounded to what a file of such floats holds; its figures are left out."""
    content = to_bytes(checkpoint, floats)
    return replace(from_bytes(content, "The rounded checkpoint", max_bytes=4 * len(content)), measured=())


def to_bytes(checkpoint: Checkpoint, floats: torch.dtype = torch.float32) -> bytes:
    """The safetensors file of a checkpoint, its weights as such floats."""
    said = {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)}
    del said["model"], said["origin"]
    said |= _record(checkpoint.origin) if checkpoint.origin else {"config": checkpoint.model.config.record()}
    said["recipe"] = asdict(checkpoint.recipe) if checkpoint.recipe else None
    said["measured"] = [figures._asdict() for figures in checkpoint.measured]
    tensors = {name: tensor.to(floats, copy=True).contiguous() for name, tensor in checkpoint.tensors.items()}
    return safetensors_bytes(tensors, metadata={METADATA_KEY: json.dumps(said)})


def save(checkpoint: Checkpoint, path: Path, floats: torch.dtype = torch.float32) -> None:
    """Write a checkpoint; whatever happens, the file is whole or as it was before. Raises OSError."""
    write_atomically(path, to_bytes(checkpoint, floats))


def load(
    path: Path, called: str | None = None, settings: Settings = NOTHING_SET, max_bytes: int = MAX_BYTES
) -> Checkpoint:
    """Open a checkpoint or a state dict from a file, which messages call by its name, unless told another.

    `settings` are for what other projects' files do not say. Raises CheckpointError.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise CheckpointError(_too_large(called or path.name, size, max_bytes))
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{called or path} cannot be read: {error.strerror or error}.") from error
    return from_bytes(content, called or path.name, settings, max_bytes)


def from_bytes(content: bytes, name: str, settings: Settings = NOTHING_SET, max_bytes: int = MAX_BYTES) -> Checkpoint:
    """Open a checkpoint or a state dict from a file's bytes; `name` is for messages and its ending.

    `settings` are for what other projects' files do not say. Raises CheckpointError.
    """
    if len(content) > max_bytes:
        raise CheckpointError(_too_large(name, len(content), max_bytes))
    if name.lower().endswith(PICKLES):
        return _from_state_dict(_unpickle_weights(content, name, max_bytes), name, settings, max_bytes)
    header_size = int.from_bytes(content[:8], "little")
    try:
        if header_size > _most_header(max_bytes):
            raise ValueError(f"a header of {header_size} bytes")
        tensors = parse_safetensors(content)
    except (SafetensorError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(
            f"{name} is not a safetensors file, or is damaged ({error}): expected a checkpoint in "
            f".safetensors, .pt or .pth."
        ) from error
    metadata = json.loads(content[8 : 8 + header_size]).get("__metadata__") or {}  # the library has checked both
    if METADATA_KEY in metadata:
        return _from_metadata(tensors, metadata[METADATA_KEY], name, max_bytes)
    # A tensor that a state dict holds twice is kept once, and the other names say which one they stand for.
    again = {twin: tensors[kept] for twin, kept in metadata.items() if kept in tensors and twin not in tensors}
    return _from_state_dict(tensors | again, name, settings, max_bytes)


def _from_metadata(tensors: dict[str, Tensor], text: str, name: str, max_bytes: int) -> Checkpoint:
    try:
        said = json.loads(text)
        model, origin = _model(said, tensors, name, max_bytes)
        checkpoint = Checkpoint(
            model=model,
            origin=origin,
            variance=_positive(said["variance"]),
            dataset=None if said["dataset"] is None else _dataset(said["dataset"]),
            recipe=None if said["recipe"] is None else Hyperparameters.from_record(said["recipe"]),
            training_images=None if said["training_images"] is None else _count(said["training_images"]),
            steps=None if said["steps"] is None else _count(said["steps"]),
            measured=tuple(_figures(entry) for entry in said["measured"]),
            versions=tuple((_text(library), _text(number)) for library, number in said["versions"]),
            assumed=tuple(_text(line) for line in said["assumed"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(
            f"What {name} says of itself cannot be read ({type(error).__name__}: {error}): "
            f"expected what this version of the explorer writes."
        ) from error
    return checkpoint


def _model(
    said: dict[str, Any], tensors: dict[str, Tensor], name: str, max_bytes: int
) -> tuple[Autoencoder, Origin | None]:
    """The model that a file says it holds, and where it comes from if that is elsewhere."""
    if "family" in said:
        settings = Settings(**asdict(Conventions(**said["conventions"])))
        foreign = _recognised(tensors, settings, name, max_bytes)
        if foreign is None or foreign.origin.family != said["family"]:
            raise ValueError(f"expected a model of the family {said['family']!r:.80}")
        return foreign.model, foreign.origin
    config = ModelConfig(**said["config"])
    if config.height * config.width > MAX_PIXELS:
        raise ValueError(f"expected images of at most {MAX_PIXELS} pixels, got {config.height} x {config.width}")
    return _build(config, _checked(tensors, config, name, max_bytes)), None


def _record(origin: Origin) -> dict[str, object]:
    return {"family": origin.family, "conventions": asdict(origin.conventions)}


def _recognised(tensors: dict[str, Tensor], settings: Settings, name: str, max_bytes: int) -> Foreign | None:
    """Another project's model, if the tensors are of one."""
    if CODEBOOK in tensors:
        return None
    _check_count(tensors, name, max_bytes)
    try:
        return recognise(tensors, settings)
    except ValueError as error:
        raise CheckpointError(f"{name} cannot be opened as another project’s model: {error}.") from error


def _from_state_dict(tensors: dict[str, Tensor], name: str, settings: Settings, max_bytes: int) -> Checkpoint:
    """A file that says nothing of itself: sizes from the shapes, the rest set or assumed."""
    foreign = _recognised(tensors, settings, name, max_bytes)
    if foreign is not None:
        return _assuming(foreign.model, foreign.assumed, foreign.origin)
    if tensors and not any(name.startswith(TUTORIAL_NAMES) for name in tensors):
        raise CheckpointError(
            f"{name} holds a model that is not known here, with tensors such as {min(tensors)[:80]!r}: expected the "
            f"tutorial’s, or those of {', '.join(family.name for family in FAMILIES)}. Any other model opens by an "
            "adapter of some twenty lines: “Your own model” in the README."
        )
    codebook, first = tensors.get(CODEBOOK), tensors.get("encoder.convs.0.weight")
    config = ModelConfig()  # where the shapes give none: the check says what is missing or misshapen
    try:
        if codebook is not None and codebook.ndim == 2 and first is not None and first.ndim == 4:
            config = ModelConfig(int(first.shape[1]), num_embeddings=codebook.shape[0], embedding_dim=codebook.shape[1])
    except ValueError as error:
        raise CheckpointError(f"{name} holds another model: {error}.") from error
    model = _build(config, _checked(tensors, config, name, max_bytes))
    return _assuming(model, (f"images of {config.height} x {config.width} pixels", f"an offset of {config.offset:g}"))


def _assuming(model: Autoencoder, assumed: tuple[str, ...], origin: Origin | None = None) -> Checkpoint:
    """A checkpoint of a model whose file says nothing of its data."""
    variance = data.load(data.EMBEDDED, "all").variance
    of_variance = f"{VARIANCE} {variance:.4f}, that of the embedded digits"
    return Checkpoint(model, variance, assumed=(*assumed, of_variance), origin=origin)


def with_variance_of(checkpoint: Checkpoint, images: Digits) -> Checkpoint:
    """The same checkpoint with the variance of these images, where its file says none and one was assumed."""
    said = tuple(line for line in checkpoint.assumed if not line.startswith(VARIANCE))
    if said == checkpoint.assumed or not images.variance > 0:
        return checkpoint
    line = f"{VARIANCE} {images.variance:.4f}, that of the {images.described}"
    return replace(checkpoint, variance=images.variance, assumed=(*said, line))


def _unpickle_weights(content: bytes, name: str, max_bytes: int) -> dict[str, Tensor]:
    """A torch file's tensors, by the loader that knows tensors and refuses code; its unpacked size bounded first."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            pickles = [entry for entry in entries if entry.filename.lower().endswith(".pkl")]
            bounded = sum(entry.file_size for entry in entries) <= max_bytes and len(pickles) == 1
            if not (stored and bounded and pickles[0].file_size <= _most_header(max_bytes)):
                raise CheckpointError(
                    f"{name} is not packed as torch.save packs a state dict: expected one of at most {_mb(max_bytes)}."
                )
            pickled = archive.read(pickles[0])
    except (zipfile.BadZipFile, ValueError, RuntimeError, OSError, EOFError, IndexError, struct.error) as error:
        raise CheckpointError(
            f"{name} was not written by torch.save, or is damaged: expected a state dict saved by torch 1.6 or newer."
        ) from error
    try:
        named = {str(argument) for opcode, argument, _ in pickletools.genops(pickled) if opcode.name == "GLOBAL"}
        if not named <= PICKLED:
            raise ValueError(f"it names {min(named - PICKLED)}")
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a loader on a torn stack runs into nearly every exception there is
        raise CheckpointError(
            f"{name} holds more than tensors, or is damaged, and was not opened: expected a plain state dict, as "
            "torch.save(model.state_dict(), …) writes it; if you trust the file, which may run code, write one with "
            f"file = torch.load({name!r}, map_location='cpu', weights_only=False) and then torch.save("
            f"file.get('ema') or file.get('state_dict') or file.get('model') or file, 'plain.pt')."
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(tensors, dict) and tensors.get(wrapper) and isinstance(tensors[wrapper], dict):
            tensors = tensors[wrapper]
            break
    if not isinstance(tensors, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in tensors.items()
    ):
        raise CheckpointError(f"{name} is not a state dict: expected a dictionary of tensors.")
    return tensors


def _most_header(max_bytes: int) -> int:
    """A larger file has more names."""
    return MAX_HEADER * max(1, max_bytes // MAX_BYTES)


def _check_count(tensors: dict[str, Tensor], name: str, max_bytes: int) -> None:
    if sum(tensor.numel() for tensor in tensors.values()) * 4 > max_bytes:  # a small file can stretch its tensors
        raise CheckpointError(f"{name} holds more numbers than a model of at most {_mb(max_bytes)} has.")


def _checked(tensors: dict[str, Tensor], config: ModelConfig, name: str, max_bytes: int) -> dict[str, Tensor]:
    """The tensors, if they are the thirteen of a model of this configuration, as finite float32."""
    _check_count(tensors, name, max_bytes)
    try:
        expected = {key: tuple(value.shape) for key, value in _hollow(config).state_dict().items()}
    except (RuntimeError, TypeError, OverflowError) as error:  # beyond what torch can count
        raise CheckpointError(
            f"{name} holds another model: K = {config.num_embeddings} and D = {config.embedding_dim} are out of reach."
        ) from error
    missing, extra = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or extra:
        what = f"{missing[0]} is missing" if missing else f"{extra[0][:80]!r} does not belong to it"
        raise CheckpointError(f"{name} holds another model: expected {len(expected)} tensors, but {what}.")
    for key, shape in expected.items():
        tensor = tensors[key]
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{name} holds another model: expected {key} as {shape}, got {tuple(tensor.shape)}.")
        if tensor.dtype not in FLOATS or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise CheckpointError(f"{name} holds {key} as {tensor.dtype}: expected a dense tensor of floats.")
        if not torch.isfinite(tensor.to(torch.float32)).all():
            raise CheckpointError(f"{name} holds NaN or infinity in {key}: expected finite numbers.")
    return {key: tensors[key].detach().to(torch.float32) for key in expected}


def _hollow(config: ModelConfig) -> VQVAE:
    """A model of shapes without memory: the sizes come from a stranger's file."""
    K, D = config.num_embeddings, config.embedding_dim
    with torch.device("meta"):
        # Given a codebook, none is drawn: to draw without memory, torch would load its compiler, which takes seconds.
        return VQVAE(config, VectorQuantizer(K, D, torch.empty(K, D)))


def _build(config: ModelConfig, tensors: dict[str, Tensor]) -> VQVAE:
    model = _hollow(config)
    model.load_state_dict({key: value.clone() for key, value in tensors.items()}, assign=True)
    return model.requires_grad_(False).eval()


def _figures(entry: dict[str, Any]) -> Evaluation:
    figures = Evaluation(**entry)
    words: list[Any] = [*figures[:2]]
    numbers: list[Any] = [*figures[2:]]
    if figures.ink_perplexity is None:
        numbers.pop()  # earlier versions did not measure it
    for word in words:
        _text(word)
    for name in COUNTED:
        _count(getattr(figures, name))
    if not all(type(number) in (int, float) and not math.isnan(number) for number in numbers):
        raise ValueError(f"expected figures, got {numbers}")
    return figures


def _count(number: object) -> int:
    if type(number) is not int or not 0 <= number <= MAX_COUNT:
        raise ValueError(f"expected a whole number from 0 to {MAX_COUNT}, got {number!r:.80}")
    return number


def _text(words: object) -> str:
    """Words that a page can show: not too many, and no half of a letter."""
    if not isinstance(words, str) or len(words) > MAX_TEXT:
        raise ValueError(f"expected at most {MAX_TEXT} letters, got {words!r:.80}")
    words.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return words


def _dataset(name: object) -> str:
    if not isinstance(name, str) or not name or name != data.plain_name(name):
        raise ValueError(f"expected a data set’s name of at most {data.LONGEST_NAME} plain letters, got {name!r:.80}")
    return name


def _positive(number: Any) -> float:
    value = float(number)
    if not 0 < value < float("inf"):
        raise ValueError(f"expected a variance above 0, got {number}")
    return value


def _mb(size: int) -> str:
    return f"{math.ceil(size / 2**20)} MB"


def _too_large(name: str, size: int, max_bytes: int) -> str:
    return f"{name} has {_mb(size)}: expected at most {_mb(max_bytes)}."
