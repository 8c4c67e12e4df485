"""What whoever runs the bot may have it do, carried out: each answer comes after what it changed is committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bot.forgetting import forget
from bot.link import arguments
from bot.link.messages import Command
from bot.live_view import LiveView
from bot.live_voice import LiveVoice
from bot.participant import Participant
from joyvl_core.clock import Clock
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.events import EventLog

if TYPE_CHECKING:
    from joyvl_core.store import SessionKeeper

_LOOKS = ("view", "listen")
"""Commands that change nothing."""


class Commanded:
    """Carries out commands on a participant that lives.

    Args:
        language: Of what is said about it in the log, `en` or `zh`.
    """

    def __init__(
        self,
        participant: Participant,
        clock: Clock,
        log: EventLog,
        keeper: SessionKeeper | None,
        view: LiveView,
        voice: LiveVoice,
        language: str,
    ) -> None:
        self._participant = participant
        self._engine = participant.engine
        self._clock = clock
        self._log = log
        self._keeper = keeper
        self._shown = view
        self._heard = voice
        self._language = language

    async def carry_out(self, command: Command) -> dict[str, Any]:
        """Does it, and returns the data of the reply once what it changed is safe.

        What a command changes, it changes before it first waits: commands take effect in the order they come.

        Raises:
            BadInputError: Its arguments can't be used.
            UnavailableError: It can't be done now, or the store did not take it.
        """
        given = arguments.arguments_of(command)
        work: Callable[[Any], Awaitable[dict[str, Any]]] | None = getattr(self, f"_{command.name}", None)
        if work is None:
            raise UnavailableError(
                f"{command.name} is not for this session.",
                source="command",
                kind="not_here",
                hint="It is no open call.",
            )
        data = await work(given)
        if command.name not in _LOOKS:
            await self._log.committed()
        return data

    async def _instruct(self, given: arguments.Instruct) -> dict[str, Any]:
        return {"id": self._engine.instruct(given.text, author=given.author)}

    async def _change(self, given: arguments.Change) -> dict[str, Any]:
        self._engine.change(given.id, given.text, author=given.author)
        return {}

    async def _cancel(self, given: arguments.Cancel) -> dict[str, Any]:
        self._engine.cancel(given.id, author=given.author)
        return {}

    async def _cancel_ticket(self, given: arguments.CancelTicket) -> dict[str, Any]:
        if not self._engine.tickets.cancel(given.id):
            raise BadInputError(
                f"No question {given.id!r} is being answered.",
                source="command",
                kind="unknown_id",
                hint=f"Under way: {', '.join(self._engine.tickets.running) or 'none'}.",
            )
        return {}

    async def _mute(self, _: arguments.Nothing) -> dict[str, Any]:
        self._participant.mute()
        return {}

    async def _unmute(self, _: arguments.Nothing) -> dict[str, Any]:
        self._participant.unmute()
        return {}

    async def _pause(self, _: arguments.Nothing) -> dict[str, Any]:
        self._participant.pause()
        return {}

    async def _resume(self, _: arguments.Nothing) -> dict[str, Any]:
        self._participant.resume()
        return {}

    async def _talkativeness(self, given: arguments.Talkativeness) -> dict[str, Any]:
        self._engine.talkativeness = given.value
        self._log.status("talkativeness", f"it is {given.value:g} now")
        return {}

    async def _ask(self, given: arguments.Ask) -> dict[str, Any]:
        self._participant.on_chat(given.author, given.text, addressed=True)
        return {}

    async def _say(self, given: arguments.SayWords) -> dict[str, Any]:
        return {"tick": await self._engine.prompter.say(given.text)}

    async def _erase(self, given: arguments.Erase) -> dict[str, Any]:
        now = self._clock.now()
        since, until = given.since or 0.0, now if given.until is None else min(given.until, now)
        if since > until:
            raise BadInputError("There is nothing between these seconds.", source="command", kind="arguments")
        erased = await forget(since, until, self._engine, self._keeper, self._log, self._language)
        return {} if erased is None else {"events": erased.events, "items": erased.items, "pictures": erased.pictures}

    async def _view(self, given: arguments.View) -> dict[str, Any]:
        self._shown.watch(given.width, given.every, given.seconds)
        return {}

    async def _listen(self, given: arguments.Listen) -> dict[str, Any]:
        self._heard.listen(given.seconds)
        return {}

    async def _stop(self, given: arguments.Stop) -> dict[str, Any]:
        self._log.status("session.stopped", "whoever runs the bot has ended the session")
        self._participant.stop(given.words)
        return {}
