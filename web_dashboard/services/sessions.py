"""Sessions: started, stopped, and told what to do while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, delete, select, tuple_, update

from bot.link.frames import LivePicture
from bot.link.messages import CommandName
from joyvl_core.errors import BadInputError
from joyvl_core.store.sessions import is_id
from web_dashboard.db.tables import jobs
from web_dashboard.fleet.hub import Line
from web_dashboard.fleet.states import AT_REST, PLACED, State, Wanted
from web_dashboard.fleet.subscribing import Subscription
from web_dashboard.permissions import Actor, ConflictError, Permission, UnknownError
from web_dashboard.schemas.sessions import SessionView, StartSession, read_place, write_place
from web_dashboard.services.forgetting import forget_all_told, forget_told
from web_dashboard.services.marks import forget_marks
from web_dashboard.services.once import Once
from web_dashboard.services.session_views import SHOWN, plain_place, view_of
from web_dashboard.services.starting import Starts, fresh

if TYPE_CHECKING:
    from web_dashboard.fleet.fleet import Fleet
    from web_dashboard.services.audit import Audit
    from web_dashboard.services.context import Context

MAX_LISTED = 500
MAX_WORDS = 500
_MAX_INSTRUCTIONS = 32


class Sessions:
    """What people do with sessions.

    Args:
        context: What the services share.
        audit: Takes every change.
        fleet: Runs them.
        starts: Checks and adds what is to start.
    """

    def __init__(self, context: Context, audit: Audit, fleet: Fleet, starts: Starts) -> None:
        self._context = context
        self._audit = audit
        self._fleet = fleet
        self._starts = starts
        self._once = Once(context.wall)

    # --- starting and stopping ----------------------------------------------------------------------

    async def start(self, actor: Actor, given: StartSession, *, key: str = "") -> SessionView:
        """Invites the bot into a room, or attaches it to a stream; it is queued at once, and starts soon after.

        Args:
            actor: Who does it.
            given: Where to, and as whom.
            key: The same key within ten minutes starts nothing again: the session that it started is returned.

        Raises:
            ForbiddenError: They may not.
            BadInputError: It leads where the bot may not go, or a setting is not acceptable.
            UnknownError: There is no such profile, credential or upload.
            ConflictError: The key was used for something else.
            UnavailableError: Another server looks after the sessions.
        """
        actor.require(Permission.SESSIONS_RUN)
        self._fleet.require_active()
        if not key:
            return await self._start(actor, given)
        made = await self._once.do((actor.name, key), given.model_dump_json(), lambda: self._start_id(actor, given))
        return await self._view(made)

    async def _start_id(self, actor: Actor, given: StartSession) -> str:
        return (await self._start(actor, given)).id

    async def _start(self, actor: Actor, given: StartSession) -> SessionView:
        checked = await self._starts.checked(given)
        session = await self._starts.add(actor, checked)
        told = {"place": plain_place(checked.place), "profile": given.profile}
        await self._audit.write(actor, "session.started", session, told)
        self._fleet.wake()
        return await self._view(session)

    async def stop(self, actor: Actor, session: str, words: str = "") -> SessionView:
        """Ends a session; `words` is what the bot says before it goes. One at rest stays as it is.

        Raises:
            UnknownError: There is no such session.
            UnavailableError: Another server looks after the sessions.
        """
        actor.require(Permission.SESSIONS_RUN)
        self._fleet.require_active()
        row = await self._row(session)
        if words and State(row["state"]) not in AT_REST:
            self._fleet.stop_words[session] = words[:MAX_WORDS]
        wanted = (jobs.c.id == session) & jobs.c.state.not_in([state.value for state in AT_REST])
        async with self._context.database.writing() as connection:
            await connection.execute(update(jobs).where(wanted).values(wanted=Wanted.STOPPED.value))
        await self._audit.write(actor, "session.stopped", session)
        self._fleet.wake()
        return await self._view(session)

    async def reconnect(self, actor: Actor, session: str) -> SessionView:
        """Starts a session anew, with its memory and instructions: one that runs, or one that has ended.

        Raises:
            UnknownError: There is no such session.
            UnavailableError: Another server looks after the sessions.
        """
        actor.require(Permission.SESSIONS_RUN)
        self._fleet.require_active()
        row = await self._row(session)
        if State(row["state"]) in PLACED and row["wanted"] == Wanted.RUNNING.value:
            self._fleet.move(session)
        else:
            place = await self._starts.resolved(read_place(row["place"]))
            anew = {"wanted": Wanted.RUNNING.value, "place": write_place(place), **fresh(self._context.wall())}
            # One that is stopping must have gone first.
            waits = jobs.c.state.not_in([state.value for state in PLACED])
            async with self._context.database.writing() as connection:
                changed = await connection.execute(update(jobs).where(jobs.c.id == session, waits).values(anew))
            if changed.rowcount != 1:
                raise ConflictError(
                    "The session is still stopping.", source="sessions", kind="stopping", hint="Try again in a moment."
                )
        await self._audit.write(actor, "session.reconnected", session)
        self._fleet.wake()
        return await self._view(session)

    # --- looking ------------------------------------------------------------------------------------

    async def list(
        self, actor: Actor, *, limit: int = 100, before: str | None = None, running: bool | None = None
    ) -> list[SessionView]:
        """Sessions, the newest first.

        Args:
            actor: Who looks.
            limit: Most that are returned, at most `MAX_LISTED`.
            before: Id of a session: those that were started before it.
            running: Those alone that are under way, or at rest.
        """
        actor.require(Permission.SESSIONS_READ)
        asked = select(*SHOWN).order_by(jobs.c.created.desc(), jobs.c.id.desc())
        if running is not None:
            rest = jobs.c.state.in_([state.value for state in AT_REST])
            asked = asked.where(~rest if running else rest)
        if before is not None:
            last = await self._row(before)
            asked = asked.where(tuple_(jobs.c.created, jobs.c.id) < (last["created"], last["id"]))
        async with self._context.database.reading() as connection:
            found = (await connection.execute(asked.limit(max(1, min(limit, MAX_LISTED))))).mappings().all()
        return [view_of(row, self._fleet.live(row["id"])) for row in found]

    async def get(self, actor: Actor, session: str) -> SessionView:
        """One session.

        Raises:
            UnknownError: There is none of that id.
        """
        actor.require(Permission.SESSIONS_READ)
        return await self._view(session)

    async def picture(self, actor: Actor, session: str, track: str = "", width: int = 320) -> LivePicture | None:
        """The newest live picture, of one track or of the newest; None where there is none yet. More are asked for.

        Raises:
            UnknownError: There is no such session.
        """
        actor.require(Permission.SESSIONS_READ)
        live = self._fleet.live(session)
        if live is None:
            await self._row(session)
            return None
        await live.watch(max(64, min(width, 1280)))
        if track:
            return live.pictures.get(track)
        return next(reversed(live.pictures.values()), None)

    async def follow(self, actor: Actor, session: str) -> Subscription[Line]:
        """The lines of its log from now on; to be used in a `with`.

        Raises:
            UnknownError: There is no such session.
            ConflictError: It is not under way.
        """
        actor.require(Permission.SESSIONS_READ)
        live = self._fleet.live(session)
        if live is None:
            await self._row(session)
            raise ConflictError("The session is not running.", source="sessions", kind="not_running", hint="Start it.")
        return live.subscribe()

    # --- while it runs --------------------------------------------------------------------------------

    async def instruct(self, actor: Actor, session: str, text: str) -> str:
        """Gives a standing instruction; returns its id, once it is committed."""
        data = await self._do(actor, session, "instruct", {"text": text, "author": actor.name}, {"text": text})
        return str(data.get("id", ""))

    async def change(self, actor: Actor, session: str, instruction: str, text: str) -> None:
        """Changes a standing instruction."""
        args = {"id": instruction, "text": text, "author": actor.name}
        await self._do(actor, session, "change", args, {"instruction": instruction, "text": text})

    async def cancel(self, actor: Actor, session: str, instruction: str) -> None:
        """Cancels a standing instruction."""
        args = {"id": instruction, "author": actor.name}
        await self._do(actor, session, "cancel", args, {"instruction": instruction})

    async def cancel_ticket(self, actor: Actor, session: str, ticket: str) -> None:
        """Cancels a delegation that is under way."""
        await self._do(actor, session, "cancel_ticket", {"id": ticket}, {"ticket": ticket})

    async def mute(self, actor: Actor, session: str) -> None:
        """It says nothing any more, and goes on watching."""
        await self._do(actor, session, "mute")

    async def unmute(self, actor: Actor, session: str) -> None:
        """It speaks again."""
        await self._do(actor, session, "unmute")

    async def pause(self, actor: Actor, session: str) -> None:
        """It stays where it is, and looks at nothing."""
        await self._do(actor, session, "pause")

    async def resume(self, actor: Actor, session: str) -> None:
        """It looks again."""
        await self._do(actor, session, "resume")

    async def talkativeness(self, actor: Actor, session: str, value: float) -> None:
        """Turns the dial, from 0 to 1."""
        await self._do(actor, session, "talkativeness", {"value": value}, {"value": value})

    async def ask(self, actor: Actor, session: str, text: str) -> None:
        """Asks it something, as if it was written in the room's chat."""
        await self._do(actor, session, "ask", {"text": text, "author": actor.name})

    async def say(self, actor: Actor, session: str, text: str) -> None:
        """Has it say something now."""
        await self._do(actor, session, "say", {"text": text}, {"text": text})

    async def erase(self, actor: Actor, session: str, since: float | None = None, until: float | None = None) -> None:
        """Erases what happened between two session seconds, both included; everything where neither is given.

        Raises:
            UnknownError: There is no such session.
            UnavailableError: It runs, and is not connected right now.
        """
        actor.require(Permission.SESSIONS_ERASE)
        row = await self._row(session)
        if State(row["state"]) in PLACED:
            await self._fleet.command(session, "erase", {"since": since, "until": until}, within=30.0)
            if (live := self._fleet.live(session)) is not None:
                live.forget(since, until)
        else:
            await self._context.store.erase(session, since, until)
        async with self._context.database.writing() as connection:
            await forget_told(connection, session, since, until)
            await forget_marks(connection, session, since, until)
        await self._audit.write(actor, "session.erased", session, {"since": since, "until": until})

    async def forget(self, actor: Actor, session: str) -> None:
        """Removes a session that is at rest, with all that is kept of it: no list shows it any more.

        Raises:
            UnknownError: There is no such session.
            ConflictError: It is not at rest.
        """
        actor.require(Permission.SESSIONS_ERASE)
        row = await self._row(session)
        if State(row["state"]) not in AT_REST:
            raise ConflictError(
                "The session is not at rest.", source="sessions", kind="running", hint="Stop it, and try again."
            )
        try:
            await self._context.store.erase(session)
        except BadInputError as error:
            if error.kind != "unknown_session":  # one that never began kept nothing
                raise
        rests = jobs.c.state.in_([state.value for state in AT_REST])
        async with self._context.database.writing() as connection:
            gone = await connection.execute(delete(jobs).where(jobs.c.id == session, rests))
            if not gone.rowcount:
                raise ConflictError(
                    "The session has been started again.", source="sessions", kind="running", hint="Stop it first."
                )
            await forget_marks(connection, session)
            await forget_all_told(connection, session)
        await self._audit.write(actor, "session.forgotten", session)

    async def _do(
        self,
        actor: Actor,
        session: str,
        name: CommandName,
        args: dict[str, Any] | None = None,
        detail: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Has the session's process do something; returns what it replied.

        Raises:
            ForbiddenError: They may not.
            UnknownError: There is no such session.
            UnavailableError: It is not connected, or does not answer.
            BadInputError: It refused.
        """
        actor.require(Permission.SESSIONS_RUN)
        if self._fleet.live(session) is None:
            await self._row(session)
        data = await self._fleet.command(session, name, args or {})
        await self._audit.write(actor, f"session.{name}", session, detail)
        return data

    # --- helpers ---------------------------------------------------------------------------------------

    async def _row(self, session: str) -> RowMapping:
        async with self._context.database.reading() as connection:
            asked = select(*SHOWN).where(jobs.c.id == session)
            found = (await connection.execute(asked)).mappings().first() if is_id(session) else None
        if found is None:
            raise UnknownError(
                "There is no such session.", source="sessions", kind="unknown", hint="Look at the list of sessions."
            )
        return found

    async def _view(self, session: str) -> SessionView:
        return view_of(await self._row(session), self._fleet.live(session))
