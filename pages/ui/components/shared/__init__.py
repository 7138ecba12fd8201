"""What several components run in the browser (the model itself is `vqvae.js`), and how their ES modules get there."""

import json
import re
from pathlib import Path

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'(?<=")(?<!import\(")(\.{1,2}/[\w./-]+\.js)(?=")')
"""Of an import, or of the Worker that a module starts; not of an import("…"), by which comments name types alone."""


def module(path: Path) -> str:
    """A module and all that it imports, as the one text that Components v2 takes.

    `loader.js` makes modules of them again. (Data URLs inside each other would hold a shared file once for each of its
    importers, a third larger at every level.)
    """
    loader = (FOLDER / "loader.js").read_text()
    return f"{loader}\nexport default await start({json.dumps(files_of(path), ensure_ascii=False)});\n"


def files_of(path: Path) -> list[list[str | int]]:
    """A module and all that it imports, as `loader.js` takes them: each file once, imports first, which may not go
    round in a circle."""
    files: dict[Path, list[str | int]] = {}  # each one's text, cut where the number of another file stands

    def add(file: Path) -> int:
        if file not in files:
            text = IMPORT.split(file.read_text())
            files[file] = [add((file.parent / part).resolve()) if n % 2 else part for n, part in enumerate(text)]
        return list(files).index(file)

    add(path.resolve())
    return list(files.values())
