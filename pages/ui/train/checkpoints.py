"""The shelf: a visitor's own checkpoints, kept from a run or uploaded, compared, taken away, deleted and taken back."""

import secrets
from typing import NamedTuple

import streamlit as st

from pages.ui import resources
from pages.ui.shell.choices import number_field
from pages.ui.shell.frame import Scene, told_apart
from pages.ui.shell.job import Work
from pages.ui.shell.messages import attempt, plain, say, show, succeeds
from pages.ui.shell.url_state import PageState
from pages.ui.train import prior
from pages.ui.train.download import DATASETS
from vqvae import checkpoint as checkpoints
from vqvae.background.jobs import Job
from vqvae.checkpoint import MAX_BYTES, Checkpoint, CheckpointError
from vqvae.data import EMBEDDED, DataError, described
from vqvae.evaluation import Evaluation
from vqvae.foreign import Settings
from vqvae.limits import UPLOADS
from vqvae.runs.own_checkpoints import LARGEST_SIDE, LONGEST_TITLE, Entry, OwnCheckpoints, is_own
from vqvae.runs.run import Run

PLACE = "train.shelf"  # where it says what its buttons did
SAVING = "train.save"  # and those beside a run


def keep(scene: Scene, own: OwnCheckpoints, run: Run) -> None:
    """Beside a run: keep its model, and draw with it at once."""
    saved = run.status().saved

    def save(opens_at: int | None = None) -> None:
        title = st.session_state["train.title"]
        take_in(own, checkpoints.load(run.model_file), title, SAVING, renames=True, opens_at=opens_at)

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="train-keep"):
        st.text_input(
            "Name",
            max_chars=LONGEST_TITLE,
            key="train.title",
            placeholder="Name, such as “64 codes”",
            label_visibility="collapsed",
            disabled=not saved,
            width=260,
        )
        st.button(
            "Save",
            icon=":material/save:",
            type="primary" if run.status().state == "finished" else "secondary",
            disabled=not saved,
            on_click=attempt,
            args=(SAVING, save),
            help=f"The model as of step {saved:,}, among your checkpoints below. Pausing saves the latest step."
            if saved
            else "A run has something to save a few seconds after its start.",
        )
        st.button(
            "Try it in Draw",
            icon=":material/draw:",
            disabled=not saved,
            on_click=attempt,
            args=(SAVING, lambda: save(scene.state.arrival)),
            help="Saves it, too.",
        )
    watch(scene, own, SAVING)
    show(SAVING)


def shelf(scene: Scene, own: OwnCheckpoints, beside_a_run: bool) -> None:
    """All that this visitor has kept; `beside_a_run` has a place of its own for what is saved from that."""
    state = scene.state
    st.subheader("Your checkpoints", anchor=False)
    st.caption(
        "They appear in the list of models on every page, for you alone: they belong to this browser. Download those "
        "that you want to keep."
    )
    upload(state, own)
    with st.container():
        if not beside_a_run:
            watch(scene, own, SAVING)
        watch(scene, own, PLACE)
    tell(own)
    entries = own.entries()
    compare(own, entries)
    if entries:
        handle(state, own, entries)


def upload(state: PageState, own: OwnCheckpoints) -> None:
    """Take a file in; each is looked at once."""
    file = st.file_uploader(
        "Upload a checkpoint",
        type=["safetensors", "pt", "pth"],
        key=f"train.upload.{state.restarts}",
        max_upload_size=MAX_BYTES // 2**20,
        help="A checkpoint downloaded here, or a state dict saved by the code of the tutorial, of "
        "zalandoresearch, MishaLaskin, ritheshkumar95, CompVis (VQGAN), LlamaGen or diffusers. Nothing in it is "
        "executed.",
    )
    settings = of_other_projects(state)
    if file is not None and st.session_state.get("train.uploaded") != (file.file_id, settings):
        stem = file.name.rsplit(".", 1)[0]
        if not resources.uploads().allows(str(own.folder), UPLOADS.value):
            say(PLACE, "error", f"More than {UPLOADS.value} uploads within a minute: wait a moment, then try again.")
        else:
            attempt(PLACE, lambda: take_in(own, checkpoints.from_bytes(file.getvalue(), file.name, settings), stem))
        # Last: another run may cut this one short, and then looks at the file in its place.
        st.session_state["train.uploaded"] = file.file_id, settings


