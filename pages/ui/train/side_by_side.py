"""A visitor's own comparison: two to four recipes on the same images, in the same order, from the same seed."""

from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.charts import training
from pages.ui.charts.toolbar import TOOLBAR
from pages.ui.shell.choices import number_field
from pages.ui.shell.frame import Scene
from pages.ui.shell.messages import attempt, show
from pages.ui.shell.words import counted
from pages.ui.train.checkpoints import PLACE as SHELF
from pages.ui.train.checkpoints import take_in
from pages.ui.train.download import DATASETS
from pages.ui.train.estimate import say_cost
from vqvae import checkpoint as checkpoints
from vqvae import data
from vqvae.evaluation import Evaluation
from vqvae.runs.comparison import RECIPES
from vqvae.runs.cost import Cost
from vqvae.runs.own_checkpoints import OwnCheckpoints
from vqvae.runs.recording import Metrics
from vqvae.runs.run import ALIVE, Run, RunConfig, RunError, Status
from vqvae.runs.worker import HELD_OUT
from vqvae.training import TUTORIAL, Hyperparameters

CPU_SECONDS = "Spent on training by all threads together: hardly affected by what else the machine is doing."
FEWEST, MOST = 2, 4  # recipes at once: more lines than that cannot be told apart
FIRST = ("gradient", "ema-revival")
OWN = "settings"  # the recipe that stands in the page's settings
NAMES = {
    "tutorial": "The tutorial’s, constant rate",
    "gradient": "Gradient",
    "gradient-kmeans": "Gradient, k-means initialisation",
    "gradient-replacement": "Gradient, dead-code replacement",
    "gradient-entropy": "Gradient, entropy bonus",
    "ema": "EMA",
    "ema-revival": "EMA, dead-code replacement",
    "ema-kmeans-replacement": "EMA, late k-means, dead-code replacement",
    "recommended": "The default’s: EMA, k-means at once, dead-code replacement",
    "rotation": "Rotation trick",
    "rotation-kmeans-replacement": "Rotation trick, late k-means, dead-code replacement",
    "simvq": "SimVQ",
    "simvq-kmeans": "SimVQ, late k-means",
    "diveq": "DiVeQ",
    "diveq-kmeans-replacement": "DiVeQ, late k-means, dead-code replacement",
    "fsq": "FSQ, 8 × 4 × 4 levels",
    OWN: "Your settings",
}
EPOCHS = 20
PLACE = "train.lab"  # where it says what its buttons did
EVERY = 1.0  # seconds between two looks
CURVES = {
    "held_out_nmse": f"NMSE on {HELD_OUT} held-out images",
    "codes_used": "Codes used",
    "perplexity": "Perplexity, all cells; dotted: ink cells",
}
DOTTED = {"perplexity": ("ink_perplexity", "ink cells")}  # what stands beside it in the same chart


def side_by_side(scene: Scene, own: OwnCheckpoints | None, settings: Hyperparameters | None) -> None:
    """The visitor's comparison, or what to choose for one."""
    me = scene.visitor
    runs = me.comparison() if me else []
    try:
        order = runs[0].config() if runs and not runs[0].aside else None
    except RunError:
        st.warning("Your last comparison can no longer be read; a new one takes its place.")
        runs, order = [], None
    if order is not None:
        standing = _standing(runs)
        st.fragment(_watch, run_every=EVERY if standing.ended < len(runs) else None)(runs, order, standing)
        _keep(runs, own)
    else:
        _choose(scene, runs, settings)
    show(PLACE)


def _choose(scene: Scene, before: list[Run], settings: Hyperparameters | None) -> None:
    """Recipes, images, epochs and seed; what it will take."""
    me = scene.visitor
    names = st.multiselect(
        "Recipes, two to four",
        list(NAMES),
        FIRST,
        format_func=NAMES.__getitem__,
        max_selections=MOST,
        key="train.lab.own",
        persist_state="session",
        help="Except for “Your settings”, they share images, batches and learning rate.",
    )
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        dataset = st.selectbox(
            "Images",
            [name for name in data.DATASETS if data.is_present(name)],
            format_func=DATASETS.__getitem__,
            key="train.lab.data",
            persist_state="session",
            width=230,
        )
        st.session_state.setdefault("train.lab.epochs", EPOCHS)
        with st.container(width=170):
            epochs = number_field("Epochs each", 1, 1000, "train.lab.epochs")
        with st.container(width=170):
            seed = number_field("Shared seed", 0, 9_999, "train.lab.seed")
        recipes, orders = RECIPES | ({OWN: settings} if settings else {}), {}
        if epochs is not None and seed is not None and all(name in recipes for name in names):
            orders = {name: RunConfig(_equal(recipes[name], epochs, seed), dataset) for name in names}
        st.button(
            "Compare",
            type="primary",
            icon=":material/play_arrow:",
            on_click=attempt,
            args=(PLACE, lambda: me.compare(orders)) if me else None,
            disabled=me is None or len(orders) < FEWEST,
            key="train.lab.start",
        )
        if before:
            st.button(
                "Back to the last comparison",
                icon=":material/undo:",
                on_click=attempt,
                args=(PLACE, lambda: [run.take_back() for run in before]),
                key="train.lab.back",
            )
    if epochs is None or seed is None or len(orders) < len(names):
        st.error("A number is out of range, here or in your settings: correct it to compare.")
        return
    steps = _steps(dataset, epochs)

    def words(cost: Cost) -> str:
        minutes = max(1, round(len(names) * steps * cost.seconds / 60))
        return (
            f"{steps:,} steps for each recipe, one recipe after the other: about {minutes:,} min in all, if the "
            "machine has nothing else to do. You may leave the page meanwhile."
        )

    say_cost(scene, "train.lab.cost", replace(TUTORIAL, epochs=1), resources.shape_of(dataset), words)


