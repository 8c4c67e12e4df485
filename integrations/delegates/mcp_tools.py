"""Which tool of an MCP server is asked, and what its arguments are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.delegates.pictures import data_url, in_base64
from joyvl_core.asked import DelegateTask

_QUESTION = ("question", "query", "prompt", "message", "text", "input", "q")
_CONTEXT = ("digest", "context", "background", "history", "notes", "details")
_PICTURES = ("pictures", "images", "frames", "photos", "picture", "image", "frame", "photo", "image_url", "image_urls")
_LANGUAGE = ("language", "lang", "locale")
_FITTING = re.compile(r"ask|answer|question|query|describe|look|vision|image|picture|search|chat", re.IGNORECASE)


class UnsuitableError(ValueError):
    """No tool, or not this one, can be asked. The text says why."""


@dataclass(frozen=True, slots=True)
class AskedTool:
    """A tool as a server lists it: its name, what it says of itself, and its JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]


def choose(tools: Sequence[AskedTool], wanted: str) -> AskedTool:
    """The tool of that name; without one the only tool that takes a question, or the one that fits best.

    Raises:
        UnsuitableError: There is none.
    """
    names = ", ".join(tool.name[:60] for tool in tools[:20]) or "none"
    if wanted:
        found = next((tool for tool in tools if tool.name == wanted), None)
        if found is None:
            raise UnsuitableError(f"there is no tool named {wanted!r}; there are: {names}")
        return found
    named = [tool for tool in tools if _first(_QUESTION, _properties(tool.schema))]
    asking = named or [tool for tool in tools if _question_of(tool.schema)]
    if not asking:
        raise UnsuitableError(f"no tool takes a question; there are: {names}")
    return max(asking, key=_fitness)


def _fitness(tool: AskedTool) -> int:
    """How well a tool's own words fit a question about pictures; the first of equals is taken."""
    takes_pictures = _first(_PICTURES, _properties(tool.schema)) is not None
    named = _question_of(tool.schema) == "question"
    return 2 * len(_FITTING.findall(tool.name)) + len(_FITTING.findall(tool.description[:500])) + takes_pictures + named


def arguments(tool: AskedTool, task: DelegateTask, jpegs: Sequence[bytes]) -> dict[str, Any]:
    """What the tool is called with.

    Raises:
        UnsuitableError: It takes no question, or wants something that is not known.
    """
    properties = _properties(tool.schema)
    question = _question_of(tool.schema)
    if question is None:
        raise UnsuitableError(f"the tool {tool.name[:60]} takes no question")
    given: dict[str, Any] = {question: task.question}
    for names, value in ((_CONTEXT, task.digest), (_LANGUAGE, task.language)):
        name = _first(names, properties)
        if name is not None and name not in given and _takes(properties[name], "string"):
            given[name] = value
    pictures = _first(_PICTURES, properties)
    if pictures is not None and pictures not in given:
        given |= _pictures(pictures, properties[pictures], jpegs)
    required = tool.schema.get("required")
    missing = [name for name in map(str, required) if name not in given] if isinstance(required, list) else []
    if missing:
        raise UnsuitableError(f"the tool {tool.name[:60]} wants {', '.join(missing)[:200]}")
    return given


def _pictures(name: str, schema: Mapping[str, Any], jpegs: Sequence[bytes]) -> dict[str, Any]:
    """The pictures as the property takes them: a list or the newest, as data URLs where it speaks of URLs."""
    words = f"{name} {schema.get('description', '')} {schema.get('format', '')}".lower()
    encoded = [data_url(jpeg) if re.search(r"\bur[il]|_ur[il]", words) else in_base64(jpeg) for jpeg in jpegs]
    if _takes(schema, "array"):
        return {name: encoded}
    if _takes(schema, "string") and encoded:
        return {name: encoded[-1]}
    return {}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {str(name): inner for name, inner in properties.items() if isinstance(inner, dict)}


def _question_of(schema: Mapping[str, Any]) -> str | None:
    """The property that takes the question: by its name, or the only one that takes text and is required."""
    texts = {name: inner for name, inner in _properties(schema).items() if _takes(inner, "string")}
    named = _first(_QUESTION, texts)
    if named is not None:
        return named
    required = schema.get("required")
    wanted = [name for name in texts if isinstance(required, list) and name in required]
    return wanted[0] if len(wanted) == 1 else None


def _first(names: Sequence[str], properties: Mapping[str, Any]) -> str | None:
    known = {name.lower(): name for name in properties}
    return next((known[name] for name in names if name in known), None)


def _takes(schema: Mapping[str, Any], kind: str) -> bool:
    """Whether a property takes a type, alone or among others."""
    kinds = schema.get("type")
    if kinds == kind or (isinstance(kinds, list) and kind in kinds):
        return True
    others = schema.get("anyOf")
    return isinstance(others, list) and any(isinstance(one, dict) and one.get("type") == kind for one in others)
