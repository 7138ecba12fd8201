"""What the Codebook page looks at: one model's codebook on some images, counted with background cells or without."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from pages.ui import resources
from pages.ui.caches import content
from pages.ui.charts.toolbar import toolbar
from pages.ui.codebook.tables import ComparedModel
from pages.ui.shell.frame import Scene
from pages.ui.shell.own_images import available_images, chosen_images
from pages.ui.shell.url_state import PageState
from vqvae.analysis.ablation import Ablation
from vqvae.analysis.encoding import Encoded
from vqvae.analysis.usage import Counts, Usage, beside, by_class, by_use, entropy_bits
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits
from vqvae.evaluation import perplexity

STROKE = 0.3  # standard deviation of a tile's pixels, at least, where it is a stroke: neither paper nor ink alone


@dataclass(frozen=True)
class CodebookView:
    """What all figures of the page are drawn from. Tensors are shared by all visitors: change none of them."""

    scene: Scene
    checkpoint: Checkpoint  # the scene's, or the one beside it
    source: resources.ImageSource
    with_background: bool

    @classmethod
    def chosen(cls, scene: Scene) -> Self:
        """What the address asks for. Raises DataError."""
        source = chosen_images(scene.state["digits"], available_images(scene.visitor))
        view = cls(scene, scene.checkpoint, source, scene.state["cells"] == "all")
        view.usage  # noqa: B018 - raises what cannot be read before anything is drawn
        return view

    def beside(self, checkpoint: Checkpoint) -> Self:
        """Another model on the same digits and cells."""
        return replace(self, checkpoint=checkpoint)

    @property
    def state(self) -> PageState:
        return self.scene.state

    @property
    def K(self) -> int:
        return self.checkpoint.model.config.num_embeddings

    @cached_property
    def digits(self) -> Digits:
        return resources.fitted_digits(self.checkpoint, self.source)

    @cached_property
    def encoded(self) -> Encoded:
        return resources.encoded.shown(self.checkpoint, self.source)

    @cached_property
    def usage(self) -> Usage:
        return resources.usage.shown(self.checkpoint, self.source)

    @property
    def of(self) -> tuple[Hashable, ...]:
        """What is counted, to tell figures apart by."""
        return content(self.checkpoint), self.source, self.with_background

    @property
    def counts(self) -> Counts:
        return self.usage.all_cells if self.with_background else self.usage.ink_cells

    @cached_property
    def beside_code(self) -> Tensor:
        """How often each code stands beside the one picked: (K,)."""
        code = self.code
        return resources.built(
            lambda: beside(self.encoded, self.with_background, code, self.K), "beside a code", self.of, code
        )

    @cached_property
    def ablation_key(self) -> str:
        return resources.ablation_key(self.checkpoint, self.ablated)

    @cached_property
    def ablation(self) -> Ablation | None:
        """What breaks without each code, on `ablated`; None where it was not measured, or K is 1."""
        return resources.ablations().find(self.ablation_key, self.K)

    @property
    def ablated(self) -> resources.ImageSource:
        """What ablations are measured on: a visitor's own images where those are looked at, else the embedded ones."""
        return self.source if self.source.folder else resources.EMBEDDED

    @cached_property
    def ablated_digits(self) -> Digits:
        """The images that ablations are measured on."""
        return resources.ablated_digits(self.checkpoint, self.ablated)

    @cached_property
    def order(self) -> Tensor:
        """All codes in the order chosen: (K,)."""
        match self.state["order"]:
            case "use":
                return by_use(self.counts.total)
            case "class":
                return by_class(self.usage, self.counts)
            case "similarity":
                return resources.similar_codes(self.checkpoint)
        return torch.arange(self.K)

    @property
    def code(self) -> int:
        """The code picked, or one that says something."""
        return self.expressive if self.state["code"] is None else self.state["code"]

    @property
    def expressive(self) -> int:
        """The most used of the codes whose tile is a stroke, neither paper nor ink; of all, where there is none."""

        def most_used() -> int:
            strokes = resources.tiles(self.checkpoint).flatten(1).std(1) > STROKE
            total = self.counts.total
            return int((total * strokes if (total * strokes).any() else total).argmax())

        return resources.built(most_used, "expressive code", self.of)

    @property
    def background(self) -> list[int]:
        """The codes that most of their cells take for paper alone, the most used first."""
        everything, ink = self.usage.all_cells.total, self.usage.ink_cells.total
        order = by_use(everything)
        return order[(everything > 2 * ink)[order]].tolist()

    def pick(self, code: int) -> None:
        """Take a code; a callback."""
        self.state["code"] = code

    @property
    def measured_on(self) -> str:
        """The digits and cells that figures count, for captions."""
        return f"Measured on {self.digits.described}, {self.cells}."

    @property
    def cells(self) -> str:
        """Which cells are counted, in words."""
        return "all cells" if self.with_background else "cells with ink"

    @property
    def named(self) -> tuple[tuple[str, ...], str]:
        """What classes and one of the images are called, for charts."""
        return self.digits.classes, self.digits.one

    @property
    def toolbar(self) -> dict[str, object]:
        """A chart's toolbar: it saves pictures in the format chosen."""
        return toolbar(self.state["picture"])

    def compared(self, title: str) -> ComparedModel:
        """The figures that two models are compared by."""
        return ComparedModel(
            title,
            self.K,
            perplexity(self.usage.all_cells.total),
            perplexity(self.usage.ink_cells.total),
            float(entropy_bits(self.usage.all_cells.total)),
            len(self.usage.dead),
            float(resources.reconstructions.shown(self.checkpoint, self.source).nmse.mean()),
        )
