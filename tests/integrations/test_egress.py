import asyncio
import contextlib
import ipaddress
from datetime import datetime

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.egress import Egress, GuardedTransport, hosts, refusal
from joyvl_core.errors import BadInputError, JoyVLError, UnavailableError
from tests.stand_ins.delegate_servers import DelegateServer, served


def resolving(*addresses):
    async def resolve(host, port):
        if not addresses:
            raise OSError("no such name")
        return addresses

    return resolve


def self_signed(folder, name):
    """A file with a key and a certificate for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return path


def address_of(host, *addresses, **fields):
    return asyncio.run(Egress(resolve=resolving(*addresses), **fields).addresses("https", host, None))[0]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",  # noqa: S104 - an address to be refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "not an address",
        "",
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    assert refusal(address)
    with pytest.raises(BadInputError):
        address_of("example.org", "93.184.216.34", address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_public_addresses_are_reached(address):
    assert refusal(address) == ""
    assert address_of("example.org", address) == address


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.1.",
        "example.0x7f",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "a b",
        "",
        "x" * 300,
    ],
)
def test_odd_forms_of_hosts_are_refused_before_they_are_looked_up(host):
    with pytest.raises(BadInputError):
        address_of(host, "93.184.216.34")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:70/",
        "http://",
        "http:///x",
        "http://user:hunter2@example.org/",
        "http://example.org@127.0.0.1/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://example.org:99999/",
        "http://example.org\x00.evil/",
        "http://exa mple.org/",
        "https://" + "a" * 3_000,
    ],
)
def test_urls_that_cannot_be_used_are_refused(url):
    with pytest.raises(BadInputError) as caught:
        Egress().check(url)
    assert "hunter2" not in str(caught.value)


def test_a_name_that_has_no_address_is_told():
    with pytest.raises(UnavailableError) as caught:
        address_of("example.org")
    assert caught.value.retryable


def test_hosts_that_a_setting_names_are_reached():
    assert hosts(" Relay.local, 10.0.0.7,,[::1] ") == {"relay.local", "10.0.0.7", "::1"}
    allowed = Egress(hosts("relay.local,127.0.0.1"), resolve=resolving("10.0.0.7"))
    assert asyncio.run(allowed.addresses("http", "Relay.local", 80)) == ["10.0.0.7"]
    assert allowed.check("http://127.0.0.1:8080/x").port == 8080
    with pytest.raises(BadInputError):
        asyncio.run(allowed.addresses("http", "other.local", 80))
    with pytest.raises(BadInputError):
        asyncio.run(allowed.addresses("ftp", "relay.local", 80))


def test_the_connection_is_made_to_the_address_that_was_checked():
    """A name that resolves to a public address first and to a private one later leads to neither by chance."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def rebinding(host, port):
        return answers.pop(0)

    async def main():
        egress = Egress(resolve=rebinding)
        assert await egress.addresses("https", "example.org", None) == ["93.184.216.34"]
        async with httpx.AsyncClient(transport=GuardedTransport(egress)) as client:
            with pytest.raises(BadInputError):
                await client.get("http://example.org/")

    asyncio.run(main())
    assert not answers


def post(url, *addresses):
    async def main():
        egress = Egress(hosts("relay.test"), resolve=resolving(*addresses))
        async with httpx.AsyncClient(transport=GuardedTransport(egress), timeout=5) as client:
            return await client.post(url, json={"question": "?", "pictures": []})

    return asyncio.run(main())


def test_the_name_stays_in_the_request():
    with served("webhook") as server:
        assert post(f"http://relay.test:{server.port}/ask", "127.0.0.1").status_code == 200
    assert server.seen[0].headers["host"] == f"relay.test:{server.port}"


def test_where_one_address_does_not_answer_the_next_is_tried():
    with served("webhook") as server:
        assert post(f"http://relay.test:{server.port}/ask", "127.0.0.99", "127.0.0.1").status_code == 200
    with pytest.raises(httpx.ConnectError):
        post(f"http://relay.test:{server.port}/ask", "127.0.0.99", "127.0.0.1")


@pytest.mark.parametrize(("name", "accepted"), [("relay.test", True), ("other.test", False)])
def test_the_certificate_must_be_of_the_name(tmp_path, monkeypatch, name, accepted):
    certificate = self_signed(tmp_path, name)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with DelegateServer("webhook", certificate=certificate) as server:
        url = f"https://relay.test:{server.port}/ask"
        if accepted:
            assert post(url, "127.0.0.1").status_code == 200
        else:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                post(url, "127.0.0.1")
    assert len(server.seen) == accepted


@given(st.integers(0, 2**32 - 1), st.sampled_from(["", "::ffff:", "::", "64:ff9b::", "2002:"]))
@example(0x7F000001, "::ffff:")
def test_an_address_inside_another_is_judged_like_itself(number, prefix):
    inner = ipaddress.IPv4Address(number)
    outer = f"2002:{number >> 16:x}:{number & 65535:x}::1" if prefix == "2002:" else f"{prefix}{inner}"
    if refusal(str(inner)):
        assert refusal(outer)


@given(
    st.integers(0, 2**32 - 1).filter(lambda number: refusal(str(ipaddress.IPv4Address(number)))),
    st.sampled_from(["{0}", "{0:#x}", "0{0:o}", "{1:#x}.{2}", "0{1:o}.{3}.{4}.{5}", "{1}.{2}", "{1}.{3}.{6}"]),
)
def test_no_way_of_writing_a_private_address_leads_to_it(number, form):
    parts = [number >> 24, number & 0xFFFFFF, number >> 16 & 255, number >> 8 & 255, number & 255, number & 0xFFFF]
    host = form.format(number, *parts)
    with pytest.raises(BadInputError):
        address_of(host, str(ipaddress.IPv4Address(number)))
    with pytest.raises(BadInputError):
        Egress().check(f"http://{host}/")


@given(st.text(max_size=60) | st.builds("http://{}/".format, st.text(max_size=30)))
def test_any_text_is_a_url_or_refused(text):
    with contextlib.suppress(JoyVLError):
        parsed = Egress().check(text)
        assert parsed.scheme in {"http", "https"}
        assert parsed.host
