"""A real LiveKit server on loopback, for as long as a test module runs."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from livekit import api

KEY, SECRET = "devkey", "0123456789abcdef0123456789abcdef0123"
_HEALTHY_WITHIN = 20.0


class LiveKitServer:
    """The server's process. Stopped and started again, it has the same address and has forgotten everything.

    `webhook`: a URL that it tells of its rooms, signed with its key.
    """

    def __init__(self, binary: Path, *, webhook: str = "") -> None:
        self._webhook = webhook
        self._binary = binary
        self._port, self._udp_port = _free(socket.SOCK_STREAM), _free(socket.SOCK_DGRAM)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.NamedTemporaryFile(prefix="livekit-server-", suffix=".log")  # noqa: SIM115 - lives as long as the server

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts the process and returns once it answers."""
        config = (
            f"port: {self._port}\n"
            'bind_addresses: ["127.0.0.1"]\n'
            f'keys: {{{KEY}: "{SECRET}"}}\n'
            f"rtc: {{node_ip: 127.0.0.1, use_external_ip: false, enable_loopback_candidate: true,"
            f" interfaces: {{includes: [lo]}}, udp_port: {self._udp_port}, tcp_port: 0,"
            # Left empty, the server would send its clients to public STUN servers.
            ' stun_servers: ["127.0.0.1:3478"]}\n'
        )
        if self._webhook:
            config += f'webhook: {{api_key: {KEY}, urls: ["{self._webhook}"]}}\n'
        command = [self._binary, "--config-body", config]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _HEALTHY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the LiveKit server does not start:\n{Path(self._log.name).read_text()[-2_000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Ends the process without a goodbye to anybody."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stops the process in its tracks for the block: it is there and does not answer."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends the process for good."""
        self.kill()
        self._log.close()

    def token(
        self, identity: str, room: str, *, name: str = "", kind: api.AccessToken.ParticipantKind = "standard"
    ) -> str:
        """Lets a test's own participants in."""
        grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=True)
        token = api.AccessToken(KEY, SECRET).with_identity(identity).with_name(name).with_kind(kind)
        return token.with_grants(grants).to_jwt()

    def api(self) -> api.LiveKitAPI:
        """The server's own API, to remove people and delete rooms."""
        return api.LiveKitAPI(self.http, KEY, SECRET)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.http, timeout=1) as answer:  # noqa: S310 - a loopback address
                return bool(answer.status == 200)
        except OSError:  # nobody listens yet
            return False


@pytest.fixture(scope="module")
def livekit_server(require: Callable[[str], Path]) -> Iterator[LiveKitServer]:
    """A server that the module's tests share, each in a room of its own."""
    server = LiveKitServer(require("livekit-server"))
    server.start()
    yield server
    server.stop()


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