def of_other_projects(state: PageState) -> Settings:
    """What a file of another project does not say, as far as it is said here; a change opens the file anew."""
    with st.expander("A model of another project? Say what its file does not", icon=":material/tune:"):
        st.caption(
            "The file holds weights alone. Leave empty what you do not know: the usual of its project is then assumed, "
            "and said with the model."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            side = number_field(
                "Side of its images, in pixels",
                1,
                LARGEST_SIDE,
                f"train.upload.side.{state.restarts}",
                value=None,
                width=220,
                help="A network of convolutions reads images of any size; pages show thousands, so at most "
                f"{LARGEST_SIDE} x {LARGEST_SIDE} in colour.",
            )
            normalise = st.selectbox(
                "Latents and codes are normalised",
                [None, True, False],
                format_func=lambda said: {None: "as is usual", True: "yes", False: "no"}[said],
                key=f"train.upload.normalise.{state.restarts}",
                width=240,
                help="LlamaGen brings both to length 1 before it compares them, which its tensors do not show.",
            )
    return Settings(height=None if side is None else int(side), normalise=normalise)


class Incoming(NamedTuple):
    """A model that is being measured, to be kept."""

    checkpoint: Checkpoint
    title: str
    renames: bool  # whether the same weights take the title, should they be here already
    before: str | None  # the title that they have here
    opens_at: int | None  # the arrival on the page at which it is to open in Draw, once it is kept


def take_in(
    own: OwnCheckpoints,
    checkpoint: Checkpoint,
    title: str,
    place: str = PLACE,
    renames: bool = False,
    opens_at: int | None = None,
) -> None:
    """Begin to measure a model, which takes a large one half a minute; it is kept then, wherever the visitor is.

    Without a title it keeps the one that it has, or gets one. `place` hears of it. Raises what
    `OwnCheckpoints.prepared` raises.
    """
    checkpoint, config = own.prepared(checkpoint), checkpoint.model.config
    known = own.same_weights(checkpoint)
    before = known.title if known else None
    title = title or before or f"K = {config.num_embeddings}, D = {config.embedding_dim}"
    incoming = Incoming(checkpoint, title, renames, before, opens_at)
    others = [one for one in _incoming(place) if one.checkpoint.fingerprint != checkpoint.fingerprint]
    st.session_state[f"{place}.incoming"] = [*others, incoming]
    _keeping(own, incoming, place).ask_for_a_moment()


def _incoming(place: str) -> list[Incoming]:
    return st.session_state.get(f"{place}.incoming", [])


def _keeping(own: OwnCheckpoints, incoming: Incoming, place: str) -> Work:
    """The measuring and keeping of a model for this visitor."""
    checkpoint, title, renames, _, _ = incoming

    def start(visitor: str) -> Job[Entry]:
        digits = resources.digits()
        return resources.keeping().start(
            secrets.token_hex(8), lambda report: own.add(checkpoint, title, digits, report, renames), visitor
        )

    return Work(f"{place}.{checkpoint.fingerprint}", title, start, own.folder.parent.name)


def watch(scene: Scene, own: OwnCheckpoints, place: str) -> None:
    """How far the measuring of each model is that came from here; what came of it."""
    for incoming in _incoming(place):
        work = _keeping(own, incoming, place)
        if (pace := work.pace) is None:
            _ended(scene, own, incoming, work, place)
        else:
            scene.fragment(lambda incoming=incoming, work=work, pace=pace: _measuring(incoming, work, pace), pace)


def _measuring(incoming: Incoming, work: Work, pace: float) -> None:
    work.keep(pace)
    work.progress(lambda job: f"Measuring “{plain(incoming.title)}” on {resources.digits().described} …")
    work.button("Measure")


def _ended(scene: Scene, own: OwnCheckpoints, incoming: Incoming, work: Work, place: str) -> None:
    """Say whether a model is kept now, and how good it is."""
    _, title, renames, before, opens_at = incoming
    job, kept = work.job, None
    if job is not None and job.failure and not isinstance(job.failure, (CheckpointError, OSError)):
        say(place, "error", f"This model could not be measured ({plain(str(job.error))}), so it is not kept.")
    elif job is None or (job.result is None and job.failure is None):
        say(place, "info", f"“{plain(title)}” is not kept.")
    elif succeeds(place, lambda: tell_of(_kept_by(job), own, place)):
        kept = _kept_by(job)
        if before and not renames:
            say(
                place,
                "success",
                f"These are the weights of “{plain(before)}”, which you have already: it keeps its name and all that "
                "was known of it.",
            )
    # Last, since another run may cut this one short at any word to the session: what it did not say is said then.
    st.session_state[f"{place}.incoming"] = [one for one in _incoming(place) if one is not incoming]
    if kept is not None and opens_at == scene.state.arrival:
        scene.open_next(kept.name)
        st.switch_page("pages/draw.py")
    if kept is not None:
        st.rerun()  # it is to stand in the list of models, above


def _kept_by(job: Job[Entry]) -> Entry:
    if job.failure is not None:
        raise job.failure.with_traceback(None)
    assert job.result is not None
    return job.result


def tell_of(entry: Entry, own: OwnCheckpoints, place: str) -> None:
    """Say how good a model is that has just been kept."""
    checkpoint = own.open(entry.name)
    config = checkpoint.model.config
    figures = of_own_images(checkpoint) or resources.figures_on_digits(checkpoint)
    say(
        place,
        "success",
        f"“{plain(entry.title)}” is yours now: NMSE {figures.nmse:.4f} on {plain(described(*figures[:3]))}, "
        f"{figures.codes_used} of {config.num_embeddings} codes used. Choose it as the model in the sidebar.",
    )
    st.session_state["train.deleted"] = None
    st.session_state["train.one"] = entry.name  # what the buttons below the table are about
    st.toast(f"Kept as “{plain(entry.title)}”.", icon=":material/save:")  # the sentence may be out of sight


def of_own_images(checkpoint: Checkpoint) -> Evaluation | None:
    """The held-out figures of a model that was trained on somebody's own images: on digits it would have none."""
    if checkpoint.dataset is None or checkpoint.dataset in DATASETS:
        return None
    return next((one for one in checkpoint.measured if one.dataset == checkpoint.dataset), None)


def compare(own: OwnCheckpoints, entries: list[Entry]) -> None:
    """All models that this visitor has, shipped ones included, measured on the same digits."""
    rows, others = [], False
    for name, title in (resources.everybodys() | told_apart(entries)).items():
        try:
            opened = resources.checkpoint(name) if not is_own(name) else resources.own_checkpoint(own, name)
            if resources.digits(opened) is not resources.digits():
                continue  # it knows other images: its figures are not to be compared
            figures = None if of_own_images(opened) else resources.figures_on_digits(opened)
        except (CheckpointError, DataError) as error:
            rows.append({"Model": title, "Recipe": str(error)})
            continue
        recipe, config, others = opened.recipe, opened.model.config, others or figures is None
        rows.append(
            {
                "Model": title,
                "NMSE": figures and round(figures.nmse, 4),
                "PSNR": figures and round(figures.psnr, 2),
                "Perplexity, all cells": figures and round(figures.perplexity, 1),
                "Perplexity, ink cells": figures and figures.ink_perplexity and round(figures.ink_perplexity, 1),
                "Codes used": figures and figures.codes_used,
                "K": config.num_embeddings,
                "D": config.embedding_dim,
                "Trained on": DATASETS.get(opened.dataset or "", opened.dataset or "unknown"),
                "Steps": opened.steps,
                "Recipe": f"{recipe.quantizer}, {recipe.schedule}, rate {recipe.lr:g}" if recipe else "unknown",
            }
        )
    st.dataframe(rows, hide_index=True, key="train.table")
    digits = resources.digits()
    st.caption(
        f"Measured on {digits.described}"
        + ", which some of these models saw in training" * (digits.dataset == EMBEDDED)
        + "."
        + " A model of other images has no figures here." * others
    )


def handle(state: PageState, own: OwnCheckpoints, entries: list[Entry]) -> None:
    """Open, rename, download or delete one of them."""
    titles = told_apart(entries)
    if st.session_state.get("train.one") not in titles:  # deleted meanwhile
        st.session_state["train.one"] = own.unfinished_prior() or entries[-1].name
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox("Checkpoint", list(titles), format_func=titles.__getitem__, key="train.one", width=260)

        def open_everywhere() -> None:
            state["model"] = name

        def rename() -> None:
            if new := st.session_state[f"train.rename.{name}"]:
                own.rename(name, new)
            # A list tells its options by their titles: said again, what was chosen stays so under its new one.
            state["model"], st.session_state["train.one"] = state["model"], name

        def delete() -> None:
            own.delete(name)
            st.session_state["train.deleted"] = name
            say(PLACE, "info", f"“{plain(titles[name])}” is deleted.")

        st.button("Use on every page", icon=":material/visibility:", on_click=attempt, args=(PLACE, open_everywhere))
        with st.popover("Rename", icon=":material/edit:"):
            st.text_input(
                f"New name of “{plain(titles[name])}”",
                max_chars=LONGEST_TITLE,
                key=f"train.rename.{name}",
                on_change=attempt,
                args=(PLACE, rename),
                help="Press Enter to rename it.",
            )
        st.download_button(
            "Download",
            data=lambda: own.content(name),
            file_name=f"{name}.safetensors",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
        )
        st.button("Delete", icon=":material/delete:", on_click=attempt, args=(PLACE, delete))
    prior.section(state, own, name, titles[name])


def tell(own: OwnCheckpoints) -> None:
    """What the last button did, and the way back from a deletion."""
    show(PLACE)
    deleted = st.session_state.get("train.deleted")
    if deleted:
        st.button(
            "Undo the deletion", icon=":material/undo:", on_click=attempt, args=(PLACE, lambda: take_back(own, deleted))
        )


def take_back(own: OwnCheckpoints, name: str) -> None:
    st.session_state["train.deleted"] = None
    own.undelete(name)
    st.session_state["train.one"] = name
