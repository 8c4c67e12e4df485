"""Alembic's entry: migrates the connection that `joyvl_core.store.migrating` hands over."""

from __future__ import annotations

from alembic import context

from joyvl_core.store.tables import SEARCH_WORDS, metadata


def _ours(thing: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    """Leaves out the full-text index, table or column: no table object describes it."""
    return not (name or "").startswith(SEARCH_WORDS)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Both databases take a change of tables back where the rest of it fails.
    transactional_ddl=True,
    transaction_per_migration=False,
    include_object=_ours,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
