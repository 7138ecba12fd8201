"""The house has rooms, and imports go one way through them.

pages -> a page's own room -> shell -> resources -> caches -> takeaway -> components -> charts -> vqvae; within vqvae
__main__ -> commands -> analysis and runs -> background -> the paper's own files, among them other people's networks in
foreign. The command `page` alone knows something of the app, where that lies beside: the takeaway.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def sources(*patterns: str) -> list[Path]:
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return [path for path in found if "__pycache__" not in path.parts]


def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it, with all their parents."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "."} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.rsplit(".", depth)[0] for name in names for depth in range(name.count(".") + 1)}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sources("vqvae/**/*.py"), ids=named)
def test_the_library_knows_no_page(path):
    known = imports(path)
    if named(path) == "vqvae/commands/page.py":
        known -= {"pages", "pages.ui"}
        assert {parts(name)[0] for name in known if name.startswith("pages")} == {"takeaway"}
    assert not known & {"streamlit", "plotly", "pages", "app", "tests"}


def test_importing_the_library_imports_neither_streamlit_nor_plotly():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources("vqvae/**/*.py")
        if path.name != "__main__.py"
    ]
    program = f"import sys, {', '.join(modules)}; print({{'streamlit', 'plotly', 'torchvision'}} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


ROOMS = ("home", "draw", "generate", "codebook", "map", "train", "notes")  # of one page each
FLOORS = ("shell", "resources", "caches", "takeaway", "components", "charts")  # below them, from the top
LIBRARY = {  # whom a floor must not know
    "": {"background", "analysis", "runs", "commands"},
    "foreign": {"background", "analysis", "runs", "commands", "checkpoint", "training"},
    "background": {"analysis", "runs", "commands"},
    "analysis": {"runs", "commands"},
    "runs": {"analysis", "commands"},
    "commands": set(),
}


def parts(name: str) -> list[str]:
    """A module's or file's name after the package that it is in, such as ["map", "layout"]."""
    return re.split(r"[./]", name.removeprefix("pages/ui/").removeprefix("pages.ui."))


def test_every_room_is_listed():
    there = {path.stem if path.is_file() else path.name for path in (ROOT / "pages/ui").iterdir()}
    assert there - {"__init__", "__pycache__"} == {*ROOMS, *FLOORS}
    assert {path.stem for path in sources("pages/*.py")} == {*ROOMS} - {"home"}


@pytest.mark.parametrize("path", sources("pages/ui/*/**/*.py", "pages/ui/*.py"), ids=named)
def test_a_room_knows_only_what_lies_below_it(path):
    room = parts(named(path))[0]
    floor = FLOORS.index(room) if room in FLOORS else -1
    known = {parts(name)[0] for name in imports(path) if name.startswith("pages.ui.")}
    assert known <= {room, *FLOORS[floor + 1 :]}


@pytest.mark.parametrize("path", sources("pages/ui/**/*.py"), ids=named)
def test_no_room_knows_a_page(path):
    pages = {f"pages.{page.stem}" for page in sources("pages/*.py")}
    assert not imports(path) & (pages | {"app", "tests"})


@pytest.mark.parametrize("path", sources("pages/ui/charts/*.py"), ids=named)
def test_charts_know_no_streamlit(path):
    assert "streamlit" not in imports(path)


@pytest.mark.parametrize("path", sources("vqvae/**/*.py"), ids=named)
def test_the_library_has_floors_too(path):
    if path.name == "__main__.py":
        return
    floor = path.parent.name if path.parent.name != "vqvae" else ""
    assert not {name.split(".")[1] for name in imports(path) if name.startswith("vqvae.")} & LIBRARY[floor]


# A page reads like its table of contents.

PAGES = sources("app.py", "pages/*.py")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_is_short(path):
    assert len(path.read_text().splitlines()) <= 65


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_defines_no_function_but_the_part_that_runs_alone(path):
    tree = ast.parse(path.read_text())
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    alone = {
        node.args[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("scene.fragment", "scene.further_down")
    }
    assert defined == alone


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_leaves_computing_and_drawing_to_its_room(path):
    assert not imports(path) & {"scipy", "sklearn", "openTSNE", "plotly", "numpy", "torch", "math"}
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.BinOp)]


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_leaves_its_endings_to_the_frame(path):
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert "page" in called  # the context that publishes the address
    assert not called & {"frame", "st.stop", "state.publish", "scene.state.publish"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_of_the_project_names_a_registry_or_an_index():
    # Requirements say what, never from where: pip's own settings say that.
    pattern = re.compile(
        rb"--(?:extra-)?index-url|--find-links|--trusted-host|pypi\.org|pythonhosted|download\.pytorch"
    )
    for path in tracked():
        if path != Path(__file__):
            assert not pattern.search(path.read_bytes()), named(path)
