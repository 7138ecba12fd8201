"""One direction only: app.py and pages -> pages/ui -> vqvae."""

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
    assert not imports(path) & {"streamlit", "plotly", "pages", "app", "tests"}


def test_importing_the_library_imports_neither_streamlit_nor_plotly():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources("vqvae/*.py")
        if path.name != "__main__.py"
    ]
    program = f"import sys, {', '.join(modules)}; print({{'streamlit', 'plotly', 'torchvision'}} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("path", sources("pages/ui/figures.py", "pages/ui/colors.py"), ids=named)
def test_figures_and_colours_know_no_streamlit(path):
    assert "streamlit" not in imports(path)


@pytest.mark.parametrize("path", sources("pages/ui/**/*.py"), ids=named)
def test_what_pages_share_imports_no_page(path):
    pages = {f"pages.{page.stem}" for page in sources("pages/*.py")}
    assert not imports(path) & (pages | {"app"})


@pytest.mark.parametrize("path", sources("app.py", "pages/*.py"), ids=named)
def test_a_page_leaves_computing_to_the_library_and_figures_to_figures(path):
    assert not imports(path) & {"scipy", "sklearn", "openTSNE", "plotly"}


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
