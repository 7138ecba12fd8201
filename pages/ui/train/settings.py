"""What is to be trained: a card a recipe, what it will cost, the button that starts, and all settings behind them."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.ui import resources
from pages.ui.components.player import duration
from pages.ui.shell.choices import number_field, outside
from pages.ui.shell.frame import Scene
from pages.ui.shell.in_view import in_view
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.own_images import ask, sets_of
from pages.ui.shell.url_state import Field, PageState, number, one_of, switch, whole
from pages.ui.shell.words import counted
from pages.ui.train.download import fetching
from pages.ui.train.estimate import say_cost
from pages.ui.train.images import offered_images, title_of_images
from pages.ui.train.running import PLACE
from vqvae import data
from vqvae.quantizer import QUANTIZERS
from vqvae.runs.cost import Cost
from vqvae.runs.own_images import Entry
from vqvae.runs.run import RunConfig, is_own_images
from vqvae.runs.visitor import Visitor
from vqvae.training import PRESETS, RECOMMENDED, SETTINGS, Hyperparameters, Setting

STYLE = Path(__file__).with_name("recipes.css").read_text()
INITIALISATION_NAMES = {"normal": "Normal, N(0, 1)", "uniform": "Uniform, U(−1/K, 1/K)"}
SCHEDULE_NAMES = {"constant": "Constant", "one-cycle": "One cycle"}
GRID = 128, 3  # K and D that FSQ begins with, where those chosen make no grid
FIXED = ("simvq", "fsq")  # quantisers that no code can be moved in by itself
CHOSEN = {name: setting for name, setting in SETTINGS.items() if name != "print_freq"}


BEGUN = "train.begun"  # whether the page has its first recipe; Start over forgets it


def _parser(setting: Setting) -> Callable[[str], object]:
    if setting.choices:
        return one_of(*setting.choices)
    if setting.offered:
        low, high = setting.offered
        return whole(int(low), int(high)) if type(low) is int else number(low, high)
    return switch


def _dataset(text: str) -> str:
    """A data set, or by its form a set of the visitor's own."""
    return text if is_own_images(text) else one_of(*data.DATASETS)(text)


FIELDS = (
    Field("data", _dataset, data.EMBEDDED),
    Field("images", whole(1, data.TRAINING_IMAGES), None),
    *(
        Field(name, _parser(setting), getattr(RECOMMENDED, name), formerly=setting.formerly)
        for name, setting in CHOSEN.items()
    ),
    Field("recipe", one_of("default"), None),  # that the default's was taken, of which an address says nothing else
)


RECIPES = {
    "quick": (
        "Quick",
        "The best we found for three minutes on the embedded digits: DiVeQ, small batches, k-means after a warm-up, "
        "dead-code replacement.",
    ),
    "recommended": (
        "Default",
        "As the default was trained: the codebook follows a moving average, starts from real latents, and codes that "
        "no cell takes are replaced.",
    ),
    "tutorial": (
        "Tutorial",
        "The published recipe to the letter: the codebook learns by gradient, and some codes never get used.",
    ),
}
LABELS = {
    "images": "Limit",
    "num_embeddings": "Codes (K)",
    "embedding_dim": "Embedding dimension (D)",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "lr": "Learning rate",
    "warm_up": "Warm-up steps",
    "commitment_cost": "Commitment cost",
    "entropy_bonus": "Entropy bonus",
    "seed": "Seed",
}


def _range(name: str) -> tuple[float, float]:
    return (1, data.TRAINING_IMAGES) if name == "images" else SETTINGS[name].offered or (-math.inf, math.inf)


def problems(state: PageState) -> list[str]:
    """The fields that hold a number out of range, by their labels."""
    return [label for name, label in LABELS.items() if outside(state[name], *_range(name))]


def no_grid(state: PageState) -> str | None:
    """What is wrong with K and D for a quantiser whose codebook is a grid."""
    try:
        QUANTIZERS[state["quantizer"]].levels(state["num_embeddings"], state["embedding_dim"])
    except ValueError as error:
        return str(error)
    return None


def recipe(state: PageState) -> Hyperparameters | None:
    """The recipe that the page shows; None where it cannot be trained with."""
    return None if problems(state) or no_grid(state) else Hyperparameters(**{name: state[name] for name in CHOSEN})


