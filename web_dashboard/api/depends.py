"""What every route asks for: who is asking, whether they may, and the services."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, params

from web_dashboard.permissions import Actor, Permission
from web_dashboard.services.context import Services


class Needs:
    """A route's rule; the test of all routes reads it from the route table.

    Args:
        permission: What it takes; None is for whoever is somebody.
        in_person: A key can't ask for it, whatever its scopes.
    """

    def __init__(self, permission: Permission | None, in_person: bool = False) -> None:
        self.permission = permission
        self.in_person = in_person

    def __call__(self, request: Request) -> None:
        actor = current_actor(request)
        if self.permission is not None:
            actor.require(self.permission)
        if self.in_person:
            actor.in_person()


def needs(permission: Permission | None, *, in_person: bool = False) -> params.Depends:
    """The rule as a dependency: `@router.get("/x", dependencies=[needs(Permission.X)])`."""
    return cast(params.Depends, Depends(Needs(permission, in_person)))


def current_actor(request: Request) -> Actor:
    """Who is asking. The guard has found it out before any route runs, and refused who is nobody."""
    return cast(Actor, request.scope["state"]["actor"])


def current_services(request: Request) -> Services:
    """The services of this application."""
    return cast(Services, request.app.state.services)


CurrentActor = Annotated[Actor, Depends(current_actor)]
CurrentServices = Annotated[Services, Depends(current_services)]
