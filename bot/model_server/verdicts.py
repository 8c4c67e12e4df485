"""What a model's server can and cannot do, each with what it means and its fix."""

from __future__ import annotations

from collections.abc import Iterable

from bot.diagnosis import Finding, Verdict
from joyvl_core.codec.tokens import P_TOKENS
from joyvl_core.models.chat_completions.capabilities import Capabilities
from joyvl_core.models.chat_completions.measuring import Measured

COMFORTABLE = 0.5
"""Seconds of a tick that leave room for others' within the second."""
LEAST_CONTEXT = 8_192


def findings(known: Capabilities, seen: Measured) -> Iterable[Finding]:
    """One a capability. Those are `needed` without which there is no session."""
    yield _server(known)
    yield _protocol(seen)
    yield _context(known)
    yield from _own(known, seen)
    yield _cache(seen)
    yield _picture(seen)
    yield _latency(seen)


def _server(known: Capabilities) -> Finding:
    kind = f"vLLM {known.version}" if known.vllm else "an OpenAI-compatible server"
    return Finding("Server", Verdict.OK, f"{kind}, model {known.model[:80]}", needed=True)


def _protocol(seen: Measured) -> Finding:
    said = " ".join(seen.answer.split())[:60]
    if seen.marked:
        return Finding("Protocol", Verdict.OK, f"answers in its form: {said}", needed=True)
    return Finding(
        "Protocol",
        Verdict.MISSING,
        f"answered {said!r}, no action",
        "Use the released weights, or a model that follows a system prompt (--profile prompted).",
        needed=True,
    )


def _context(known: Capabilities) -> Finding:
    if known.max_model_len is None:
        return Finding("Context", Verdict.PARTLY, "it doesn't tell its context", "Set JOYVL_CONTEXT to what it takes.")
    verdict = Verdict.OK if known.max_model_len >= LEAST_CONTEXT else Verdict.MISSING
    fix = "" if verdict is Verdict.OK else f"Serve it with --max-model-len of at least {LEAST_CONTEXT}."
    return Finding("Context", verdict, f"{known.max_model_len:,} tokens", fix, needed=True)


def _own(known: Capabilities, seen: Measured) -> Iterable[Finding]:
    """What only vLLM has."""
    ids = {"silence": known.silence, "response": known.response, "delegation": known.delegation}
    whole = ", ".join(f"{name} {number}" for name, number in ids.items() if number is not None)
    if None not in ids.values():
        yield Finding("Special tokens", Verdict.OK, f"single: {whole}")
    else:
        broken = ", ".join(name for name, number in ids.items() if number is None)
        why = f"not single: {broken}" if known.vllm else "not known of such a server"
        fix = "Only weights trained with them have them; the words are understood all the same."
        yield Finding("Special tokens", Verdict.PARTLY, why, fix)
    names = "vLLM names pictures; with others a session is more costly."
    scores = "It takes vLLM and weights with single special tokens."
    ranks = "Serve it with --scheduling-policy priority."
    for part, there, use, lack, fix in (
        ("Picture names", seen.names_pictures, "pixels are sent once", "pixels are sent again every second", names),
        ("P(silence)", seen.scores, "the talkativeness dial works", "the dial moves nothing", scores),
        ("Priority", seen.ranks, "ticks go before summaries", "first come, first served", ranks),
    ):
        yield Finding(part, Verdict.OK, use) if there else Finding(part, Verdict.PARTLY, lack, fix)


def _cache(seen: Measured) -> Finding:
    if seen.cached is None:
        fix = "vLLM tells with --enable-prompt-tokens-details."
        return Finding("Prefix cache", Verdict.PARTLY, "it doesn't tell what it had cached", fix)
    if seen.cached == 0:
        fix = "Serve it with --enable-prefix-caching, or every second costs the whole prompt."
        return Finding("Prefix cache", Verdict.PARTLY, "a prompt sent again is computed again", fix)
    return Finding("Prefix cache", Verdict.OK, f"{seen.cached} tokens of a prompt sent again were there")


def _picture(seen: Measured) -> Finding:
    if seen.picture_tokens is None:
        return Finding("P picture", Verdict.PARTLY, "it doesn't tell what a picture costs", "Skips and I-frames only.")
    told = f"a picture of 128x128 costs {seen.picture_tokens} tokens"
    if seen.picture_tokens <= P_TOKENS:
        return Finding("P picture", Verdict.OK, told)
    fix = "joyvl model serve lowers the least size of a picture; until then: skips and I-frames only."
    return Finding("P picture", Verdict.PARTLY, f"{told}, not {P_TOKENS}", fix)


def _latency(seen: Measured) -> Finding:
    told = f"first token after {seen.first_token * 1_000:.0f} ms, a tick {seen.tick * 1_000:.0f} ms"
    if seen.tick <= COMFORTABLE:
        return Finding("Latency", Verdict.OK, told)
    if seen.tick <= 1.0:
        return Finding("Latency", Verdict.PARTLY, told, "One session keeps up, hardly two: a faster card, or fp8.")
    fix = "It skips seconds: a faster card, fewer sessions, or a smaller model."
    return Finding("Latency", Verdict.PARTLY, told, fix)
