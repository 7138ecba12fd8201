"""What a model must have for these pages to look inside it: three members and a shape, and some that it may have.

Whoever owns a model writes a few lines that give it these members (an adapter) and names them on their own command
line. What an adapter gives is checked before a page sees it: each mistake is one sentence that names the member, what
was expected and what came.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from vqvae.model import MOST_CHANNELS, Autoencoder, Layers, OtherSizes, check_images
from vqvae.quantizer import VectorQuantizer

MOST_SIDE = 4096  # pixels, and numbers of a code
MOST_CODES = 2**20
LONGEST = 60.0  # seconds that an answer on two images may take
OUTSIDE = 10.0  # how far decoded pixels may leave [0, 1], untrained ones too: more is another unit, such as bytes
AGREE = 0.99  # of the cells: rounding decides some ties


@runtime_checkable
class Explorable(Protocol):
    """A model with one grid of codes an image. Tensors may lie on any device; images are float32 in [0, 1].

    It may also have: `latents(images) -> (B, D, h, w)`, the vectors before quantising, in the space of the search;
    `decode_vectors(latents) -> images`, which takes any vectors of that kind; `layers`, the two networks as
    `vqvae.model.Layers`, for models so plain that a browser can run them; and `images()`, images to look at:
    (N, C, H, W) uint8 or in [0, 1], alone or with labels (N,) and the classes' names.
    """

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        ...

    @property
    def codebook(self) -> Tensor:
        """(K, D), in the space of the search."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (B, h, w) int64 in [0, K)."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """(B, h, w) int64 in [0, K), a grid of any size or of the model's own -> (B, C, H, W)."""
        ...


class AdapterError(ValueError):
    """A model that is not what `Explorable` says; the message names the member, what was expected and what came."""


