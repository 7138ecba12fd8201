"""What several commands take: a model, images, counts; and how they come by what those name."""

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vqvae import checkpoint, data, owner
from vqvae import images as own_images
from vqvae.background.download import Progress, fetch
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits
from vqvae.image_set import Shape


def add_checkpoints(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "checkpoints", type=Path, nargs="*", default=list(checkpoint.SHIPPED.values()), help="files (the shipped ones)"
    )
    add_model(command)


def add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "checkpoint", type=Path, nargs="?", default=checkpoint.SHIPPED["default"], help="a file (the shipped default)"
    )


def add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        help="another model in place of a file of ours: my_adapter.py:make, whose code runs, or weights; images come "
        "in its size",
    )


def add_images(command: Any, purpose: str) -> None:
    command.add_argument(
        "--images",
        type=Path,
        help="images of your own: a folder of images or of class folders, or a file in .zip, .npz or .parquet, "
        f"{purpose}",
    )


def add_data(command: argparse.ArgumentParser, own: bool = False) -> None:
    sources = command.add_mutually_exclusive_group()
    if own:
        add_images(sources, "in place of a data set; a tenth of each class is held out for testing")
    sources.add_argument(
        "--dataset",
        choices=data.DATASETS,
        help=f"{data.EMBEDDED}: 5,000 digits that come along, 500 of them for testing; {data.PHOTOS}: crops of two "
        "photographs, in colour, which come along too; the others in full (mnist)",
    )
    command.add_argument("--download", action="store_true", help="fetch the data set first if it is not there")
    command.add_argument("--limit", type=int, help="only so many of the images, for a quick try")


def check_counts(options: argparse.Namespace, *names: str) -> None:
    """Before the work begins: what is counted in these options is at least one, where it is given."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"expected --{name.replace('_', '-')} to be at least 1, got {value}")


def models_of(options: argparse.Namespace) -> list[str]:
    """The names of the models that a command is about: the one after --model, else the files."""
    return [options.model] if options.model else [str(path) for path in options.checkpoints]


def with_images(name: str, options: argparse.Namespace) -> tuple[Checkpoint, Digits, Digits]:
    """A model by its name, images to train on and images to measure on, in its size.

    Where none are named, images that an adapter brings along are both; a model of no digits is then asked for some.
    """
    opened, brought = owner.opened(name)
    config = opened.model.config
    if options.images:
        train, test = own_images_of(options, config.image_shape)
    elif options.dataset is None and brought is not None:
        train = test = _limited(brought, options)
    else:
        train, test = both_parts(options)
    if options.model:
        test = data.fitted(test, config)  # those to train on are fitted a few at a time: they may be many and large
        opened = checkpoint.with_variance_of(opened, test)
    return opened, train, test


def images_of(dataset: str | None, split: str, options: argparse.Namespace) -> Digits:
    """The images of a data set, MNIST where none is named, fetched first where that is asked for. Raises DataError."""
    dataset = dataset or "mnist"
    if options.download:
        fetch_data(dataset)
    return _limited(data.load(dataset, split), options)


def both_parts(options: argparse.Namespace) -> tuple[Digits, Digits]:
    """The images to train on, and those to measure on."""
    return images_of(options.dataset, "train", options), images_of(options.dataset, "test", options)


def own_images_of(options: argparse.Namespace, shape: Shape | None = None) -> tuple[Digits, Digits]:
    """The same of a folder or file; without a shape, in one that can be trained on."""
    found = own_images.find(options.images)
    own = found.read(shape or own_images.trainable(found.shape, options.size))
    for sentence in own.said:
        print(sentence)
    train, test = (_limited(own.part(split), options) for split in ("train", "test"))
    print(f"{own.everything.described}, {' x '.join(map(str, own.everything.pixels.shape[1:]))}; {test.described}")
    return train, test


def _limited(images: Digits, options: argparse.Namespace) -> Digits:
    if options.limit is None:
        return images
    if options.limit < 1:
        raise ValueError(f"expected --limit to be at least 1, got {options.limit}")
    return images.evenly(options.limit)


def fetch_data(dataset: str) -> None:
    """Download a data set that is not there, with a bar for each of its files."""
    if data.is_present(dataset):
        return
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:

        def show(progress: Progress) -> bool:
            if progress.bytes < bar.n:
                bar.reset(progress.total)
            bar.total = progress.total
            bar.set_description(f"file {progress.file} of {progress.files}", refresh=False)
            bar.update(progress.bytes - bar.n)
            return True

        fetch(dataset, show)
