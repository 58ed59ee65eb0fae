"""How the databases get their tables: Alembic, one history per database, plain SQL in each step.

A step is expand-only: it may add, never remove or rename what the running version uses.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = {
    "intake": ROOT / "services/intake/migrations",
    "routing": ROOT / "services/routing/migrations",
    "oversight": ROOT / "services/oversight/migrations",
    "identity": ROOT / "shared/identity/migrations",
}


def upgrade(database: str, url: str) -> None:
    """Bring `database` (a key of HISTORIES) at `url` to the newest step; does nothing if it is there."""
    config = _config(database)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "head")


def newest(database: str) -> str | None:
    """The newest step of a database's history, as `alembic_version` names it."""
    return ScriptDirectory.from_config(_config(database)).get_current_head()


def _config(database: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("version_locations", str(HISTORIES[database]))
    config.set_main_option("path_separator", "os")
    return config
