"""The words around what the model is shown: files, one a piece, ours or a person's own copy."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Literal

from joyvl_core.errors import BadInputError

Profile = Literal["joyvl", "prompted"]
MAX_PROMPT = 40_000
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Prompts:
    """Texts by the name of their file. Words in braces are filled in.

    Attributes:
        system: Who the model is and its three actions.
        system_alone: The same where there is nobody to delegate to.
        persona: Who the bot is and how it speaks, after the system prompt: `{text}`.
        query: A standing query, or what somebody says to the bot: `{text}`.
        none: No standing query is left.
        history: Head of what is no longer visible.
        passage: A summary or a block: `{t}`, `{until}`, `{text}`.
        exchanges: Head of what was asked and answered.
        asked: A question: `{number}`, `{t}`, `{text}`.
        answered: An answer: `{t}`, `{text}`.
        result: A delegation came to its end: `{id}`, `{question}`, `{text}`.
        failed: A delegation failed: `{id}`, `{question}`, `{text}`.
        progress: A delegation goes on: `{id}`, `{question}`, `{text}`.
        recalled: Head of what the archive holds on the question.
        hit: One thing of it: `{t}`, `{text}`.
        chat: Head of what others write to one another.
        speech: Head of what others say to one another.
        line: One line of either: `{author}`, `{text}`.
    """

    system: str
    system_alone: str
    persona: str
    query: str
    none: str
    history: str
    passage: str
    exchanges: str
    asked: str
    answered: str
    result: str
    failed: str
    progress: str
    recalled: str
    hit: str
    chat: str
    speech: str
    line: str


PIECES = tuple(field.name for field in fields(Prompts))


def load_prompts(profile: Profile, language: str, own: Path | None = None) -> Prompts:
    """The texts of a profile.

    Args:
        profile: Whose.
        language: `en` or `zh`.
        own: A file with a system prompt, or a folder with files named as ours: they take the place of ours.

    Raises:
        BadInputError: There is nothing usable there.
    """
    common = files("joyvl_core.models.chat_completions") / "prompts"
    texts = {}
    for name in PIECES:
        for folder in (profile, "common"):
            file = common / folder / language / f"{name}.txt"
            if file.is_file():
                texts[name] = file.read_text(encoding="utf-8").rstrip("\n")
                break
    if own is not None:
        texts |= _own(own)
    return Prompts(**texts)


def system_prompt(prompts: Prompts, profile: Profile, *, delegates: bool, persona: str = "") -> str:
    """The system prompt. The released weights get theirs byte for byte; any other model is told its persona too."""
    system = prompts.system if delegates else prompts.system_alone
    words = persona.strip()
    return f"{system}\n\n{fill(prompts.persona, text=words)}" if words and profile == "prompted" else system


def fill(template: str, /, **values: object) -> str:
    """The template with each `{name}` replaced, once; other braces stay as they are."""
    return _HOLE.sub(lambda found: str(values.get(found[1], found[0])), template)


def _own(path: Path) -> dict[str, str]:
    try:
        if path.is_file():
            system = _text(path)
            return {"system": system, "system_alone": system}
        found = {name: _text(path / f"{name}.txt") for name in PIECES if (path / f"{name}.txt").is_file()}
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from None
    if not found:
        raise _unusable(path, "no file there has a name that is known")
    if "system" in found:
        found.setdefault("system_alone", found["system"])
    return found


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8").rstrip("\n")
    if not text.strip() or len(text) > MAX_PROMPT:
        raise _unusable(path, "it is empty, or longer than a prompt can be")
    return text


def _unusable(path: Path, why: str) -> BadInputError:
    return BadInputError(
        f"The prompts at {path} cannot be used: {why}.",
        source="settings",
        kind="prompts",
        hint=f"Name a file with the system prompt, or a folder with some of: {', '.join(PIECES)} (.txt).",
    )
