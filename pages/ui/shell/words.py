"""How pages say numbers."""


def article(digit: int) -> str:
    """Of a digit from 0 to 9: "a 3", but "an 8"."""
    return "an" if digit == 8 else "a"
