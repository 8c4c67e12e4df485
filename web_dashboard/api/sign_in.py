"""Signing in and out, the first set-up, and what is one's own."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from web_dashboard.api.depends import CurrentActor, CurrentServices, needs
from web_dashboard.guard import COOKIE
from web_dashboard.headers import STRICT_CSP
from web_dashboard.permissions import UnknownError
from web_dashboard.schemas.people import Me, MeChange, PasswordBody, SetUpBody, SignInBody, SignInView
from web_dashboard.services.context import Services
from web_dashboard.services.sign_in import LONGEST

router = APIRouter(tags=["sign-in"])
_SOMEBODY, _IN_PERSON = [needs(None)], [needs(None, in_person=True)]
_STATE_COOKIE = "joyvl_oidc"
_STATE_PATH = "/api/v1/sign-in/oidc"
SignInId = Annotated[int, Path(ge=1, le=2**53)]


@router.post("/sign-in")
async def sign_in(request: Request, response: Response, body: SignInBody, services: CurrentServices) -> Me:
    """Signs a person in: the answer sets a cookie."""
    token = await services.sign_in.sign_in(body.name.strip(), body.password, _address(request), _agent(request))
    return await _signed_in(request, response, services, token)


@router.post("/set-up")
async def set_up(request: Request, response: Response, body: SetUpBody, services: CurrentServices) -> Me:
    """Makes the first administrator, and signs them in."""
    await services.sign_in.set_up(body.token, body.name, body.password, address=_address(request))
    token = await services.sign_in.sign_in(body.name, body.password, _address(request), _agent(request))
    return await _signed_in(request, response, services, token)


@router.post("/sign-out", status_code=204, dependencies=_IN_PERSON)
async def sign_out(request: Request, services: CurrentServices) -> Response:
    """Ends the sign-in that asks."""
    await services.sign_in.sign_out(request.cookies.get(COOKIE, ""))
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/me", dependencies=_SOMEBODY)
async def me(actor: CurrentActor, services: CurrentServices) -> Me:
    """Who is asking, and what they may do."""
    return await services.sign_in.me(actor)


@router.patch("/me", dependencies=_IN_PERSON)
async def change_me(change: MeChange, actor: CurrentActor, services: CurrentServices) -> Me:
    """Changes one's own settings."""
    return await services.sign_in.change_me(actor, change)


@router.post("/me/password", status_code=204, dependencies=_IN_PERSON)
async def change_password(request: Request, body: PasswordBody, actor: CurrentActor, services: CurrentServices) -> None:
    """Changes one's own password; one's other sign-ins end."""
    await services.sign_in.change_password(actor, body.old, body.new, keep=request.cookies.get(COOKIE, ""))


@router.get("/me/sign-ins", dependencies=_IN_PERSON)
async def my_sign_ins(request: Request, actor: CurrentActor, services: CurrentServices) -> list[SignInView]:
    """Where one is signed in."""
    return await services.sign_in.list(actor, request.cookies.get(COOKIE, ""))


@router.delete("/me/sign-ins/{sign_in}", status_code=204, dependencies=_IN_PERSON)
async def end_sign_in(sign_in: SignInId, actor: CurrentActor, services: CurrentServices) -> None:
    """Ends one of one's own sign-ins."""
    await services.sign_in.end(actor, sign_in)


# --- by OpenID Connect ----------------------------------------------------------------------


@router.get("/sign-in/oidc", include_in_schema=False)
async def begin_openid(request: Request, services: CurrentServices) -> Response:
    """Sends the browser to the provider."""
    if services.sign_in.openid is None:
        raise _not_configured()
    begun = await services.sign_in.openid.begin(_callback(request))
    response = RedirectResponse(begun.url, 303)
    # Lax: it has to come along when the provider sends the browser back.
    response.set_cookie(
        _STATE_COOKIE,
        begun.browser,
        max_age=600,
        path=_STATE_PATH,
        secure=_secure(request),
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/sign-in/oidc/callback", include_in_schema=False)
async def finish_openid(
    request: Request,
    services: CurrentServices,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4_000)] = "",
) -> Response:
    """Takes the provider's word, and signs the person in."""
    if services.sign_in.openid is None:
        raise _not_configured()
    browser = request.cookies.get(_STATE_COOKIE, "")
    person = await services.sign_in.openid.finish(state, code, browser, _callback(request))
    token = await services.sign_in.finish_openid(person, _address(request), _agent(request))
    # The cookie is for requests from this site's own pages: a redirect that began elsewhere would go without it.
    page = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=/"><title>JoyVL</title>'
    response = HTMLResponse(page + f'<a href="/">{escape(services.sign_in.oidc_name)} → JoyVL</a>')
    response.headers["content-security-policy"] = STRICT_CSP
    response.delete_cookie(_STATE_COOKIE, path=_STATE_PATH)
    _set_cookie(request, response, token)
    return response


def _not_configured() -> UnknownError:
    return UnknownError(
        "Signing in elsewhere is not configured.", source="openid", kind="off", hint="Set JOYVL_DASHBOARD_OIDC_ISSUER."
    )


def _callback(request: Request) -> str:
    public = getattr(request.app.state, "public_url", "")
    return (public or str(request.base_url).rstrip("/")) + f"{_STATE_PATH}/callback"


async def _signed_in(request: Request, response: Response, services: Services, token: str) -> Me:
    _set_cookie(request, response, token)
    actor = await services.sign_in.actor_of(token)
    assert actor is not None  # noqa: S101 - it was made just now
    return await services.sign_in.me(actor)


def _set_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=int(LONGEST), path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")[:200]