def begin(state: PageState) -> None:
    """Take the quick recipe where neither address nor visitor has said anything of one, yet or since Start over.

    What an address leaves out is the default's, as in those shared before there was a quick one.
    """
    if (state.arriving or BEGUN not in st.session_state) and (
        state["recipe"] is None and all(state[name] == getattr(RECOMMENDED, name) for name in CHOSEN)
    ):
        st.session_state[BEGUN] = False
    if not st.session_state.get(BEGUN, True):  # perhaps since a run that was cut short between two settings
        take_recipe(state, "quick")
    st.session_state[BEGUN] = True


def take_recipe(state: PageState, preset: str) -> None:
    """Take all settings of a preset."""
    for name in CHOSEN:
        state[name] = getattr(PRESETS[preset], name)
    state["recipe"] = "default" if preset == "recommended" else None


def settings_form(scene: Scene) -> None:
    """A card a recipe, the button that starts, and behind the cards all that can be changed about a recipe."""
    state, me = scene.state, scene.visitor
    chosen = recipe(state)
    same = [
        name for name, preset in PRESETS.items() if chosen and replace(chosen, print_freq=preset.print_freq) == preset
    ]
    cards(state, same[0] if same else None)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        own = sets_of(me)
        st.selectbox(
            "Images",
            offered_images(state, me),
            key=state.key("data"),
            format_func=lambda name: title_of_images(name, me),
            persist_state="session",
            help="A tenth of what comes along is held out for testing; the full sets come with test images.",
            width=260,
        )
        ask(state, "data", me)
        aside = start(state, me, chosen)
    if aside:
        st.caption("A new run deletes the last one, and its model unless you saved it as a checkpoint.")
    if not is_own_images(state["data"]) and not data.is_present(state["data"]):
        fetching(state["data"], me)
    show(PLACE)
    if chosen is None:
        labels = problems(state)
        st.error(f"A number is out of range: correct {', '.join(labels)} to start." if labels else no_grid(state))
    else:
        _say_cost(scene, RunConfig(chosen, state["data"], state["images"]), own)
    with st.expander("Change the recipe", icon=":material/tune:", expanded=not same):
        if in_view(state, "fields"):
            fields(state)


def cards(state: PageState, same: str | None) -> None:
    """The recipes that have a name, to take one of them."""

    def take() -> None:
        preset = st.session_state["train.preset"]
        if preset is not None:
            take_recipe(state, preset)

    st.session_state["train.preset"] = same
    with st.container(key="train-recipes"):
        st.html(f"<style>{STYLE}</style>")
        st.radio(
            "Recipe",
            list(RECIPES),
            format_func=lambda name: f"**{RECIPES[name][0]}**",
            captions=[words for _, words in RECIPES.values()],
            index=None,
            key="train.preset",
            on_change=take,
            horizontal=True,
            label_visibility="collapsed",
            width="stretch",
        )


def start(state: PageState, me: Visitor | None, chosen: Hyperparameters | None) -> bool:
    """The button that starts, and the way back to a run that was set aside; whether there is one."""
    st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        on_click=attempt,
        args=(PLACE, lambda: me.start(RunConfig(chosen, state["data"], state["images"]))) if me and chosen else None,
        disabled=me is None or chosen is None or not (is_own_images(state["data"]) or data.is_present(state["data"])),
    )
    aside = me.last_aside() if me else None
    if aside is not None:
        st.button(
            "Back to the last run",
            icon=":material/undo:",
            on_click=attempt,
            args=(PLACE, aside.take_back),
        )
    return aside is not None


