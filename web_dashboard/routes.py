"""The table of routes with their rules, as the API's description and the test of all permissions read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from web_dashboard.api.depends import Needs


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API. All its `rules` hold; where it has none, the guard must know it as public."""

    path: str
    methods: frozenset[str]
    rules: tuple[Needs, ...]
    summary: str
    in_schema: bool


def api_routes(app: FastAPI) -> Iterator[Route]:
    """All HTTP routes of the application that are not NiceGUI's."""
    for route in _flat(app.routes):
        rules = tuple(each.dependency for each in route.dependencies if isinstance(each.dependency, Needs))
        told = (route.description or route.summary or "").strip().splitlines()
        yield Route(
            route.path,
            frozenset(route.methods or ()),
            rules,
            told[0] if told else "",
            route.include_in_schema,
        )


def _flat(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes as they are served. Newer FastAPI keeps the routers that were included, and resolves their routes."""
    for route in routes:
        if resolve := getattr(route, "effective_candidates", None):
            yield from _flat(resolve())
        elif isinstance(getattr(route, "original_route", route), APIRoute):
            yield route
