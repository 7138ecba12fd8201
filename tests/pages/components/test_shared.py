"""How a component's modules become the one text that Streamlit takes."""

import json

import pytest

from pages.ui.components.shared import FOLDER, module


def files_of(text: str) -> list[list[str | int]]:
    """The files in a text of `module`: each cut where the number of another file stands."""
    loader = (FOLDER / "loader.js").read_text()
    start, end = f"{loader}\nexport default await start(", ");\n"
    assert text.startswith(start)
    assert text.endswith(end)
    return json.loads(text[len(start) : -len(end)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "main.js").write_text(
        'import { a } from "./a.js";\nimport { b } from "./below/b.js";\nexport default a + b;'
    )
    (tmp_path / "a.js").write_text('import { c } from "./c.js";\nexport const a = c;')
    (tmp_path / "below" / "b.js").write_text('import { c } from "../c.js";\nexport const b = c + "’";')
    (tmp_path / "c.js").write_text("export const c = 1;")
    return tmp_path


def test_each_file_stands_once_and_its_importers_name_its_number(folder):
    c, a, b, main = files_of(module(folder / "main.js"))
    assert c == ["export const c = 1;"]
    assert a == ['import { c } from "', 0, '";\nexport const a = c;']
    assert b == ['import { c } from "', 0, '";\nexport const b = c + "’";']
    assert main == ['import { a } from "', 1, '";\nimport { b } from "', 2, '";\nexport default a + b;']


def test_a_worker_that_a_module_starts_comes_along(folder):
    (folder / "main.js").write_text('new Worker(new URL("./c.js", import.meta.url));')
    assert files_of(module(folder / "main.js")) == [
        ["export const c = 1;"],
        ['new Worker(new URL("', 0, '", import.meta.url));'],
    ]


def test_a_module_whose_types_alone_a_comment_names_stays_behind(folder):
    typed = '/** @param {import("./c.js").C} c */\nexport const d = (c) => c;'
    (folder / "main.js").write_text(typed)
    assert files_of(module(folder / "main.js")) == [[typed]]


def test_a_module_that_imports_nothing_is_itself(folder):
    assert files_of(module(folder / "c.js")) == [["export const c = 1;"]]


def test_an_import_of_a_file_that_is_not_there_says_which(folder):
    (folder / "c.js").write_text('import "./gone.js";')
    with pytest.raises(FileNotFoundError, match="gone"):
        module(folder / "main.js")
