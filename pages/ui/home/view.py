"""What Home shows: one digit, and all that the model makes of it."""

from dataclasses import dataclass
from typing import Self

from pages.ui import resources
from pages.ui.shell.frame import Scene
from vqvae.analysis.activations import Activations, activations
from vqvae.data import Digits, fitted


@dataclass(frozen=True)
class HomeView:
    scene: Scene
    digits: Digits  # all of them
    index: int  # of the one shown
    activations: Activations

    @classmethod
    def chosen(cls, scene: Scene) -> Self:
        """The digit of the address in the chosen model. Raises DataError."""
        digits, index, checkpoint = resources.digits(), scene.state["digit"], scene.checkpoint
        shown = fitted(digits.take(slice(index, index + 1)), checkpoint.model.config)
        return cls(scene, digits, index, activations(checkpoint.model, shown.images[0], checkpoint.variance))
