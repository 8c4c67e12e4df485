"""Signing in elsewhere: OpenID Connect with a code, PKCE, a nonce, and a state that is bound to the browser."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import func, insert, select, update

from joyvl_core.errors import BadInputError, UnavailableError
from web_dashboard.db.tables import users
from web_dashboard.permissions import Actor, ForbiddenError, Role
from web_dashboard.secret import hash_of, new_token
from web_dashboard.services.context import Context

if TYPE_CHECKING:
    from web_dashboard.services.audit import Audit

_SOURCE = "openid"
_WITHIN = 5.0
_MAX_ANSWER = 200_000
_FOR = 600.0
"""Seconds in which a person has signed in at the provider."""
_AT_ONCE = 1_000
_FRESH = 3_600.0
_LEEWAY = 60
# No shared secrets and no "none": the provider signs with its own key.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
_ADMIN_FIRST = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class OpenIdOptions:
    """A provider, and what its words mean here.

    Attributes:
        roles: Role by a value of `role_claim`; of several the one that may most.
        default_role: Of who has none of these; None keeps them out.
    """

    issuer: str
    name: str
    client_id: str
    client_secret: SecretStr
    scopes: str
    role_claim: str
    roles: Mapping[str, Role]
    default_role: Role | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the browser goes, and what its cookie holds until it comes back."""

    url: str
    browser: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider has named."""

    subject: str
    name: str
    role: Role | None


class _Provider(BaseModel):
    model_config = ConfigDict(extra="ignore")

    issuer: str = Field(max_length=500)
    authorization_endpoint: str = Field(max_length=2_000)
    token_endpoint: str = Field(max_length=2_000)
    jwks_uri: str = Field(max_length=2_000)


class _Tokens(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id_token: str = Field(max_length=_MAX_ANSWER)


@dataclass(frozen=True, slots=True)
class _Pending:
    until: float
    nonce: str
    verifier: str
    browser: str


class OpenId:
    """One provider.

    Args:
        options: Which.
        wall: Unix seconds of this moment.
    """

    def __init__(self, options: OpenIdOptions, wall: Callable[[], float]) -> None:
        if not options.client_id or not (options.roles or options.default_role):
            raise BadInputError(
                "Signing in elsewhere lacks the client's id, or a role for anybody.",
                source=_SOURCE,
                kind="incomplete",
                hint="Set JOYVL_DASHBOARD_OIDC_CLIENT_ID and JOYVL_DASHBOARD_OIDC_ROLES (or _DEFAULT_ROLE).",
            )
        _check_secure(options.issuer)
        self._options = options
        self._wall = wall
        self._provider: tuple[_Provider, float] | None = None
        self._pending: OrderedDict[str, _Pending] = OrderedDict()

    @property
    def name(self) -> str:
        """What people call it."""
        return self._options.name

    async def begin(self, callback: str) -> Beginning:
        """Begins a sign-in.

        Args:
            callback: Where the provider sends the browser back to.

        Raises:
            UnavailableError: The provider can't be reached.
        """
        provider = await self._discover()
        state, nonce, verifier, browser = (new_token() for _ in range(4))
        self._pending[hash_of(state)] = _Pending(self._wall() + _FOR, nonce, verifier, hash_of(browser))
        while len(self._pending) > _AT_ONCE:
            self._pending.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": callback,
            "scope": self._options.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _challenge(verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(provider.authorization_endpoint).query else "?"
        return Beginning(f"{provider.authorization_endpoint}{joint}{urlencode(asked)}", browser)

    async def finish(self, state: str, code: str, browser: str, callback: str) -> Person:
        """Takes the provider's word about who signed in.

        Raises:
            ForbiddenError: It was not begun by this browser, or too long ago; or the provider's word is not valid.
            UnavailableError: The provider can't be reached.
        """
        pending = self._pending.pop(hash_of(state), None)
        if (
            pending is None
            or pending.until < self._wall()
            or not hmac.compare_digest(pending.browser, hash_of(browser))
        ):
            raise _refused("it was not begun in this browser, or too long ago")
        if not code:
            raise _refused("the provider did not sign you in")
        provider = await self._discover()
        token = await self._exchange(provider, code, pending.verifier, callback)
        keys = await self._fetch("GET", provider.jwks_uri)
        return self._person(self._claims(token, keys, pending.nonce))

    async def _exchange(self, provider: _Provider, code: str, verifier: str, callback: str) -> str:
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "client_id": self._options.client_id,
            "code_verifier": verifier,
        }
        secret = self._options.client_secret.get_secret_value()
        auth = httpx.BasicAuth(quote_plus(self._options.client_id), quote_plus(secret)) if secret else None
        answer = await self._fetch("POST", provider.token_endpoint, data=given, auth=auth)
        try:
            return _Tokens.model_validate(answer).id_token
        except ValidationError:
            raise _refused("the provider gave no identity") from None

    def _claims(self, token: str, keys: Any, nonce: str) -> Mapping[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        try:
            read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=list(_ALGORITHMS))
            registry = jwt.JWTClaimsRegistry(
                now=lambda: int(self._wall()),
                leeway=_LEEWAY,
                iss={"essential": True, "value": self._options.issuer},
                aud={"essential": True, "value": self._options.client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            )
            registry.validate(read.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused(f"the provider's word is not valid ({type(error).__name__})") from None
        claims: dict[str, Any] = read.claims
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", self._options.client_id) != self._options.client_id or (several and "azp" not in claims):
            raise _refused("it was said to somebody else")
        return claims

    def _person(self, claims: Mapping[str, Any]) -> Person:
        named = claims.get(self._options.role_claim)
        values = {str(each) for each in (named if isinstance(named, list) else [named])}
        roles = {role for value, role in self._options.roles.items() if value in values}
        role = next((each for each in _ADMIN_FIRST if each in roles), self._options.default_role)
        called = next(
            (claims[key] for key in ("preferred_username", "email", "name") if claims.get(key)), claims["sub"]
        )
        name = "".join(each for each in str(called) if each.isprintable()).strip()[:60]
        return Person(f"{self._options.issuer} {claims['sub']}"[:400], name or "somebody", role)

    async def _discover(self) -> _Provider:
        if self._provider and self._provider[1] > self._wall():
            return self._provider[0]
        answer = await self._fetch("GET", f"{self._options.issuer}/.well-known/openid-configuration")
        try:
            found = _Provider.model_validate(answer)
        except ValidationError:
            raise _unreachable("its configuration can't be read") from None
        if found.issuer.rstrip("/") != self._options.issuer:
            raise _unreachable("it goes by another name than the one that is configured")
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            _check_secure(url)
        self._provider = (found, self._wall() + _FRESH)
        return found

    async def _fetch(self, method: str, url: str, **what: Any) -> Any:
        """One bounded answer, as JSON."""
        read = b""
        try:
            async with (
                httpx.AsyncClient(timeout=_WITHIN, follow_redirects=False) as client,
                client.stream(method, url, headers={"accept": "application/json"}, **what) as answer,
            ):
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > _MAX_ANSWER:
                        raise _unreachable("its answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(type(error).__name__) from None
        if answer.status_code in (400, 401) and method == "POST":
            raise _refused("the provider did not accept it")
        if answer.status_code != httpx.codes.OK:
            raise _unreachable(f"it answered {answer.status_code}")
        try:
            return json.loads(read)
        except ValueError:
            raise _unreachable("its answer is no JSON") from None


async def admitted(context: Context, audit: Audit, person: Person, address: str) -> tuple[int, str]:
    """The id and name of whom a provider has named. They are made where they are new, and get the role it tells.

    Raises:
        ForbiddenError: They have no role here, or are disabled.
    """
    if person.role is None:
        raise _refused("you have no role here", "Ask an administrator.")
    async with context.database.writing() as connection:
        found = (
            (await connection.execute(select(users).where(users.c.subject == person.subject))).mappings().one_or_none()
        )
        if found is not None:
            if found["disabled"]:
                raise _refused("you are disabled here", "Ask an administrator.")
            await connection.execute(update(users).where(users.c.id == found["id"]).values(role=person.role.value))
            return int(found["id"]), str(found["name"])
        name = person.name
        # Another person of that name is somebody else: who they are is the subject.
        if await connection.scalar(select(users.c.id).where(func.lower(users.c.name) == name.lower())):
            name = f"{name} ({hash_of(person.subject)[:8]})"
        row = {"name": name, "subject": person.subject, "role": person.role.value, "created": context.wall()}
        made = (await connection.execute(insert(users).values(row))).inserted_primary_key
    actor = Actor(name, address=address)
    await audit.write(actor, "user.created", name, {"role": person.role.value, "elsewhere": True})
    return int(made[0] if made else 0), name


def _challenge(verifier: str) -> str:
    """What the provider compares with the verifier later."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_secure(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise BadInputError(
            "An OpenID provider is reached by https.",
            source=_SOURCE,
            kind="insecure",
            hint="Check the issuer's address.",
        )


def _refused(why: str, hint: str = "Begin again from the sign-in page.") -> ForbiddenError:
    return ForbiddenError(f"You are not signed in: {why}.", source=_SOURCE, kind="openid", hint=hint)


def _unreachable(why: str) -> UnavailableError:
    return UnavailableError(
        f"The OpenID provider can't be used: {why}.",
        source=_SOURCE,
        kind="openid_unreachable",
        hint="Check JOYVL_DASHBOARD_OIDC_ISSUER, and that this machine reaches it.",
        retryable=True,
    )
