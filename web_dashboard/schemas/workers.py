"""Workers of a pool, as the API shows them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WorkerView(BaseModel):
    """A worker that lives.

    Attributes:
        slots: Sessions that it takes at most; `taken` of them are taken.
        sessions: Ids of the sessions that it holds.
        draining: It accepts nothing more, its sessions are moved away, and then it ends.
        connected: It is on the line; else it is taken for dead within seconds.
        cpu: Busy share of its machine's cores, 0 to 1.
        rss: Bytes of memory of it and its processes.
        since: Unix seconds since which it is known.
        heard: Unix seconds of its last report.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(examples=["gpu-3-5f2a"])
    host: str = Field(examples=["gpu-3"])
    version: str = Field(examples=["0.1.0"])
    slots: int = Field(examples=[8])
    taken: int = Field(examples=[3])
    sessions: list[str] = Field(examples=[["road-1", "standup-4"]])
    draining: bool
    connected: bool
    cpu: float
    rss: int
    since: float
    heard: float
