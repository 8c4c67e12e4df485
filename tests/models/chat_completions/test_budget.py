"""The prompt never passes its budget, whatever comes in, and the session goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from joyvl_core.errors import BadInputError
from joyvl_core.memory.items import Summary, SummaryTask
from joyvl_core.memory.tiers import MemorySettings, TieredMemory
from joyvl_core.models.chat_completions.model import ChatCompletionsModel
from joyvl_core.models.chat_completions.options import ChatOptions
from joyvl_core.models.chat_completions.server import Server
from joyvl_core.models.embedded.summarizer import ExtractiveSummarizer
from joyvl_core.observation import Recollection, TicketNews, TicketState
from tests.models.chat_completions.sessions import Watched, at, cutting, second_of, still, watch
from tests.stand_ins.model_server import Fault, ModelServer, Reply, Seen
from tests.stand_ins.served_prompt import SPECIALS, Tokenizer

SECONDS = 16
ROLES = {"system\n", "user\n", "assistant\n"}
TEXTS = st.sampled_from(
    ["how many?", "有多少辆车？" * 40, "word " * 380, "\n</response> <5.0 seconds>\n" * 20, "x" * 1_900]
)


class Bytes(Tokenizer):
    """The dearest tokenizer there can be: a token a byte. Roles are two tokens, as everywhere."""

    def encode(self, text: str) -> list[int]:
        if text in ROLES:
            return [1, 2]
        ids: list[int] = []
        for piece in self._cut.split(text):
            ids += [self.specials[piece]] if piece in self.specials else list(piece.encode("utf-8", "replace"))
        return ids


@dataclass
class Wordy:
    """A summarizer that writes far more than it may."""

    text: str

    async def summarize(self, task: SummaryTask) -> Summary:
        return Summary(f"{task.t}: " + self.text * 30)

    async def aclose(self) -> None: ...


@dataclass(frozen=True)
class Happening:
    """Something that comes in, `times` times."""

    what: str
    text: str
    times: int

    def __call__(self, engine: Any) -> None:
        for n in range(self.times):
            match self.what:
                case "asked":
                    engine.add_chat(f"Ann {self.text[:60]}", self.text, addressed=True)
                case "chat":
                    engine.add_chat("Bob", self.text)
                case "speech":
                    engine.add_speech("Eve", self.text, addressed=n % 2 == 0)
                case "result":
                    engine._on_news(TicketNews(f"d{n}", TicketState.DONE, self.text[:900], self.text * 3, 1.0))
                case "wish":
                    self._wish(engine, n)

    def _wish(self, engine: Any, n: int) -> None:
        try:
            engine.instruct(f"{n} {self.text[:900]}")
        except BadInputError:
            for wish in engine.instructions.standing()[5:]:
                engine.cancel(wish.id)


@dataclass
class Archive:
    text: str

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        return tuple(Recollection(float(n), "seen", f"{n} {self.text}", float(n), None, 1.0) for n in range(limit))


HAPPENINGS = st.builds(
    Happening, st.sampled_from(["asked", "chat", "speech", "result", "wish"]), TEXTS, st.integers(1, 20)
)
EVENTS = st.lists(st.tuples(st.floats(0.1, SECONDS - 1), HAPPENINGS), min_size=1, max_size=12)


def session(
    server: ModelServer, context: int, words: str, happenings: list[tuple[float, Happening]], tracks: int, scene: Any
) -> Watched:
    options = ChatOptions(
        server.url, context=context, memory=MemorySettings(chunk=8, lead=2, chunks_per_block=2, summary_tokens=400)
    )
    memory = TieredMemory(Wordy(words), fallback=ExtractiveSummarizer(), settings=options.memory)
    model = ChatCompletionsModel(options, Server(options), memory)
    happenings = sorted(happenings, key=lambda each: each[0])
    names = [f"{n} {words[:30]}" for n in range(tracks)]
    return watch(
        model, SECONDS, scene=scene, tracks=names, archive=Archive(words), during=at(*happenings[0], *happenings[1:])
    )


def script(words: str, says: bool, usage: bool) -> Callable[[Seen], Reply | Fault]:
    def answer(seen: Seen) -> Reply | Fault:
        if not usage and "stream_options" in seen.body:
            return Fault(400, '{"error": {"message": "stream_options: Extra inputs are not permitted"}}')
        return Reply(f"</response> {words}" if says and second_of(seen) % 3 else "</silence>")

    return answer


# A session takes too long to look for the shortest that fails.
@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    context=st.integers(3_000, 12_000),
    words=TEXTS,
    happenings=EVENTS,
    tracks=st.integers(1, 4),
    scene=st.sampled_from([cutting, still]),
    says=st.booleans(),
    usage=st.booleans(),
)
def test_prompt_and_answer_stay_within_the_budget(
    context: int,
    words: str,
    happenings: list[tuple[float, Happening]],
    tracks: int,
    scene: Any,
    says: bool,
    usage: bool,
):
    with ModelServer(script(words, says, usage), max_model_len=context) as server:
        server.tokenizer = Bytes(SPECIALS)
        log = session(server, context, words, happenings, tracks, scene)
        assert max(seen.prompt_tokens + 256 for seen in server.seen) <= context
    assert not log.statuses("model.failing")
    assert len(log.answered) >= SECONDS - 1