def _equal(recipe: Hyperparameters, epochs: float, seed: float) -> Hyperparameters:
    """A recipe with the budget that all share: the same images, in the same batches."""
    return replace(recipe, epochs=int(epochs), seed=int(seed), batch_size=TUTORIAL.batch_size)


def _steps(dataset: str, epochs: float) -> int:
    return -(-data.training_images(dataset) // TUTORIAL.batch_size) * int(epochs)


class _Standing(NamedTuple):
    """What the page outside the curves shows of runs: where it changes, all of it is drawn again."""

    ended: int  # how many of them
    saved: int  # how many have a model to keep


def _standing(runs: list[Run]) -> _Standing:
    statuses = [run.status() for run in runs]
    return _Standing(sum(one.state not in ALIVE for one in statuses), sum(one.saved > 0 for one in statuses))


def _title(run: Run) -> str:
    return NAMES.get(run.name.partition("-")[2], run.name)


def _watch(runs: list[Run], order: RunConfig, standing: _Standing) -> None:
    """Curves on shared axes and the verdict, as far as they are."""
    if _standing(runs) != standing:
        st.rerun()
    statuses = [run.status() for run in runs]
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        alive = standing.ended < len(runs)
        early = any(status.state in ("stopped", "failed", "interrupted") for status in statuses)
        for label, icon, actions, enabled in (
            ("Stop all", "stop", [run.stop for run in runs], alive),
            ("Go on", "play_arrow", [run.play for run in runs if run.status().state != "finished"], early),
            ("New comparison", "replay", [run.set_aside for run in runs], True),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                on_click=attempt,
                args=(PLACE, lambda actions=actions: [action() for action in actions]),
                disabled=not enabled,
                key=f"train.lab.{icon}",
            )
        steps = max((status.steps for status in statuses), default=0) or _steps(order.dataset, order.recipe.epochs)
        st.caption(
            f"Equal budgets: {steps:,} steps, {counted(order.recipe.epochs, 'epoch')} in batches of "
            f"{order.recipe.batch_size}, on {DATASETS[order.dataset]}, in the same order; seed {order.recipe.seed}."
        )
    histories = {_title(run): run.history() for run in runs}
    for column, (value, words) in zip(st.columns(len(CURVES), gap="medium"), CURVES.items(), strict=True):
        column.markdown(f"**{words}**")
        column.plotly_chart(
            training.run_curves(histories, value, steps, DOTTED.get(value)),
            key=f"train.lab.own.{value}",
            config=TOOLBAR,
            alt=words,
        )
    st.dataframe(
        [
            _verdict(_title(run), histories[_title(run)], status, _final(run, status))
            for run, status in zip(runs, statuses, strict=True)
        ],
        hide_index=True,
        key="train.lab.own.table",
        column_config={"CPU seconds": st.column_config.Column(help=CPU_SECONDS)},
    )
    st.caption(
        "The curves of codes used and of codebook perplexity are over the latest batches. The table is measured on "
        f"images held out from training: {HELD_OUT} of them while a run goes on, all of them once it has finished."
    )


def _final(run: Run, status: Status) -> Evaluation | None:
    return resources.measured(run) if status.state == "finished" else None


def _verdict(title: str, history: list[Metrics], status: Status, final: Evaluation | None) -> dict[str, str]:
    """A row of the table, with dashes for what was not measured yet."""
    last = next((moment for moment in reversed(history) if moment.held_out_nmse is not None), None)
    if final is not None:
        measured = final.nmse, final.perplexity, final.ink_perplexity, final.codes_used, f"all {final.images:,}"
    elif last is not None:
        perplexities = last.held_out_perplexity, last.held_out_ink_perplexity
        measured = last.held_out_nmse, *perplexities, last.held_out_codes, f"{HELD_OUT}"
    else:
        measured = None
    return {
        "Recipe": title,
        "State": f"{status.state}, step {status.step:,}" if status.step else status.state,
        "Held-out NMSE": f"{measured[0]:.4f}" if measured else "–",
        "Perplexity, all cells": f"{measured[1]:.1f}" if measured else "–",
        "Perplexity, ink cells": f"{measured[2]:.1f}" if measured and measured[2] is not None else "–",
        "Codes used": f"{measured[3]}" if measured else "–",
        "Held-out images": measured[4] if measured else "–",
        "CPU seconds": f"{history[-1].cpu_seconds:.0f}" if history else "–",
    } | ({"What happened": status.message} if status.message and status.state not in ALIVE else {})


def _keep(runs: list[Run], own: OwnCheckpoints | None) -> None:
    """Each model can be kept, like that of any run."""
    saved = {run.name: run for run in runs if run.status().saved}
    if st.session_state.get("train.lab.own.one") not in saved:
        st.session_state["train.lab.own.one"] = next(iter(saved), None)

    def keep(own: OwnCheckpoints) -> None:
        take_in(own, checkpoints.load(saved[name].model_file), _title(saved[name]), renames=True)

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox(
            "Model",
            list(saved),
            format_func=lambda name: _title(saved[name]),
            key="train.lab.own.one",
            width=260,
            placeholder="None is saved yet",
        )
        st.button(
            "Save to your checkpoints",
            icon=":material/save:",
            disabled=own is None or name is None,
            on_click=attempt,
            args=(SHELF, lambda: keep(own)) if own else None,
            key="train.lab.keep",
            help="It then opens on every page.",
        )
