"""The notes themselves: for each slide what to say, and what to do meanwhile."""

from pathlib import Path

import streamlit as st

from vqvae.model import Sizes

STYLE = Path(__file__).with_name("notes.css").read_text()


def draw(config: Sizes) -> None:
    """Draw them, with the sizes of the model that is shown."""
    notes = "".join(f"<li><b>{slide}</b><p>{say}</p><p class='do'>{do}</p></li>" for slide, say, do in _notes(config))
    st.html(f"<style>{STYLE}</style><ol class='notes'>{notes}</ol>")


def _notes(config: Sizes) -> list[tuple[str, str, str]]:
    """In the order of the slides: [slide, what to say, what to do]."""
    rows, columns = config.grid
    K, cells, bits = config.num_embeddings, config.cells, config.cells * config.bits_per_code
    numbers = config.channels * config.height * config.width
    return [
        (
            "Home, eight slides",
            f"What if an autoencoder had to write with an alphabet? {numbers} numbers go in; {cells} codes out of a "
            f"codebook of {K} get through. What snaps, what is lost, how it learns, why codes die.",
            "Let somebody draw: every slide follows. In the plane, drag a code.",
        ),
        (
            "Draw 1: a digit",
            "To the model a picture is a table of numbers, 0 for black and 1 for white.",
            "Let somebody call out a digit and draw it. The first stroke takes the example away.",
        ),
        (
            "Draw 2: the encoder’s picture",
            f"Three convolutions turn the picture into {rows} × {columns} vectors of {config.embedding_dim} numbers. "
            "Each has seen only its own patch.",
            "Keep drawing: the vectors follow the pen.",
        ),
        (
            "Draw 3: the nearest code",
            f"The codebook has {K} vectors. Each cell is swapped for the nearest, and only its number is kept. This is "
            "the step without a gradient, which training has to get around.",
            "Wait for the first cells, which go slowly; below are the nearest codes with their distances.",
        ),
        (
            "Draw 4: the decoder",
            f"The decoder never saw the drawing. From {cells} codes, {bits} bits, it draws it again.",
            "Compare the two pictures: thin ends and kinks are what gets lost.",
        ),
        (
            "Draw 5: change one code",
            "A code is a small piece of a picture at one place. Another code changes the picture there and nowhere "
            "else.",
            "Choose a cell on the stroke, then a few other codes for it. Undo with Ctrl+Z.",
        ),
        (
            "Draw 6: who else uses this code?",
            "No code means “a five”. It is a pattern that many digits share, some of them more than others.",
            "Choose a cell on a curve, then one of the background.",
        ),
        (
            "Draw 7: where do new digits come from?",
            "The decoder copies. What invents is a second network, the prior: given some of the codes, it says which "
            "others would go with them. Here it has the upper half, and writes the lower one.",
            "Click one of the six, ask for six others, or ask for another digit than the one drawn.",
        ),
        (
            "Generate",
            "The decoder draws any codes, but most of them make noise. A second network, the prior, has learned which "
            "codes go together, and so it can write digits that nobody ever wrote.",
            "Click a digit to have one written. Step back, take another candidate, and go on.",
        ),
        (
            "Codebook",
            "How often each code is used, by how many digits of which class. A code that nothing uses is dead.",
            "Point at the most used code, usually the background, and at a dead one of the model Tutorial.",
        ),
        (
            "Map",
            "Neighbours are alike to the model, though nobody told it which digit is which.",
            "Point at the border between two colours: there the digits are hard to tell apart.",
        ),
        (
            "Train",
            "The same network with different recipes for the codebook: some use all their codes, others let most die.",
            "Three recorded codebooks learn by themselves: ask beforehand whose codes die. Then questions.",
        ),
    ]
