"""What README says to write and to type."""

import re
import sys
from pathlib import Path

from vqvae import adapters

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_adapter_in_readme_opens_as_it_stands_there(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (code,) = re.findall(r"```python\n(import torch\n.*?)```", README, re.DOTALL)
    assert len(code.splitlines()) <= 25
    (tmp_path / "my_adapter.py").write_text(code)
    opened, _ = adapters.load(f"{tmp_path}/my_adapter.py:Mine")
    assert opened.model.config.grid == (4, 4)
    assert opened.model.has_latents
