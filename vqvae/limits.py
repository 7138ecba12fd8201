"""What one visitor may cost all others: limits with names in the environment, read whenever they are asked for.

Whoever runs the explorer for many sets them; README lists them, and a test holds its table to this one.
"""

import os
from typing import NamedTuple


class Limit(NamedTuple):
    """A whole number that an environment variable sets; what is no such number counts as not set."""

    name: str  # of the variable
    usual: int  # without it
    what: str  # it bounds
    least: int = 1

    @property
    def value(self) -> int:
        named = os.environ.get(self.name, "")
        number = int(named) if named.isascii() and named.isdigit() and len(named) < 10 else -1
        return number if number >= self.least else self.usual


AT_ONCE = Limit("VQVAE_AT_ONCE", 1, "runs that train at the same time; the others queue")
WAITING = Limit("VQVAE_WAITING", 8, "runs of all visitors that may wait in the queue", least=0)
WAITING_EACH = Limit("VQVAE_WAITING_EACH", 6, "runs of one visitor that may wait in the queue", least=0)
RUN_THREADS = Limit("VQVAE_RUN_THREADS", os.cpu_count() or 1, "threads of a run that trains a model")
RUN_MEMORY = Limit("VQVAE_RUN_MEMORY", 8192, "MB of memory that a run may take, on Linux")
FREE_DISK = Limit("VQVAE_FREE_DISK", 500, "MB that stay free on the disk: below, nothing new is begun or kept", least=0)
KEEP_RUNS = Limit("VQVAE_KEEP_RUNS", 30, "days after which a run that has ended is removed")
CHECKPOINTS_EACH = Limit("VQVAE_CHECKPOINTS_EACH", 40, "checkpoints that one visitor may keep")
CHECKPOINTS = Limit("VQVAE_CHECKPOINTS", 8192, "MB that the checkpoints of all visitors may take")
UPLOADS = Limit("VQVAE_UPLOADS", 6, "files that one visitor may upload within a minute")
COMPUTING = Limit(
    "VQVAE_COMPUTING",
    2,
    "maps, ablations and measurements at the same time, and as many encodings and estimates for pages; the others wait",
)


class ImageBounds(NamedTuple):
    """What a set of images may come to; all of it is checked before it is read or unpacked."""

    file: int  # bytes of a file with images in it, and of an image
    images: int
    pixels: int  # of one image as it comes
    all_pixels: int  # of all images as they come: what decoding them takes
    held: int  # bytes of all images as they are kept, and of an array before
    formats: tuple[str, ...]  # as Pillow names them


VISITORS_IMAGES = ImageBounds(
    file=64 * 2**20,
    images=60_000,
    pixels=25_000_000,
    all_pixels=1_000_000_000,
    held=256 * 2**20,
    formats=("PNG", "JPEG", "WEBP"),
)
IMAGE_SETS_EACH = 4  # that one visitor may keep
PARSING_MEMORY = 2048  # MB that reading an upload may take, on Linux
PARSING_TIME = 120  # seconds
OWNERS_IMAGES = ImageBounds(  # of whoever has the machine: what memory and patience hold
    file=64 * 2**30,
    images=2_000_000,
    pixels=150_000_000,
    all_pixels=10**13,
    held=8 * 2**30,
    formats=("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF"),
)

LIMITS = tuple(one for one in globals().values() if isinstance(one, Limit))


def mb(size: float) -> str:
    """Bytes in whole MB."""
    return f"{size / 2**20:,.0f} MB"
