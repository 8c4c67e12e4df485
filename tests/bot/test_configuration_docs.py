from pathlib import Path

from pydantic import AliasChoices

from bot.settings import Settings
from web_dashboard.settings import ServeSettings

DOCS = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SESSIONS, CONTROL_PLANE = DOCS.split("\n## The control plane\n")


def rows(text: str) -> dict[str, str]:
    """The variable of each setting that has a line."""
    lines = [line.split("`") for line in text.splitlines() if line.startswith("| `")]
    return {cells[1]: cells[3] for cells in lines}


def test_every_setting_has_its_line_in_the_docs():
    assert set(rows(SESSIONS)) == set(Settings.model_fields)


def test_every_setting_of_the_control_plane_has_its_line_with_its_variable():
    expected = {}
    for name, field in ServeSettings.model_fields.items():
        alias = field.validation_alias
        variable = alias.choices[0] if isinstance(alias, AliasChoices) else f"JOYVL_DASHBOARD_{name.upper()}"
        expected[name] = variable
    assert rows(CONTROL_PLANE) == expected