def fields(state: PageState) -> None:
    """All that can be changed about a recipe, each with its effect."""

    def fit_grid() -> None:
        if no_grid(state):
            state["num_embeddings"], state["embedding_dim"] = GRID

    columns = st.columns(3, gap="large")
    with columns[0]:
        _numeric(state, "num_embeddings")
        _numeric(state, "embedding_dim")
        titles = {name: kind.title for name, kind in QUANTIZERS.items()}
        _choice(state, "quantizer", "Quantizer", titles, on_change=fit_grid)
        _choice(state, "initialisation", "Codebook initialisation", INITIALISATION_NAMES)
        _toggle(state, "kmeans_init", "k-means initialisation", disabled=state["quantizer"] == "fsq")
        _toggle(state, "dead_code_replacement", "Dead-code replacement", disabled=state["quantizer"] in FIXED)
    with columns[1]:
        _numeric(state, "epochs")
        _numeric(state, "batch_size")
        _numeric(state, "lr")
        _choice(state, "schedule", "Schedule", SCHEDULE_NAMES)
        _numeric(state, "warm_up")
    with columns[2]:
        _numeric(state, "commitment_cost")
        _numeric(state, "entropy_bonus")
        _numeric(state, "seed")
        number_field(
            LABELS["images"],
            *_range("images"),
            state.key("images"),
            "Train on at most this many images: a quicker run and a poorer model.",
            value=None,
            placeholder="all",
        )


def _say_cost(scene: Scene, config: RunConfig, own: dict[str, Entry]) -> None:
    """Time and memory, from a few steps."""
    entry = own.get(config.dataset)
    images = entry.training if entry else data.training_images(config.dataset)
    images = min(images, config.limit or images)
    chosen = config.recipe
    steps = -(-images // chosen.batch_size) * chosen.epochs
    # What does not change a step is left out, so that one measurement serves.
    shape = entry.shape if entry else resources.shape_of(config.dataset)
    alike = replace(chosen, epochs=1, lr=1e-3, commitment_cost=0.25, schedule="constant", seed=0)

    def words(cost: Cost) -> str:
        held = cost.bytes + images * math.prod(shape)
        return (
            f"**About {duration(steps * cost.seconds)}, if the machine has nothing else to do**: {steps:,} steps of "
            f"{1000 * cost.seconds:.0f} ms, measured here. About {held / 2**20:,.0f} MB besides PyTorch itself."
        )

    say_cost(scene, "train.cost", alike, shape, words)


def describe(config: RunConfig, me: Visitor | None) -> str:
    """What is being trained, in a line."""
    recipe = config.recipe
    first = f"{recipe.initialisation} initialisation" if recipe.initialisation != "normal" else ""
    kmeans = "k-means initialisation" + (f" ({recipe.initialisation} until then)" if first else "")
    offered = {kmeans: recipe.kmeans_init, "dead-code replacement": recipe.dead_code_replacement}
    switches = [name for name, on in offered.items() if on]
    if first and not recipe.kmeans_init:
        switches.append(first)
    if recipe.warm_up:
        switches.append(f"a warm-up of {recipe.warm_up:,} steps")
    if recipe.entropy_bonus:
        switches.append(f"an entropy bonus of {recipe.entropy_bonus:g}")
    said = title_of_images(config.dataset, me)
    said += f", at most {config.limit:,}" if config.limit else ""
    return (
        f"{said} · K = {recipe.num_embeddings}, D = {recipe.embedding_dim} · "
        f"{', '.join([QUANTIZERS[recipe.quantizer].title, *switches])} · "
        f"{SCHEDULE_NAMES[recipe.schedule].lower()} rate {recipe.lr:g} · commitment cost {recipe.commitment_cost:g} · "
        f"{counted(recipe.epochs, 'epoch')} in batches of {recipe.batch_size} · seed {recipe.seed}"
    )


def _effect(name: str) -> str:
    sentence = SETTINGS[name].effect
    return f"{sentence[0].upper()}{sentence[1:]}."


def _numeric(state: PageState, name: str) -> None:
    step = SETTINGS[name].step
    form = "%g" if isinstance(step, float) else None
    number_field(LABELS[name], *_range(name), state.key(name), _effect(name), step=step, format=form)


def _choice(
    state: PageState, name: str, label: str, names: dict[str, str], on_change: Callable[[], None] | None = None
) -> None:
    st.selectbox(
        label,
        list(names),
        key=state.key(name),
        format_func=lambda value: names[value],
        on_change=on_change,
        persist_state="session",
    )
    st.caption(_effect(name))


def _toggle(state: PageState, name: str, label: str, *, disabled: bool = False) -> None:
    st.toggle(label, key=state.key(name), disabled=disabled, persist_state="session")
    st.caption(_effect(name))
