"""Sign-in and first set-up: plain pages under a strict CSP, before anybody is somebody."""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final, cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web_dashboard.services.context import Services
from web_dashboard.ui.words import LANGUAGES, say

router = APIRouter(include_in_schema=False)

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_LANGUAGE_COOKIE = "joyvl_language"

_PAGE = Template("""<!doctype html>
<html lang="$lang">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title · JoyVL</title>
<link rel="icon" href="/static/mark.svg">
<link rel="stylesheet" href="/static/dashboard.css">
<link rel="stylesheet" href="/static/entry.css">
<script src="/static/entry.js" type="module"></script>
</head>
<body class="entry">
<main>
<div class="entry-brand"><span class="jv-mark" aria-hidden="true"></span>JoyVL</div>
<h1>$title</h1>
<p class="jv-soft">$lead</p>
$body
</main>
<footer><button type="button" id="language" data-next="$next">$other</button></footer>
</body>
</html>
""")

_FORM = Template("""<form id="form" action="$action" method="post" data-kind="$kind" data-differ="$differ" data-offline="$offline" data-wait="$wait">
$hidden<label for="name">$name</label>
<input id="name" name="name" autocomplete="username" required maxlength="80" autocapitalize="none" spellcheck="false" autofocus>
<label for="password">$password</label>
<input id="password" name="password" type="password" autocomplete="$complete" required maxlength="200"$rule>
$again<p id="problem" class="entry-problem" role="alert" hidden></p>
<button type="submit" class="entry-primary">$submit</button>
</form>
""")  # noqa: E501  # a tag a line


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def _language(request: Request) -> str:
    chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def _page(language: str, title: str, lead: str, body: str) -> Response:
    text = _PAGE.substitute(
        lang="zh-CN" if language == "zh" else "en", title=escape(say(language, title)),
        lead=escape(say(language, lead)), body=body, other=escape(say(language, "entry.language")),
        next="en" if language == "zh" else "zh",
    )  # fmt: skip
    return HTMLResponse(
        text,
        headers={
            "Content-Security-Policy": CSP,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _form(language: str, kind: str, submit: str, *, token: str = "") -> str:
    def word(key: str) -> str:
        return escape(say(language, key), quote=True)

    again = rule = hidden = ""
    if kind == "set-up":
        hidden = f'<input type="hidden" name="token" value="{escape(token, quote=True)}">\n'
        rule = ' minlength="10" aria-describedby="rule"'
        again = (
            f'<small id="rule" class="jv-soft">{word("entry.rule")}</small>\n'
            f'<label for="again">{word("entry.again")}</label>\n'
            '<input id="again" type="password" autocomplete="new-password" required maxlength="200">\n'
        )
    complete = "new-password" if kind == "set-up" else "current-password"
    return _FORM.substitute(
        action=f"/api/v1/{kind}", kind=kind, differ=word("entry.differ"), offline=word("entry.offline"),
        wait=word("entry.wait"), hidden=hidden, name=word("entry.name"), password=word("entry.password"),
        complete=complete, rule=rule, again=again, submit=word(submit),
    )  # fmt: skip


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """Asks for name and password; offers the other way in where one is configured."""
    language = _language(request)
    services = _services(request)
    if await services.sign_in.needs_set_up():
        body = f'<p class="entry-note">{escape(say(language, "entry.no_token"))}</p>'
        return _page(language, "entry.set_up", "entry.sign_in.lead", body)
    body = _form(language, "sign-in", "entry.sign_in")
    name = services.sign_in.oidc_name
    if name:
        label = escape(say(language, "entry.oidc", name=name))
        body += f'<p class="entry-or">{escape(say(language, "entry.or"))}</p>'
        body += f'<a class="entry-plain" href="/api/v1/sign-in/oidc">{label}</a>'
    return _page(language, "entry.sign_in", "entry.sign_in.lead", body)


@router.get("/setup")
async def set_up_page(request: Request, token: str = "") -> Response:
    """Makes the first administrator, with the token that `joyvl serve` has printed."""
    language = _language(request)
    if not await _services(request).sign_in.needs_set_up():
        return RedirectResponse("/sign-in", 303)
    if not token:
        body = f'<p class="entry-note">{escape(say(language, "entry.no_token"))}</p>'
    else:
        body = _form(language, "set-up", "entry.set_up.button", token=token[:200])
    return _page(language, "entry.set_up", "entry.set_up.lead", body)
