"""How pages say numbers, and what goes on."""

from vqvae.data import Digits
from vqvae.runs.run import ALIVE, Status

QUIET = 12.0  # seconds without a word from a run, after which the page says why


def counted(number: int, noun: str) -> str:
    """Such as "1 epoch" or "2,000 epochs"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def are(number: int) -> str:
    """The verb of so many: "is" or "are"."""
    return "is" if number == 1 else "are"


def article(name: str) -> str:
    """Of a class: "a 3", but "an 8", "an 11" and "an apple"."""
    return "an" if name[:1].lower() in {*"aeio8"} or name in ("11", "18") else "a"


def called(digits: Digits, number: int) -> str:
    """One of some images, such as "digit 1,234, a 2" or "image 12, class cat"."""
    name = digits.classes[int(digits.labels[number])]
    kind = f"{article(name)} {name}" if digits.one == "digit" else f"class {name}"
    return f"{digits.one} {number:,}" + (f", {kind}" if name else "")


def said_of_run(status: Status, silence: float) -> str:
    """What goes on, in a sentence; `silence` is how long the run has said nothing."""
    if status.state == "queued":
        return "Waiting for " + (
            "one run ahead of this one." if status.before == 1 else f"{status.before} runs ahead of this one."
        )
    going_on = status.message if status.state in ALIVE else ""
    if status.state in ("starting", "running") and silence > QUIET:
        going_on = "The machine is busy, and training gives way to everything else: this may take minutes."
    return f"Step {status.step:,} of {status.steps:,}. {going_on}".rstrip() if status.steps else going_on
