"""`minqing person`: accounts from the command line."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.minqing import cli, sample_people
from deploy.minqing.databases import OWNERS
from shared.identity import accounts, grants
from tests.identity.people import PASSWORD, person, read
from tests.world import World

SITE = "https://minqing.example"


@pytest.fixture
def minqing(world: World, monkeypatch: pytest.MonkeyPatch):
    for database, owner in OWNERS.items():
        monkeypatch.setenv(f"MINQING_{database.upper()}_DATABASE_URL", world.servers.url(owner, database))
    monkeypatch.setenv("MINQING_OVERSIGHT_URL", SITE)

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli.main, words)

    return run


def _link(said: str) -> str:
    return re.findall(f"{SITE}/set-up\\?link=(\\S+)", said)[0]


def test_an_empty_suite_prints_one_link_for_the_first_administrator(world: World, minqing) -> None:
    engine = world.services["oversight"].identity
    said = minqing("migrate", "identity").output
    accounts.set_up(engine, _link(said), PASSWORD)
    assert grants.has_administrator(engine)
    assert "set-up?" not in minqing("migrate", "identity").output


def test_before_there_is_an_administrator_a_role_counts_at_once_and_later_one_has_to_confirm(
    world: World, minqing
) -> None:
    engine = world.services["oversight"].identity
    first = minqing("person", "add", "Lin", "--name", "林晨", "--role", "administrator")
    assert first.exit_code == 0, first.output
    accounts.set_up(engine, _link(first.output), PASSWORD)
    second = minqing("person", "add", "wang", "--name", "王", "--role", "liaison", "--department", "housing")
    assert "has to confirm" in second.output
    wang = accounts.of_login(engine, "wang").id
    assert grants.of(engine, wang) == []
    grants.confirm(engine, grants.waiting(engine)[0].id, accounts.of_login(engine, "lin").id)
    assert [grant.department for grant in grants.of(engine, wang)] == ["housing"]
    assert "liaison:housing" in minqing("person", "list").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--role", "liaison"), "department: missing"),
        (("--role", "liaison", "--department", "nowhere"), "has no nowhere"),
        (("--role", "clerk", "--department", "housing"), "department: missing, or not"),
        (("--role", "king"), "king"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, minqing, words: tuple[str, ...], said: str) -> None:
    answer = minqing("person", "add", "lin", "--name", "林", *words)
    assert answer.exit_code != 0 and said in answer.output
    assert read(world, "SELECT 1 FROM account") == []


def test_what_would_act_on_a_terminal_or_look_like_another_login_is_refused(world: World, minqing) -> None:
    for login, name in (("l\u0456n", "林"), ("lin\x1b[2J", "林"), ("l\0in", "林"), ("lin", "林\x1b[2J")):
        answer = minqing("person", "add", login, "--name", name, "--role", "clerk")
        assert answer.exit_code != 0 and "\x1b" not in answer.output


def test_a_login_is_taken_once(world: World, minqing) -> None:
    person(world, "lin")
    assert "taken" in minqing("person", "add", "LIN", "--name", "林", "--role", "clerk").output


def test_an_account_is_disabled_and_a_link_made_again(world: World, minqing) -> None:
    person(world, "lin", "clerk")
    assert _link(minqing("person", "link", "lin", "--lost-factor").output)
    assert minqing("person", "disable", "lin").exit_code == 0
    assert minqing("person", "disable", "lin").exit_code == 1
    assert "no such account" in minqing("person", "link", "nobody").output


def test_people_come_from_a_spreadsheet(world: World, minqing, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "\ufefflogin,name,role,department,office\nlin,林晨,liaison,housing,\nwang,王,clerk,,hotline\n",
        "utf-8",
    )
    answer = minqing("person", "import", str(file))
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("set-up?link=") == 2
    assert {row.login for row in read(world, "SELECT login FROM account")} == {"lin", "wang"}


def test_a_spreadsheet_is_read_as_chinese_windows_writes_it(world: World, minqing, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("login,name,role\nlin,林晨,clerk\n".encode("gbk"))
    assert minqing("person", "import", str(file)).exit_code == 0
    assert [row.name for row in read(world, "SELECT name FROM account")] == ["林晨"]
    file.write_bytes(b"login,name,role\nwang,\xff\xfe,clerk\n")
    assert "neither UTF-8 nor GBK" in minqing("person", "import", str(file)).output


def test_a_spreadsheet_with_errors_names_rows_and_columns_and_changes_nothing(
    world: World, minqing, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "login,name,role,department\nlin,林,liaison,\n,王,clerk,\nqi,齐,liaison,nowhere\n", "utf-8"
    )
    answer = minqing("person", "import", str(file))
    assert all(f"row {where}" in answer.output for where in ("2 department", "3 login", "4 department"))
    assert read(world, "SELECT 1 FROM account") == []
    file.write_text("login,name,role\nlin,林,clerk\nLIN,林,clerk\n", "utf-8")
    assert "row 3" in minqing("person", "import", str(file)).output
    assert read(world, "SELECT 1 FROM account") == []
    file.write_text("login,rôle\n", "utf-8")
    assert minqing("person", "import", str(file)).exit_code == 1


def test_sample_people_can_sign_in_and_share_no_password(world: World) -> None:
    engine = world.services["oversight"].identity
    made = sample_people.make(engine, world.secrets, "housing")
    assert len({each["password"] for each in made}) == len(made)
    assert all(accounts.verify(engine, each["login"], each["password"]) for each in made)
    assert {each["login"] for each in made if "secret" in each} == {
        "supervisor",
        "auditor",
        "admin",
        "admin2",
    }
    assert json.dumps(made)