class Adapted:
    """An explorable model with all that pages ask of one; what it gives is checked at every call.

    Raises AdapterError where a member is missing or gives something else than it should.
    """

    def __init__(self, model: Explorable):
        for member in ("image_shape", "codebook", "encode", "decode"):
            if not _asked(member, lambda member=member: hasattr(model, member)):
                raise AdapterError(
                    f"`{member}` is missing from {type(model).__name__}: expected image_shape, codebook, encode and "
                    f"decode."
                )
        self._model = model
        shape = _shape(_asked("image_shape", lambda: model.image_shape))
        codebook = _codebook(_asked("codebook", lambda: model.codebook))
        probe = _probe(shape)
        codes = _whole(_asked("encode", lambda: model.encode(probe.clone())), "encode")
        if codes.ndim != 3 or len(codes) != len(probe):
            raise AdapterError(
                f"`encode` gave {_of(codes)} for {_of(probe)}: expected codes (B, h, w), one grid an image."
            )
        rows, columns = codes.shape[1:]
        try:
            self.config = OtherSizes(*shape, len(codebook), codebook.shape[1], rows, columns)
        except ValueError as error:
            raise AdapterError(f"The model’s sizes cannot be: {error}.") from error
        self.vq_layer = VectorQuantizer(len(codebook), codebook.shape[1], codebook).requires_grad_(False)
        self._examine(probe)
        self.any_grid = self._takes_any_grid()

    # What pages ask of a model.

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.config.image_shape

    @property
    def codebook(self) -> Tensor:
        """The vectors that codes stand for: (K, D) float32 on the CPU."""
        return self.vq_layer.codebook

    @property
    def layers(self) -> Layers | None:
        """The networks on both sides of the codebook, where the model shows them."""
        found = getattr(self._model, "layers", None)
        return Layers(*found) if found is not None else None

    @property
    def has_latents(self) -> bool:
        """Whether the vectors before quantising can be had."""
        return hasattr(self._model, "latents")

    @property
    def differentiable(self) -> Callable[[Tensor], Tensor] | None:
        """What makes latents of images, for gradients to be taken through; None where there is nothing."""
        return self.layers.encoder if self.layers else getattr(self._model, "latents", None)

    def encode(self, images: Tensor) -> Tensor:
        """Images to codes: (B, C, H, W) in [0, 1] -> (B, h, w) int64 in [0, K)."""
        check_images(images, self.config)
        return torch.cat([self._codes(part) for part in images.split(self.config.images_at_once)])

    def decode(self, codes: Tensor) -> Tensor:
        """Codes to images: (B, h, w) int64 in [0, K) -> (B, C, H, W), not clamped. `AdapterError` for other grids."""
        self.vq_layer.check_codes(codes)
        return torch.cat([self._pictures("decode", part) for part in codes.split(self.config.images_at_once)])

    def latents(self, images: Tensor) -> Tensor:
        """The vectors before quantising: (B, C, H, W) in [0, 1] -> (B, D, h, w). AdapterError where there are none."""
        check_images(images, self.config)
        return torch.cat([self._vectors(part) for part in images.split(self.config.images_at_once)])

    def decode_vectors(self, vectors: Tensor) -> Tensor:
        """Any latents to images: (B, D, h, w) -> (B, C, H, W), not clamped. AdapterError where it cannot."""
        return torch.cat([self._pictures("decode_vectors", part) for part in vectors.split(self.config.images_at_once)])

    def reconstruct(self, images: Tensor) -> Tensor:
        """There and back through the codes: (B, C, H, W) in [0, 1] -> the same shape, not clamped."""
        return self.decode(self.encode(images))

    def to(self, device: torch.device) -> Self:
        """Itself: its owner has put it where it is to be."""
        return self

    def state_dict(self) -> dict[str, Tensor]:
        """What tells this model from others: its codebook, and what it makes of two images."""
        codes = self.encode(_probe(self.image_shape))
        return {"codebook": self.codebook, "codes": codes, "pictures": self.decode(codes)}

    # What the model answers.

    def _codes(self, images: Tensor) -> Tensor:
        config = self.config
        codes = _whole(self._ask("encode", images), "encode").to(torch.int64)
        if tuple(codes.shape) != (len(images), *config.grid):
            raise AdapterError(f"`encode` gave {_of(codes)} for {_of(images)}: expected {(len(images), *config.grid)}.")
        if codes.numel() and not (0 <= codes.min() and codes.max() < config.num_embeddings):
            raise AdapterError(
                f"`encode` gave codes from {int(codes.min())} to {int(codes.max())}: expected 0 to "
                f"{config.num_embeddings - 1}, the rows of `codebook`."
            )
        return codes

    def _pictures(self, member: str, asked: Tensor) -> Tensor:
        pictures = _floats(self._ask(member, asked), member)
        (rows, columns), (C, H, W) = self.config.grid, self.config.image_shape
        expected = (len(asked), C, H * asked.shape[-2] // rows, W * asked.shape[-1] // columns)
        if tuple(pictures.shape) != expected:
            raise AdapterError(f"`{member}` gave {_of(pictures)} for {_of(asked)}: expected {expected}.")
        if pictures.numel():
            low, high = (float(bound) for bound in pictures.aminmax())
            if not (-OUTSIDE <= low and high <= 1 + OUTSIDE):
                raise AdapterError(f"`{member}` gave pixels from {low:.3g} to {high:.3g}: expected 0 to 1, or nearly.")
        return pictures

    def _vectors(self, images: Tensor) -> Tensor:
        vectors, config = _floats(self._ask("latents", images), "latents"), self.config
        expected = (len(images), config.embedding_dim, *config.grid)
        if tuple(vectors.shape) != expected:
            raise AdapterError(
                f"`latents` gave {_of(vectors)} for {_of(images)}: expected {expected}, vectors as long as the codes."
            )
        return vectors

    def _ask(self, member: str, given: Tensor) -> Any:
        function = getattr(self._model, member, None)
        if function is None:
            raise AdapterError(f"This model has no `{member}`, which is needed here.")
        with torch.inference_mode(False), torch.no_grad():  # it may keep tensors of its own
            return _asked(member, lambda: function(given.clone()))

    def _examine(self, probe: Tensor) -> None:
        """Ask for everything once, as pages will. Raises AdapterError."""
        codes = self._codes(probe)
        if not torch.equal(codes, self._codes(probe)):
            raise AdapterError(
                "`encode` gave other codes for the same images a second time: expected none of it to be left to "
                "chance, as in eval mode."
            )
        if float((codes[1:] == self._codes(probe[1:])).float().mean()) < AGREE:
            raise AdapterError("`encode` gave other codes for an image alone: expected each to be encoded by itself.")
        pictures = self._pictures("decode", codes)
        layers = getattr(self._model, "layers", None)
        if layers is not None and not (
            isinstance(layers, tuple) and len(layers) == 2 and all(isinstance(one, nn.Module) for one in layers)
        ):
            raise AdapterError(f"`layers` is {type(layers).__name__}: expected two modules, encoder and decoder.")
        if self.has_latents:
            nearest = self.vq_layer.nearest(self._vectors(probe))
            agree = float((nearest == codes).float().mean())
            if agree < AGREE:
                raise AdapterError(
                    f"`latents` lie nearest to the codes that `encode` gives in {agree:.0%} of the cells: expected the "
                    f"vectors before quantising, in the space in which `codebook` is searched."
                )
        if hasattr(self._model, "decode_vectors"):
            drawn = self._pictures("decode_vectors", self.vq_layer.lookup(codes))
            if not torch.allclose(drawn, pictures, atol=1e-3):
                raise AdapterError(
                    "`decode_vectors` draws the codes’ own vectors otherwise than `decode` draws the codes: expected "
                    "the same pictures."
                )

    def _takes_any_grid(self) -> bool:
        """Whether `decode` takes grids of other sizes than the model's own, as convolutions do."""
        try:
            self._pictures("decode", torch.zeros(1, 3, 3, dtype=torch.int64))
        except AdapterError:
            return False
        return True


Model = Autoencoder | Adapted  # what pages look into


def _asked(member: str, question: Callable[[], Any]) -> Any:
    """A stranger's answer; that it raised or took too long is said in a sentence."""
    answer: list[Any] = []
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            with torch.no_grad():
                answer.append(question())
        except BaseException as error:
            failed.append(error)

    begun = time.monotonic()
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(LONGEST)
    if thread.is_alive():
        raise AdapterError(f"`{member}` has given no answer within {time.monotonic() - begun:.0f} seconds.")
    if failed:
        said = " ".join(str(failed[0]).split())[:200]
        raise AdapterError(f"`{member}` failed with {type(failed[0]).__name__}: {said or 'no message'}.")
    return answer[0]


def _shape(shape: Any) -> tuple[int, int, int]:
    try:
        sides = tuple(shape)
    except TypeError:
        sides = ()
    if len(sides) != 3 or not all(type(side) is int and 1 <= side <= MOST_SIDE for side in sides):
        raise AdapterError(f"`image_shape` is {shape!r:.80}: expected three whole numbers, (C, H, W).")
    if sides[0] > MOST_CHANNELS:
        raise AdapterError(f"`image_shape` has {sides[0]} channels: expected 1 to {MOST_CHANNELS}, first of the three.")
    return sides[0], sides[1], sides[2]


def _codebook(codebook: Any) -> Tensor:
    floats = _floats(codebook, "codebook")
    if floats.ndim != 2 or not (1 <= floats.shape[0] <= MOST_CODES and 1 <= floats.shape[1] <= MOST_SIDE):
        raise AdapterError(f"`codebook` is {_of(floats)}: expected (K, D), a row for each code.")
    return floats.contiguous()


def _floats(values: Any, member: str) -> Tensor:
    if not isinstance(values, Tensor) or not values.dtype.is_floating_point:
        raise AdapterError(f"`{member}` gave {_of(values)}: expected a tensor of floats.")
    values = values.detach().to("cpu", torch.float32)
    if not torch.isfinite(values).all():
        raise AdapterError(f"`{member}` gave NaN or infinity: expected finite numbers.")
    return values


def _whole(codes: Any, member: str) -> Tensor:
    whole = isinstance(codes, Tensor) and not codes.dtype.is_floating_point and not codes.dtype.is_complex
    if not whole or codes.dtype == torch.bool:
        raise AdapterError(f"`{member}` gave {_of(codes)}: expected a tensor of whole numbers.")
    return codes.detach().cpu()


def _of(values: Any) -> str:
    """A value in words: its shape and type."""
    if isinstance(values, Tensor):
        return f"{tuple(values.shape)} of {str(values.dtype).removeprefix('torch.')}"
    return type(values).__name__


def _probe(shape: tuple[int, int, int]) -> Tensor:
    """Two images of this shape, blank and noisy: (2, C, H, W)."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    return torch.stack((torch.zeros(shape), noise))
