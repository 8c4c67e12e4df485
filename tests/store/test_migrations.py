import pytest
from sqlalchemy import create_engine, inspect, text

from joyvl_core.clock import run_virtual
from joyvl_core.errors import UnavailableError
from joyvl_core.store import Store
from joyvl_core.store.migrating import BRANCH, configuration, is_current, upgrade
from joyvl_core.store.tables import HEAD, SEARCH_WORDS, metadata


@pytest.fixture
def connection(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/joyvl.db")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_up_and_down_and_up_again(connection):
    from alembic import command

    upgrade(connection)
    assert set(metadata.tables) < set(inspect(connection).get_table_names())
    assert is_current(connection)
    command.downgrade(configuration(connection), f"{BRANCH}@base")
    assert set(inspect(connection).get_table_names()) == {"alembic_version"}
    upgrade(connection)
    upgrade(connection)
    assert is_current(connection)


def test_the_tables_are_what_the_migrations_make(connection):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    upgrade(connection)
    compared = {"compare_type": True, "compare_server_default": True, "include_object": is_described}
    assert not compare_metadata(MigrationContext.configure(connection, opts=compared), metadata)


def is_described(thing, name, kind, reflected, compared):
    """The full-text index has no table object."""
    return not (name or "").startswith(SEARCH_WORDS)


def test_the_newest_migration_is_the_one_that_is_looked_for(connection):
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(configuration(connection))
    assert scripts.get_revision(f"{BRANCH}@head").revision == HEAD


def test_a_second_branch_of_another_package_is_understood(tmp_path, monkeypatch, connection):
    from importlib.metadata import EntryPoint

    from alembic import command

    package = tmp_path / "further_migrations"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "w001.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        "revision, down_revision, branch_labels, depends_on = 'w001', None, ('web',), 'c001'\n"
        "def upgrade():\n    op.create_table('users', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "def downgrade():\n    op.drop_table('users')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    named = [EntryPoint("web", "further_migrations", "joyvl.migrations")]
    monkeypatch.setattr("joyvl_core.store.migrating.entry_points", lambda group: named)
    command.upgrade(configuration(connection), "web@head")
    upgrade(connection)
    assert {"users", "sessions"} <= set(inspect(connection).get_table_names())


def test_a_newer_database_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/joyvl.db"

    async def opened() -> None:
        async with Store.open(url):
            pass

    run_virtual(opened())
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'z999'"))
    with pytest.raises(UnavailableError) as caught:
        run_virtual(opened())
    assert caught.value.kind == "newer"
    assert "Update" in caught.value.hint
    engine.dispose()
