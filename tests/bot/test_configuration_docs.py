from pathlib import Path

from bot.settings import Settings

DOCS = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def test_every_setting_has_its_line_in_the_docs():
    named = {line.split("`")[1] for line in DOCS.splitlines() if line.startswith("| `")}
    assert named == set(Settings.model_fields)
