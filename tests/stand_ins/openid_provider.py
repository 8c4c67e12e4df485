"""An OpenID provider on a real socket, which signs with a key of its own and can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "joyvl", "the client's secret"


@dataclass
class Provider:
    """Signs whoever is `claims` in. `changes` go into the identity it gives, `header` and `key` into how it signs."""

    issuer: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "4711", "preferred_username": "jun", "groups": ["staff"]}
    )
    changes: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "one"})
    foreign_key: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self._foreign = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
        self.app = FastAPI()
        self.app.get("/.well-known/openid-configuration")(self._configuration)
        self.app.get("/keys")(self._keys)
        self.app.post("/token")(self._token)

    def sign_in(self, url: str) -> str:
        """What a person's browser does at the provider: the address that it is sent back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.asked.append(query)
        return f"{query['redirect_uri']}?{urlencode({'state': query['state'], 'code': 'the-code'})}"

    def _configuration(self) -> dict[str, str]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def _keys(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    async def _token(self, request: Request) -> JSONResponse:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.asked[-1]
        verifier = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        basic = base64.b64encode(f"{CLIENT}:the+client%27s+secret".encode()).decode()
        if (
            verifier != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
            or form["code"] != "the-code"
            or request.headers.get("authorization") != f"Basic {basic}"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        told = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            **self.claims, **self.changes,
        }  # fmt: skip
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self._signed(told)})

    def _signed(self, claims: dict[str, Any]) -> str:
        kept = {name: value for name, value in claims.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in (self.header, kept))
            return ".".join([*(part.rstrip(b"=").decode() for part in parts), ""])
        if self.header["alg"] == "HS256":
            # The old confusion: the public key as if it were a shared secret.
            parts = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in (self.header, kept)]
            mac = hmac.digest(self._key.as_pem(private=False), b".".join(parts), "sha256")
            return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
        return jwt.encode(self.header, kept, self._foreign if self.foreign_key else self._key)
