"""A visitor's own image sets: each one file, ready to train on, which nobody else sees.

Whatever was uploaded is parsed by a process of its own, which may take so much memory and time; what it writes is
plain pixels, and only that is opened here.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes

from vqvae import data, images
from vqvae.data import DATASETS, DataError, Digits
from vqvae.files import write_atomically
from vqvae.image_set import OwnImages, Shape
from vqvae.limits import IMAGE_SETS_EACH, PARSING_MEMORY, PARSING_TIME, VISITORS_IMAGES, mb
from vqvae.runs.process import bound_memory
from vqvae.runs.run import is_own_images
from vqvae.runs.visitor import Visitor, check_disk

METADATA_KEY = "images"
ENDINGS = (".zip", ".npz", ".parquet")


class Entry(NamedTuple):
    """One set of a collection."""

    name: str  # as in an address: "own-" and twelve hex digits of its content
    title: str  # as its owner's file was called
    shape: Shape  # of an image
    training: int  # images to train on; the others are held out
    held_out: int
    created: float  # seconds since 1970
    said: tuple[str, ...] = ()  # of how they were read

    @property
    def count(self) -> int:
        """How many images there are in all."""
        return self.training + self.held_out


class OwnImageSets:
    """The image sets of one visitor."""

    def __init__(self, visitor: Visitor):
        self.folder = visitor.folder / "images"

    def entries(self) -> list[Entry]:
        """All of them, the oldest first; a file that cannot be read is left out."""
        found = [_entry(path) for path in self.folder.glob("own-*.safetensors") if is_own_images(path.stem)]
        return sorted((entry for entry in found if entry), key=lambda entry: (entry.created, entry.name))

    def add(self, content: bytes, filename: str) -> Entry:
        """Parse an uploaded file and keep its images, in a size that can be trained on.

        Raises DataError, in a sentence, for what is no set of images, for too many of them, and where there is no room.
        """
        ending = Path(filename).suffix.lower()
        if ending not in ENDINGS:
            raise DataError(f"{filename[-80:]} is no set of images: expected a file in {', '.join(ENDINGS)}.")
        if len(content) > VISITORS_IMAGES.file:
            raise DataError(f"{filename[-80:]} has {mb(len(content))}: expected at most {mb(VISITORS_IMAGES.file)}.")
        if len(self.entries()) >= IMAGE_SETS_EACH:
            raise DataError(f"You have {IMAGE_SETS_EACH} sets of images already: delete one first.")
        try:
            check_disk(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder) as room:
                source = Path(room) / f"upload{ending}"
                source.write_bytes(content)
                path = _parsed(source, Path(filename).stem, self.folder)
        except OSError as error:
            raise DataError(f"Your images cannot be kept here, since {error.strerror or error}.") from error
        entry = _entry(path)
        if entry is None:
            raise DataError(f"{filename[-80:]} cannot be kept: try it again.")
        return entry

    def delete(self, name: str) -> None:
        """Raises OSError."""
        if is_own_images(name):
            (self.folder / f"{name}.safetensors").unlink(missing_ok=True)


def images_for(run_folder: Path, dataset: str, split: str) -> Digits:
    """The images that a run in this folder is to see: a data set's, or its visitor's own. Raises DataError."""
    if dataset in DATASETS or not is_own_images(dataset):
        return data.load(dataset, split)
    return read(run_folder.parents[1] / "images" / f"{dataset}.safetensors").part(split)


def read(path: Path) -> OwnImages:
    """The images in a file that was kept. Raises DataError."""
    try:
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})[METADATA_KEY])
            everything = Digits(
                file.get_tensor("pixels"), file.get_tensor("labels"), said["title"], "all", tuple(said["classes"])
            )
        return OwnImages(everything, said["training"], ())
    except FileNotFoundError as error:
        raise DataError("These images are gone: they have been deleted in the meantime.") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"These images cannot be read ({error}): delete them and upload them again.") from error


def _entry(path: Path) -> Entry | None:
    try:
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})[METADATA_KEY])
            count, channels, height, width = file.get_slice("pixels").get_shape()
        training, shape = said["training"], (channels, height, width)
        return Entry(path.stem, said["title"], shape, training, count - training, said["created"], tuple(said["said"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _parsed(source: Path, title: str, folder: Path) -> Path:
    """The file that a process of its own makes of an upload. Raises DataError."""
    command = [sys.executable, "-m", "vqvae.runs.own_images", str(source), title, str(folder)]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        bound_memory(child.pid, PARSING_MEMORY)
        try:
            printed, wrong = child.communicate(timeout=PARSING_TIME)
        except subprocess.TimeoutExpired as error:
            child.kill()
            raise DataError(f"Reading these images takes more than {PARSING_TIME} s: bring fewer of them.") from error
    if child.returncode == 1:
        raise DataError(wrong.strip())
    if child.returncode:
        raise DataError("These images take too much memory to read: bring fewer, or smaller ones.")
    return Path(printed.strip())


def keep(source: Path, title: str, folder: Path) -> Path:
    """Parse a file, and write what is to be trained on into the folder. Raises DataError, OSError."""
    found = images.find(source, VISITORS_IMAGES, title)
    own = found.read(images.trainable(found.shape))
    pixels = own.everything.pixels
    said = {
        "title": own.everything.dataset,
        "classes": own.everything.classes,
        "training": own.training,
        "said": own.said,
        "created": time.time(),
    }
    labels = own.everything.labels
    told = json.dumps([pixels.shape, own.everything.dataset, own.everything.classes, labels.tolist()])
    path = folder / f"own-{own.everything.content_key(told)[:12]}.safetensors"  # other labels make another set
    tensors = {"pixels": pixels.contiguous(), "labels": labels}
    write_atomically(path, safetensors_bytes(tensors, metadata={METADATA_KEY: json.dumps(said)}))
    return path


def main(arguments: Sequence[str]) -> int:
    """0 for images that are kept, whose file is printed; 1 for a sentence that says why not, 2 for no memory."""
    torch.set_num_threads(1)
    source, title, folder = arguments
    try:
        print(keep(Path(source), title, Path(folder)))
    except (DataError, OSError) as error:
        print(str(error).replace(Path(source).name, f"{title[-80:]}{Path(source).suffix}"), file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError):  # torch has its own word for it
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
