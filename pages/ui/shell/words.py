"""How pages say numbers."""


def counted(number: int, noun: str) -> str:
    """Such as "1 epoch" or "2,000 epochs"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def article(digit: int) -> str:
    """Of a digit from 0 to 9: "a 3", but "an 8"."""
    return "an" if digit == 8 else "a"
