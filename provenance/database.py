"""The repository's tables, and an engine that is durable and never loses a write to a race.

PostgreSQL by URL, with what it is by default: a returned commit is durable, two writers of one key wait.
SQLite runs with WAL, `synchronous=FULL` and `BEGIN IMMEDIATE` for writes: a returned write survives a power cut,
and two writers wait for each other instead of failing.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from core.errors import ConfigurationError

_BUSY_TIMEOUT_MS = 30_000
_WRITES = "reelproof_writes"
_MIGRATION_LOCK = 2_026_1121  # any number that every process takes

_METADATA = sa.MetaData()

releases = sa.Table(
    "provenance_release",
    _METADATA,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("manifest_id", sa.Text),
    sa.Column("sha256", sa.Text),
    sa.Column("store_sha256", sa.Text),
    sa.Column("fingerprint_alg", sa.Text),
    sa.Column("fingerprint", sa.LargeBinary),
    sa.Column("duration_s", sa.Float),
    sa.Column("created_at", sa.Text),
    sa.Column("facts", sa.Text),
    sa.Column("content_sha256", sa.Text),
    sa.Column("erased_at", sa.Text),
    sa.Column("landmarks_sha256", sa.Text),
    sa.Column("landmark_features", sa.LargeBinary),
)

bindings = sa.Table(
    "provenance_binding",
    _METADATA,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("manifest_id", sa.Text),
    sa.Column("alg", sa.Text),
    sa.Column("value_sha256", sa.Text),
    sa.Column("value", sa.LargeBinary),
    sa.Column("start_ms", sa.Integer),
    sa.Column("end_ms", sa.Integer),
    sa.Column("name", sa.Text),
    sa.Column("added", sa.Boolean),
)


def open_engine(url: str) -> Engine:
    """An engine on a migrated database. Several processes may open the same one at once: one migrates, the
    others wait.

    Raises:
        ConfigurationError: `bad_database_url`, `database_unusable`.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise ConfigurationError(
            f"the database URL cannot be used: {error}",
            code="bad_database_url",
            hint="use a URL such as sqlite:////path/to/reelproof.db or postgresql+psycopg://user@host/name",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        _migrate(engine)
    except SQLAlchemyError as error:
        engine.dispose()
        raise ConfigurationError(
            f"the database cannot be opened: {error}",
            code="database_unusable",
            hint="check the path, its permissions and free space; a damaged file comes back from its backup",
        ) from error
    return engine


def writing(engine: Engine) -> Engine:
    """The engine for transactions that write: they take the write lock at once."""
    return engine.execution_options(**{_WRITES: True})


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(resources.files("provenance") / "migrations"))
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            # One migrates, the others wait: PostgreSQL has no BEGIN IMMEDIATE.
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions by itself and late; SQLAlchemy's begin event does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
