"""What a map is of: the points, and what is known of each of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from torch import Tensor

from pages.ui import resources
from pages.ui.map.choices import mapped_images
from pages.ui.shell.frame import Scene
from pages.ui.shell.own_images import chosen_images
from pages.ui.shell.url_state import PageState
from vqvae.analysis.encoding import Encoded
from vqvae.analysis.projection import MapSettings, Points, content_key
from vqvae.analysis.usage import Usage
from vqvae.checkpoint import Checkpoint
from vqvae.data import Digits
from vqvae.evaluation import Reconstructions
from vqvae.model import Sizes


@dataclass(frozen=True)
class MapView:
    scene: Scene
    source: resources.ImageSource
    digits: Digits  # all of them, in the size that the model takes
    settings: MapSettings
    points: Points
    key: str  # the map's content key

    @classmethod
    def chosen(cls, scene: Scene) -> Self:
        """The map that the address asks for. Raises DataError."""
        state, checkpoint = scene.state, scene.checkpoint
        source = chosen_images(state["digits"], mapped_images(scene.visitor))
        digits = resources.fitted_digits(checkpoint, source)
        settings = MapSettings(
            state["by"] if state["show"] == "digits" else state["show"],
            state["method"],
            MapSettings.points if state["show"] == "codes" else state["points"],
            state["neighbours"],
            state["seed"],
        )
        points = resources.map_points(checkpoint, digits, settings)
        return cls(scene, source, digits, settings, points, content_key(checkpoint.fingerprint, digits, settings))

    @property
    def state(self) -> PageState:
        return self.scene.state

    @property
    def checkpoint(self) -> Checkpoint:
        return self.scene.checkpoint

    @property
    def config(self) -> Sizes:
        return self.checkpoint.model.config

    @property
    def noun(self) -> str:
        """What the points are: "codes", "cells", or what the images are called, such as "digits"."""
        return self.settings.space if self.settings.space in ("codes", "cells") else self.digits.many

    @property
    def what(self) -> str:
        """Such as "5,000 digits"."""
        return f"{len(self.points.indices):,} {self.noun}"

    @property
    def cells(self) -> int:
        """How many cells a digit has, where points are cells; else 0."""
        return self.config.cells if self.noun == "cells" else 0

    @cached_property
    def ids(self) -> np.ndarray:
        """What each point is called in the browser: (N,), the digit, or digit * cells + cell."""
        indices, cells = self.points
        return (indices if cells is None else indices * self.cells + cells).numpy()

    @property
    def canvas(self) -> str:
        """The key of the map on a canvas, and of what it selects."""
        return f"map.{self.noun}.{self.state['digits']}.{self.state.restarts}"

    # What is known of the digits. Each is computed when it is first asked for, which a known map may never do.

    @property
    def encoded(self) -> Encoded:
        return resources.encoded.shown(self.checkpoint, self.source)

    @property
    def usage(self) -> Usage:
        return resources.usage.shown(self.checkpoint, self.source)

    @property
    def reconstructions(self) -> Reconstructions:
        return resources.reconstructions.shown(self.checkpoint, self.source)

    @property
    def principal_components(self) -> np.ndarray:
        """The map of two principal components: (N, 2)."""
        return resources.principal_components.shown(self.checkpoint, self.source, self.settings)

    @property
    def of_points(self) -> Tensor:
        """The code of each cell that is a point: (N,)."""
        return self.encoded.codes.flatten(1)[self.points.indices, self.points.cells]
