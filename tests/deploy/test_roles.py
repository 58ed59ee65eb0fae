"""`minqing roles`: what a server of the services' own needs, made again and again."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from deploy.minqing import cli, databases, migrate, servers
from deploy.minqing.servers import Servers
from deploy.minqing.trouble import silence


@pytest.fixture(scope="module")
def empty() -> Iterator[Servers]:
    """A server that has no database and no role of ours."""
    with servers.temporary() as running:
        yield running


@pytest.fixture
def secrets(empty: Servers, tmp_path: Path) -> Path:
    for role, password in empty.passwords.items():
        (tmp_path / f"{role}_password").write_text(f"{password}\n")
    return tmp_path


def run(running: Servers, secrets: Path) -> str:
    address = running.admin_url.replace("postgresql+psycopg://postgres:", "postgresql://postgres:not-this-")
    done = CliRunner().invoke(cli.main, ["roles", "--server", address, "--secrets", str(secrets)])
    assert done.exit_code == (1 if "missing" in done.output else 0), done.output
    return done.output


def connect(running: Servers, role: str, password: str, database: str) -> psycopg.Connection:
    address = databases.url(running.admin_url, role, password, database)
    return psycopg.connect(address.replace("+psycopg", ""), autocommit=True)


def ask(running: Servers, query: str) -> list[tuple[object, ...]]:
    with connect(running, "postgres", running.passwords["postgres"], "postgres") as admin:
        return admin.execute(query).fetchall()


def test_an_empty_server_is_given_all_that_the_services_need(empty: Servers, secrets: Path) -> None:
    run(empty, secrets)
    migrate.upgrade({name: empty.url(owner, name) for name, owner in databases.OWNERS.items()}, silence)
    with connect(empty, "routing", empty.passwords["routing"], "identity") as reader:
        reader.execute("SELECT * FROM access_key")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect(empty, "routing", empty.passwords["routing"], "postgres")


def test_a_server_from_before_a_role_is_given_it_and_keeps_what_it_holds(
    empty: Servers, secrets: Path
) -> None:
    run(empty, secrets)
    with connect(empty, "intake", empty.passwords["intake"], "intake") as owner:
        owner.execute("CREATE TABLE held AS SELECT 1 AS n")
    with connect(empty, "postgres", empty.passwords["postgres"], "intake") as admin:
        admin.execute("DROP OWNED BY intake_door")  # as it would not have been granted anything yet
        admin.execute("DROP ROLE intake_door")
    run(empty, secrets)
    with connect(empty, "intake", empty.passwords["intake"], "intake") as owner:
        owner.execute("SET ROLE intake_door")
        owner.execute("RESET ROLE")
        assert owner.execute("SELECT n FROM held").fetchall() == [(1,)]


def test_a_changed_password_counts_and_the_one_before_no_longer(empty: Servers, secrets: Path) -> None:
    run(empty, secrets)
    (secrets / "intake_password").write_text("another-one-for-intake\n")
    run(empty, secrets)
    connect(empty, "intake", "another-one-for-intake", "intake").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(empty, "intake", empty.passwords["intake"], "intake")


def test_a_folder_without_a_password_is_refused_and_nothing_is_changed(empty: Servers, secrets: Path) -> None:
    (secrets / "routing_password").unlink()
    (secrets / "oversight_password").write_text("\n")
    before = ask(empty, "SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
    assert "routing_password and oversight_password missing" in run(empty, secrets)
    assert ask(empty, "SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == before
