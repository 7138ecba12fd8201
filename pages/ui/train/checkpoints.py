"""The shelf: a visitor's own checkpoints, kept from a run or uploaded, compared, taken away, deleted and taken back."""

import streamlit as st

from pages.ui import resources
from pages.ui.shell.frame import PICKER
from pages.ui.shell.messages import attempt, plain, say, show
from pages.ui.shell.url_state import PageState
from vqvae import checkpoint as checkpoints
from vqvae.checkpoint import MAX_BYTES, Checkpoint, CheckpointError
from vqvae.data import DataError
from vqvae.runs.own_checkpoints import LONGEST_TITLE, Entry, OwnCheckpoints
from vqvae.runs.run import Run

PLACE = "train.shelf"  # where it says what its buttons did


def shelf(state: PageState, own: OwnCheckpoints, run: Run | None) -> None:
    """The whole section below a run."""
    st.subheader("Your checkpoints", anchor=False)
    st.caption(
        "They appear in the list of models on every page, for you alone: they belong to this browser. Download those "
        "that you want to keep for long."
    )
    keeping, uploading = st.columns(2, gap="large")
    with keeping:
        keep(own, run)
    with uploading:
        upload(state, own)
    tell(own)
    entries = own.entries()
    compare(own, entries)
    if entries:
        handle(state, own, entries)


def keep(own: OwnCheckpoints, run: Run | None) -> None:
    """Name the run's model and keep it."""
    saved = run.status().saved if run else 0
    st.text_input(
        "Name", max_chars=LONGEST_TITLE, key="train.title", placeholder="For example “64 codes”", disabled=not saved
    )
    st.button(
        "Save as a checkpoint",
        icon=":material/save:",
        disabled=not saved,
        on_click=attempt,
        args=(PLACE, lambda: add(own, checkpoints.load(run.model_file), st.session_state["train.title"] or "Unnamed")),
    )
    st.caption(
        f"The model as of step {saved:,}. Pausing saves the latest step."
        if saved
        else "A run has something to save a few seconds after its start."
    )


def upload(state: PageState, own: OwnCheckpoints) -> None:
    """Take a file in; each is looked at once."""
    file = st.file_uploader(
        "Upload a checkpoint",
        type=["safetensors", "pt", "pth"],
        key=f"train.upload.{state.restarts}",
        max_upload_size=MAX_BYTES // 2**20,
        help="A checkpoint downloaded here, or a state dict saved by the tutorial’s code. Nothing in it is executed.",
    )
    if file is not None and st.session_state.get("train.uploaded") != file.file_id:
        st.session_state["train.uploaded"] = file.file_id
        stem = file.name.rsplit(".", 1)[0]
        if attempt(PLACE, lambda: add(own, checkpoints.from_bytes(file.getvalue(), file.name), stem)):
            st.rerun()  # it is to stand in the list of models, above


def add(own: OwnCheckpoints, checkpoint: Checkpoint, title: str) -> None:
    """Measure, keep, and say how good it is."""
    entry = own.add(checkpoint, title, resources.digits())
    figures = resources.figures_on_digits(own.open(entry.name))
    say(
        PLACE,
        "success",
        f"“{plain(entry.title)}” is yours now: NMSE {figures.nmse:.4f} on the embedded digits, {figures.codes_used} of "
        f"{checkpoint.model.config.num_embeddings} codes used. Choose it as the model in the sidebar.",
    )
    st.session_state["train.deleted"] = None
    st.toast(f"Kept as “{plain(entry.title)}”.", icon=":material/save:")  # the sentence may be out of sight


def compare(own: OwnCheckpoints, entries: list[Entry]) -> None:
    """All models that this visitor has, shipped ones included, measured on the same digits."""
    rows = []
    for name, title in (*PICKER.items(), *((entry.name, entry.title) for entry in entries)):
        try:
            opened = resources.checkpoint(name) if name in PICKER else resources.own_checkpoint(own, name)
            figures = resources.figures_on_digits(opened)
        except (CheckpointError, DataError) as error:
            rows.append({"Model": title, "Recipe": str(error)})
            continue
        recipe, config = opened.recipe, opened.model.config
        rows.append(
            {
                "Model": title,
                "NMSE": round(figures.nmse, 4),
                "PSNR": round(figures.psnr, 2),
                "Codebook perplexity": round(figures.perplexity, 1),
                "Codes used": figures.codes_used,
                "K": config.num_embeddings,
                "D": config.embedding_dim,
                "Trained on": opened.dataset or "unknown",
                "Steps": opened.steps,
                "Recipe": f"{recipe.quantizer}, {recipe.schedule}, rate {recipe.lr:g}" if recipe else "unknown",
            }
        )
    st.dataframe(rows, hide_index=True, key="train.table")
    st.caption("Measured on the 5,000 embedded digits, which some of these models saw in training.")


def handle(state: PageState, own: OwnCheckpoints, entries: list[Entry]) -> None:
    """Open, rename, download or delete one of them."""
    titles = {entry.name: entry.title for entry in entries}
    if st.session_state.get("train.one") not in titles:  # deleted meanwhile
        st.session_state["train.one"] = entries[-1].name
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox("Checkpoint", list(titles), format_func=titles.__getitem__, key="train.one", width=260)

        def open_everywhere() -> None:
            state["model"] = name

        def rename() -> None:
            if new := st.session_state["train.title"]:
                own.rename(name, new)

        def delete() -> None:
            own.delete(name)
            st.session_state["train.deleted"] = name
            say(PLACE, "info", f"“{plain(titles[name])}” is deleted.")

        st.button("Use on every page", icon=":material/visibility:", on_click=attempt, args=(PLACE, open_everywhere))
        st.button(
            "Rename", icon=":material/edit:", on_click=attempt, args=(PLACE, rename), help="Takes the name typed above."
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
