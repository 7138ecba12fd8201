"""What is to be trained: the settings of a recipe, what they will cost, and the button that starts."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from pages.ui import resources
from pages.ui.components.player import duration
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.url_state import Field, PageState, number, one_of, switch, whole
from pages.ui.train.download import DATASETS, fetching
from pages.ui.train.running import PLACE
from vqvae import data
from vqvae.quantizer import QUANTIZERS
from vqvae.runs.run import RunConfig
from vqvae.runs.visitor import Visitor
from vqvae.training import PRESETS, RECOMMENDED, SETTINGS, Hyperparameters, Setting

INITIALISATION_NAMES = {"normal": "Normal, N(0, 1)", "uniform": "Uniform, U(−1/K, 1/K)"}
SCHEDULE_NAMES = {"constant": "Constant", "one-cycle": "One cycle"}
CHOSEN = {name: setting for name, setting in SETTINGS.items() if name != "print_freq"}


def _parser(setting: Setting) -> Callable[[str], object]:
    if setting.choices:
        return one_of(*setting.choices)
    if setting.offered:
        return (whole if type(setting.offered[0]) is int else number)(*setting.offered)
    return switch


FIELDS = (
    Field("data", one_of(*data.DATASETS), data.EMBEDDED),
    Field("images", whole(1, data.TRAINING_IMAGES), None),
    *(
        Field(name, _parser(setting), getattr(RECOMMENDED, name), formerly=setting.formerly)
        for name, setting in CHOSEN.items()
    ),
)


def recipe(state: PageState) -> Hyperparameters:
    """The recipe that the page shows. Raises ValueError for one that cannot be trained with."""
    return Hyperparameters(**{name: state[name] for name in CHOSEN})


def settings_form(state: PageState, me: Visitor | None) -> None:
    """Draw the settings, what they will cost, and the button that starts."""

    def take_preset() -> None:
        preset = st.session_state["train.preset"]
        if preset is not None:
            for name in CHOSEN:
                state[name] = getattr(PRESETS[preset], name)

    settings = {name: state[name] for name in CHOSEN}
    same = [name for name, preset in PRESETS.items() if replace(preset, **settings) == preset]
    st.session_state["train.preset"] = same[0] if same else None
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.segmented_control(
            "Recipe",
            ["recommended", "tutorial"],
            key="train.preset",
            format_func=str.capitalize,
            on_change=take_preset,
            help="Recommended: all codes come to be used, within minutes. Tutorial: the published recipe to the "
            "letter, where some codes never get used.",
        )
        st.selectbox(
            "Images",
            list(DATASETS),
            key=state.key("data"),
            format_func=DATASETS.__getitem__,
            persist_state="session",
            width=260,
            help="A tenth of the embedded digits is held out for testing; the full sets come with test images.",
        )
        st.number_input(
            "Limit",
            1,
            data.TRAINING_IMAGES,
            key=state.key("images"),
            placeholder="all",
            persist_state="session",
            width=150,
            help="Train on at most this many images: a quicker run and a poorer model.",
        )
    present = data.is_present(state["data"])
    if not present:
        fetching(state["data"], me)
    columns = st.columns(3, gap="large")
    with columns[0]:
        _numeric(state, "num_embeddings", "Codes (K)")
        _numeric(state, "embedding_dim", "Embedding dimension (D)")
        _choice(state, "quantizer", "Quantizer", {name: kind.title for name, kind in QUANTIZERS.items()})
        _choice(state, "initialisation", "Codebook initialisation", INITIALISATION_NAMES)
        _toggle(state, "kmeans_init", "k-means initialisation")
        _toggle(state, "dead_code_replacement", "Dead-code replacement", disabled=state["quantizer"] == "simvq")
    with columns[1]:
        _numeric(state, "epochs", "Epochs")
        _numeric(state, "batch_size", "Batch size")
        _numeric(state, "lr", "Learning rate")
        _choice(state, "schedule", "Schedule", SCHEDULE_NAMES)
        _numeric(state, "warm_up", "Warm-up steps")
    with columns[2]:
        _numeric(state, "commitment_cost", "Commitment cost")
        _numeric(state, "seed", "Seed")
        config = RunConfig(recipe(state), state["data"], state["images"])
        st.button(
            "Start training",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=attempt,
            args=(PLACE, lambda: me.start(config)),
            disabled=me is None or not present,
        )
        show(PLACE)
        _say_cost(config)
        aside = me.last_aside() if me else None
        if aside is not None:
            st.button(
                "Back to the last run",
                icon=":material/undo:",
                width="stretch",
                on_click=attempt,
                args=(PLACE, aside.take_back),
            )
            st.caption("A new run deletes the last one, and its model unless you saved it as a checkpoint.")


def _say_cost(config: RunConfig) -> None:
    """Time and memory, from a few steps tried just now."""
    images = data.TRAINING_IMAGES
    if config.dataset == data.EMBEDDED:
        images = len(resources.digits()) - data.HELD_OUT
    images = min(images, config.limit or images)
    chosen = config.recipe
    steps = -(-images // chosen.batch_size) * chosen.epochs
    # What does not change a step is left out, so that one measurement serves.
    cost = resources.step_cost(replace(chosen, epochs=1, lr=1e-3, commitment_cost=0.25, schedule="constant", seed=0))
    held = cost.bytes + images * resources.digits().pixels[0].numel()
    st.caption(
        f"**About {duration(steps * cost.seconds)}, if the machine has nothing else to do**: {steps:,} steps of "
        f"{1000 * cost.seconds:.0f} ms, measured just now. About {held / 2**20:,.0f} MB besides PyTorch itself."
    )


def describe(config: RunConfig) -> str:
    """What is being trained, in a line."""
    recipe = config.recipe
    offered = {"k-means initialisation": recipe.kmeans_init, "dead-code replacement": recipe.dead_code_replacement}
    epochs = f"{recipe.epochs} epochs" if recipe.epochs > 1 else "1 epoch"
    switches = [name for name, on in offered.items() if on]
    if recipe.initialisation != "normal":
        switches.append(f"{recipe.initialisation} initialisation")
    if recipe.warm_up:
        switches.append(f"a warm-up of {recipe.warm_up:,} steps")
    images = DATASETS[config.dataset] + (f", at most {config.limit:,}" if config.limit else "")
    return (
        f"{images} · K = {recipe.num_embeddings}, D = {recipe.embedding_dim} · "
        f"{', '.join([QUANTIZERS[recipe.quantizer].title, *switches])} · "
        f"{SCHEDULE_NAMES[recipe.schedule].lower()} rate {recipe.lr:g} · commitment cost {recipe.commitment_cost:g} · "
        f"{epochs} in batches of {recipe.batch_size} · seed {recipe.seed}"
    )


def _effect(name: str) -> None:
    sentence = SETTINGS[name].effect
    st.caption(f"{sentence[0].upper()}{sentence[1:]}.")


def _numeric(state: PageState, name: str, label: str) -> None:
    low, high = SETTINGS[name].offered
    step = SETTINGS[name].step
    form = "%g" if isinstance(step, float) else None
    st.number_input(label, low, high, step=step, format=form, key=state.key(name), persist_state="session")
    _effect(name)


def _choice(state: PageState, name: str, label: str, names: dict[str, str]) -> None:
    st.selectbox(
        label, list(names), key=state.key(name), format_func=lambda value: names[value], persist_state="session"
    )
    _effect(name)


def _toggle(state: PageState, name: str, label: str, *, disabled: bool = False) -> None:
    st.toggle(label, key=state.key(name), disabled=disabled, persist_state="session")
    _effect(name)
