"""A whole control plane for tests: on a database of its own, with a launcher that starts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from bot.settings import Settings
from web_dashboard.app import create_app
from web_dashboard.assembly import ControlPlane, assemble, opening_context
from web_dashboard.fleet.launching import Capacity, Placement, StartedJob
from web_dashboard.permissions import Actor, Permission, Role
from web_dashboard.schemas.people import ApiKeyIn, UserIn
from web_dashboard.services.context import Services
from web_dashboard.settings import ServeSettings

HERE = "http://joyvl.test"
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PASSWORD = "correct horse battery"  # noqa: S105 - of people who live for a test
ADMIN = Actor("mira", 1, Role.ADMIN)


@dataclass
class Wall:
    """Unix seconds that tests move."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Nowhere:
    """A launcher that has no place for anybody."""

    name = "process"
    hello_within = 60.0
    silent_for = 15.0
    starts_at_once = 4

    def capacity(self, placed: int) -> Capacity:
        return Capacity(0, "There is no place in a test.")

    async def start(self, job: StartedJob) -> Placement:
        raise AssertionError("nothing is to be started")

    async def alive(self, placement: Placement) -> bool | None:
        return False

    async def kill(self, placement: Placement, *, gently: bool = False) -> None:
        return None

    async def close(self) -> None:
        return None


@dataclass
class Plane:
    """What a test has of it."""

    plane: ControlPlane
    settings: ServeSettings
    wall: Wall
    folder: Path
    _app: list[FastAPI] = field(default_factory=list)

    @property
    def services(self) -> Services:
        return self.plane.services

    @property
    def app(self) -> FastAPI:
        """The application; its loops don't run."""
        if not self._app:
            self._app.append(create_app(self.plane, self.settings))
        return self._app[0]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The application with its loops, as a server runs it; pages need that."""
        async with self.app.router.lifespan_context(self.app):
            yield

    def client(self, token: str = "", key: str = "", **headers: str) -> httpx.AsyncClient:
        """A browser (with the cookie `token`, on this server's own page) or a program (with a key)."""
        given = {"origin": HERE, **headers}
        if key:
            given = {"authorization": f"Bearer {key}", **headers}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        cookies = {"joyvl": token} if token else {}
        return httpx.AsyncClient(transport=transport, base_url=HERE, headers=given, cookies=cookies)

    async def person(self, role: Role, name: str = "") -> tuple[Actor, str]:
        """Somebody who is signed in, and the token of their cookie."""
        name = name or f"the {role.value}"
        made = await self.services.users.create(ADMIN, UserIn(name=name, role=role, password=PASSWORD))
        token = await self.services.sign_in.sign_in(name, PASSWORD, f"10.0.0.{made.id}", "test")
        return Actor(name, made.id, role), token

    async def key(self, owner: Actor, *scopes: Permission) -> str:
        """A key of somebody's."""
        return (await self.services.api_keys.create(owner, ApiKeyIn(name="test", scopes=list(scopes)))).token


def serve_settings(folder: Path, **changes: Any) -> ServeSettings:
    """Settings that look at nothing outside."""
    return ServeSettings(**{"folder": folder, "secret_key": KEY, **changes})  # type: ignore[arg-type]  # read by pydantic


@asynccontextmanager
async def planes(folder: Path, *, url: str = "", **changes: Any) -> AsyncIterator[Plane]:
    """A control plane whose services can be used; `changes` are settings of `joyvl serve`."""
    wall = Wall()
    settings = serve_settings(folder, **changes)
    defaults = Settings(database_url=url or f"sqlite:///{folder / 'joyvl.db'}", _env_file=None)  # type: ignore[arg-type,call-arg]  # read by pydantic
    async with opening_context(settings, defaults, wall=wall) as context:
        yield Plane(assemble(context, settings, Nowhere()), settings, wall, folder)
