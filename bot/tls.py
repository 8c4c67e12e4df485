"""A self-signed certificate for this machine, so that a phone's browser lends its camera."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from joyvl_core.errors import UnavailableError

_LIFE = datetime.timedelta(days=397)
"""Browsers distrust certificates that live longer than 398 days."""
_RENEW = datetime.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files of a certificate and its key, and what to compare before trusting it.

    Attributes:
        fingerprint: SHA-256 of the certificate, as browsers show it (`AB:CD:…`).
        names: Addresses and names it is made out to.
    """

    chain: Path
    key: Path
    fingerprint: str
    names: tuple[str, ...]


def machine_names() -> tuple[str, ...]:
    """Names and IPv4 addresses under which browsers on this network may reach this machine."""
    host = socket.gethostname().lower()
    addresses = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    names = ["localhost", "127.0.0.1", *addresses]
    if host:
        names += [host, f"{host.split('.')[0]}.local"]
    return tuple(dict.fromkeys(names))


def state_directory() -> Path:
    """Where the certificate lives from one start to the next."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "joyvl"


def certificate(
    *, now: datetime.datetime, names: tuple[str, ...] | None = None, directory: Path | None = None
) -> Certificate:
    """The kept certificate, or a new one where there is none, or it runs out, or misses one of the names.

    Args:
        now: The present, with its time zone.
        names: What it must be made out to; by default `machine_names()`.
        directory: Where it is kept; by default `state_directory()`.

    Raises:
        UnavailableError: It cannot be written.
    """
    names = machine_names() if names is None else names
    directory = state_directory() if directory is None else directory
    chain, key = directory / "tls.crt", directory / "tls.key"
    kept = _kept(chain, key, names, now)
    if kept is not None:
        return kept
    try:
        return _made(chain, key, names, now)
    except OSError as error:
        raise UnavailableError(
            f"The certificate cannot be kept in {directory}: {error}",
            source="tls",
            kind="not_writable",
            hint="Make the directory writable, or set XDG_STATE_HOME to one that is.",
        ) from error


def _kept(chain: Path, key: Path, names: tuple[str, ...], now: datetime.datetime) -> Certificate | None:
    try:
        found = x509.load_pem_x509_certificate(chain.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        return None
    made_out_to = _names_of(found)
    if private.public_key() != found.public_key() or not set(names) <= set(made_out_to):
        return None
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc - _RENEW:
        return None
    key.chmod(0o600)
    return Certificate(chain, key, _fingerprint(found), made_out_to)


def _made(chain: Path, key: Path, names: tuple[str, ...], now: datetime.datetime) -> Certificate:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "JoyVL call")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now - datetime.timedelta(days=1) + _LIFE)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(key, pem)
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return Certificate(chain, key, _fingerprint(signed), _names_of(signed))


def _write_private(path: Path, data: bytes) -> None:
    """Replaces a file by one that only its owner can read, at no moment readable by others."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names_of(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def _fingerprint(found: x509.Certificate) -> str:
    return found.fingerprint(hashes.SHA256()).hex(":").upper()
