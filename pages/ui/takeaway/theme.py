"""The app's colours, as Streamlit gives them to components, for a page without it: light or dark as the reader's."""

import re
import tomllib
from pathlib import Path

CONFIG = Path(__file__).parents[3] / ".streamlit" / "config.toml"
FONTS = {
    "--st-font": 'system-ui, -apple-system, "Segoe UI", "Source Sans 3", Roboto, sans-serif',
    "--st-code-font": "ui-monospace, Menlo, Consolas, monospace",
}


def theme() -> str:
    """CSS variables such as `--st-primary-color`, out of the app's own configuration."""
    said = tomllib.loads(CONFIG.read_text())["theme"]
    common = FONTS | _variables(said)
    return (
        f":root {{ color-scheme: light dark; {_written(common | _variables(said['light']))} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_written(_variables(said['dark']))} }} }}\n"
    )


def _variables(said: dict[str, object]) -> dict[str, str]:
    """`primaryColor` is `--st-primary-color`."""
    return {
        f"--st-{re.sub('[A-Z]', lambda letter: f'-{letter[0].lower()}', name)}": value
        for name, value in said.items()
        if isinstance(value, str)
    }


def _written(variables: dict[str, str]) -> str:
    return " ".join(f"{name}: {value};" for name, value in variables.items())
