"""What outlives a process, on SQLite or PostgreSQL."""

from joyvl_core.store.erasing import Erased
from joyvl_core.store.keeper import SessionKeeper
from joyvl_core.store.rows import StoredPicture
from joyvl_core.store.sessions import Resumed, Session, SessionInfo
from joyvl_core.store.store import Store

__all__ = ["Erased", "Resumed", "Session", "SessionInfo", "SessionKeeper", "Store", "StoredPicture"]
