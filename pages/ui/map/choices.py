"""What the map's address holds, and the choices above the map."""

from pages.ui import resources
from pages.ui.map.linked import LINKED
from pages.ui.shell.choices import check_code, check_images, choose, images_out_of
from pages.ui.shell.frame import Scene
from pages.ui.shell.own_images import available_images
from pages.ui.shell.url_state import Field, PageState, one_of, text_up_to, whole
from pages.ui.shell.words import article
from vqvae.analysis.projection import MAX_POINTS, MapSettings
from vqvae.data import Digits
from vqvae.runs.visitor import Visitor

LONGEST = 100  # letters of a search
# What a map may be asked for: the lowest and the highest.
POINTS, NEIGHBOURHOODS, SEEDS = (100, MAX_POINTS), (2, 200), (0, 9_999)

MAPPED = ("embedded", "mnist-test")  # the digits that are not too many
SHOW = {"digits": "Images", "codes": "Codes", "cells": "Single cells"}
BY = {"quantised": "Quantised latents", "continuous": "Latents", "histogram": "Code histogram"}
METHODS = {"t-sne": "t-SNE", "pca": "PCA"}
COLORS = {"class": "Class", "error": "Error", "code": "Code"}

FIELDS = (
    Field("code", whole(0, 10**6), None, shared=True),
    Field("show", one_of(*SHOW), "digits"),
    Field("by", one_of(*BY), "quantised"),
    Field("method", one_of(*METHODS), "t-sne"),
    Field("color", one_of(*COLORS), "class"),
    Field("digits", images_out_of(*MAPPED), "embedded"),
    Field("points", whole(*POINTS), MapSettings.points),
    Field("neighbours", whole(*NEIGHBOURHOODS), MapSettings.neighbourhood),
    Field("seed", whole(*SEEDS), MapSettings.seed),
    Field("find", text_up_to(LONGEST), ""),
    *LINKED,
)


def mapped_images(me: Visitor | None) -> dict[str, resources.ImageSource]:
    """The images that can be mapped, by their names in an address."""
    return {name: source for name, source in available_images(me).items() if name in MAPPED or source.folder}


def check(scene: Scene) -> None:
    """Let go of what there is not here; before any widget is drawn."""
    state = scene.state
    check_code(state, scene.checkpoint.model.config.num_embeddings)
    check_images(state, mapped_images(scene.visitor), scene.visitor)
    if state["color"] not in _colors(state):
        state["color"] = "class"


def draw(scene: Scene, images: Digits) -> None:
    """What is shown, and in which colours; all else is behind "Settings"."""
    state = scene.state
    show = choose(
        state,
        "Show",
        "show",
        SHOW | {"digits": images.many.capitalize()},
        f"{images.many.capitalize()}: each point is one of them. Codes: each point is a vector of the codebook. "
        f"Single cells: each point is one cell of {article(images.one)} {images.one}.",
    )
    if show != "codes":
        choose(state, "Colour", "color", _colors(state), "What the colour of a point means; selections stay.")


def arrangement(state: PageState) -> None:
    """By what points are placed, and how they are laid out: rarely changed."""
    if state["show"] == "digits":
        choose(
            state,
            "Placed by",
            "by",
            BY,
            "Quantised latents: the vectors of an image’s codes, all the decoder sees. Latents: what the encoder "
            "says before quantising. Code histogram: how often each code is used, wherever it stands.",
        )
    choose(
        state,
        "Layout",
        "method",
        METHODS,
        "t-SNE keeps neighbours together. PCA keeps the two directions of largest variance, and is the same each time.",
    )


def shown(state: PageState) -> tuple[str, ...]:
    """What makes another map of it: where a click changes it, the whole page is drawn again."""
    return tuple(state[name] for name in ("show", "by", "method", "digits"))


def gone(scene: Scene) -> bool:
    """Whether the images that are shown have been deleted since, perhaps in another tab."""
    return scene.state["digits"] not in mapped_images(scene.visitor)


def _colors(state: PageState) -> dict[str, str]:
    return {name: label for name, label in COLORS.items() if name != "code" or state["show"] == "cells"}
