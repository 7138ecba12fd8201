"""Images of one's own: folders, zip, npz and Parquet files become one set, a tenth of it held out."""

from pathlib import Path

from vqvae.data import DATASETS, DataError, Digits, plain_name
from vqvae.image_arrays import in_npz
from vqvae.image_files import in_folder, in_parquet, in_zip
from vqvae.image_set import EXPECTED, ImageSet, Shape, reason_of
from vqvae.limits import OWNERS_IMAGES, ImageBounds, mb
from vqvae.model import STRIDE

LONGEST_SIDE = 64  # pixels of the images that a model is trained on, unless another size is asked for


def load(source: Path, shape: Shape | None = None, split: str = "all", bounds: ImageBounds = OWNERS_IMAGES) -> Digits:
    """The images of a folder or file, as `find` and `ImageSet.read` have them; `split` is "train", "test" or "all".

    Raises DataError.
    """
    return find(source, bounds).read(shape).part(split)


def find(source: Path, bounds: ImageBounds = OWNERS_IMAGES, name: str | None = None) -> ImageSet:
    """See what images there are, and decode none: a folder, or a file in .zip, .npz or .parquet.

    `name` is what the set is called, by default as its folder or file. Raises DataError.
    """
    name = plain_name(name or (source.stem if source.is_file() else source.absolute().name)) or "images"
    name = f"own {name}" if name.lower() in DATASETS else name
    kind = source.suffix.lower()
    try:
        if source.is_dir():
            return in_folder(source, name, bounds)
        if not source.exists():
            raise DataError(f"There is no {source}: {EXPECTED}.")
        if kind not in (".zip", ".npz", ".parquet"):
            raise DataError(f"{source.name} is no set of images: {EXPECTED}.")
        if (size := source.stat().st_size) > bounds.file:
            raise DataError(f"{source.name} has {mb(size)}: expected at most {mb(bounds.file)}.")
        if kind == ".parquet":
            return in_parquet([source], name, bounds)
        return in_zip(source, name, bounds) if kind == ".zip" else in_npz(source, name, bounds)
    except DataError:
        raise
    except Exception as error:  # what is torn, or not what its ending says, trips each parser in its own way
        raise DataError(f"{source.name} cannot be read ({reason_of(error)}): {EXPECTED}.") from error


def trainable(shape: Shape, size: tuple[int, int] | None = None) -> Shape:
    """The shape in which to train on images of a shape: 1 or 3 channels, and sides that the network can divide.

    Without a `size` (H, W), it is their own, scaled down to at most LONGEST_SIDE. Raises ValueError for sizes that the
    network cannot have.
    """
    channels, height, width = shape
    if size is None:
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = _divisible(height * scale), _divisible(width * scale)
    for side in size:
        if side < STRIDE or side % STRIDE:
            raise ValueError(f"expected a size divisible by {STRIDE}, such as 32, got {side}")
    return 1 if channels in (1, 2) else 3, size[0], size[1]


def _divisible(side: float) -> int:
    return max(STRIDE, round(side / STRIDE) * STRIDE)
