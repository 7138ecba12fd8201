"""What is said of the three losses, whose sum training makes small, by the recipe of the model that is shown."""

from pages.ui.components.story import Gradient, Losses, Term
from vqvae.checkpoint import Checkpoint
from vqvae.training import TUTORIAL

# What moves the codes of a quantiser whose codebook term is not in the sum.
MOVED_BY = {
    "ema": "Not in the sum: a moving average (EMA) pulls this model’s codes to the encoder’s vectors.",
    "diveq": "Not in the sum: the reconstruction loss itself moves this model’s codes.",
    "fsq": "Not in the sum: this model’s codes are a fixed grid.",
}
STRAIGHT_THROUGH = (
    "copied: straight through",
    "So the gradient is copied, past the codebook, to the encoder’s vector, as if nothing had been swapped. This is "
    "the straight-through estimator.",
)
PAST = {  # of quantisers that have another way past the codebook
    "rotation": (
        "turned with the vector",
        "So the gradient is carried past the codebook to the encoder’s vector, turned back and scaled as the vector "
        "was on its way to the code. This is the rotation trick.",
    ),
    "diveq": (
        "by the step to the code",
        "So the swap is written as a step that the vector takes towards the code, and a step has a derivative: the "
        "gradient gets past the codebook. This is DiVeQ.",
    ),
}
AS_ANY = "The encoder learns by it as any network does."
LEARNS = {  # of quantisers whose codebook has no loss of its own
    "ema": f"{AS_ANY} The codebook learns nothing of it: this model’s codes follow the vectors by a moving average.",
    "diveq": f"{AS_ANY} Here the step ends at a code, and so the codes learn by the same gradient.",
    "fsq": f"{AS_ANY} The codebook learns nothing: this model’s codes are a fixed grid.",
}
FREE = "Not in the sum: nothing pulls this model’s vectors to their codes."


def losses_of(checkpoint: Checkpoint) -> Losses:
    """The words for this model."""
    recipe = checkpoint.recipe or TUTORIAL
    cost = 0.0 if recipe.quantizer == "fsq" else recipe.commitment_cost  # β
    near = (
        f"Times {cost:g}. Pulls the encoder’s vectors to the codes that they chose. Without it they may drift away "
        "from the codes, faster than these can follow."
    )
    return Losses(
        (
            Term(
                "Reconstruction loss",
                "How far the reconstruction is from your drawing, in units of the images’ variance. Moves decoder and "
                "encoder.",
            ),
            Term(
                "Codebook loss",
                MOVED_BY.get(
                    recipe.quantizer, "Pulls the chosen codes to the encoder’s vectors. Moves the codebook alone."
                ),
            ),
            Term("Commitment loss", near if cost else FREE),
        ),
        cost,
        Gradient(
            *PAST.get(recipe.quantizer, STRAIGHT_THROUGH),
            LEARNS.get(
                recipe.quantizer, f"{AS_ANY} The codebook learns nothing of it, and so it has a loss of its own."
            ),
        ),
    )
