"""Secret keys are rotated while the suite works: by two persons, step by step, and nothing is lost."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from deploy.minqing import keyfile, resealing, suite
from deploy.minqing.cli import main
from services.intake import domain, store
from services.intake.domain import Petitioner
from shared import keyring, vault
from shared.identity import factors, grants, sessions
from shared.web import cookie
from shared.worker import Worker
from tests.identity import people
from tests.world import World

Run = Callable[..., Result]
SEALED = ("identity", "blind", "account")
HOUR = 3600


@pytest.fixture
def ours(world: World, tmp_path: Path) -> Iterator[World]:
    """The suite on keys of its own, which the other tests do not see."""
    shutil.copytree(world.secrets, tmp_path / "secrets")
    made = World(world.servers, tmp_path / "secrets", tmp_path / "clock")
    yield made
    for worker in made.started:
        worker.bus.close()
    made.close()
    restart(made)


@pytest.fixture
def minqing(ours: World, data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, led to the databases and keys of this test."""
    for name, value in environment(ours).items():
        monkeypatch.setenv(name, value)

    def run(*words: str, key: str = "") -> Result:
        return CliRunner().invoke(main, [*words, f"--data={data}"], env={"MINQING_KEY": key or None})

    return run


def environment(ours: World) -> dict[str, str]:
    urls = {database: ours.servers.url(database, database) for database in ("intake", "routing", "oversight")}
    urls["identity"] = ours.servers.url("oversight", "identity")
    named = {f"MINQING_{database.upper()}_DATABASE_URL": url for database, url in urls.items()}
    return named | {"MINQING_SECRETS": str(ours.secrets)}


def restart(ours: World) -> None:
    """What reads its keys once reads them anew, as all processes do when they are started."""
    vault.at.cache_clear()
    cookie._signer_of.cache_clear()
    ours.__dict__.pop("workers", None)


def succeed(answer: Result) -> str:
    assert answer.exit_code == 0, answer.output
    return answer.output


def refuse(answer: Result, why: str) -> None:
    assert (answer.exit_code, why in answer.output) == (1, True), answer.output


def begin(minqing: Run, ours: World, which: str) -> None:
    """Two supervisors have a new key made; it is known everywhere and not used."""
    first, second = ours.key("supervisor"), ours.key("supervisor", "another")
    succeed(minqing("secrets", "rotate", which, "--reason", "每年更换", key=first))
    succeed(minqing("secrets", "confirm", which, key=second))
    restart(ours)


def change(minqing: Run, ours: World, which: str) -> None:
    """And it is in use everywhere."""
    begin(minqing, ours, which)
    succeed(minqing("secrets", "use", which))
    restart(ours)


def age(ours: World, which: str, seconds: int = HOUR) -> None:
    """Let time pass since the last step."""
    past = time.time() - seconds
    os.utime(keyfile.path(ours.secrets, which), (past, past))


def found(ours: World, phone: str) -> int:
    """How many grievances a clerk finds by a phone number."""
    answer = ours.client("intake", "clerk").post("/v1/grievances/search", json={"phone": phone})
    assert answer.json is not None
    return int(answer.json["total"])


def found_rows(ours: World, phone: str) -> int:
    """How many petitioners an index finds."""
    indexes = vault.of(ours.secrets).indexes("phone", phone)
    return ours.count("intake", "petitioner", f"phone_index IN ({', '.join(map(_literal, indexes))})")


def _literal(digest: bytes) -> str:
    return f"'\\x{digest.hex()}'"


def opened(ours: World, number: str) -> list[Petitioner]:
    with ours.services["intake"].transaction() as tx:
        return store.petitioners.get(tx, vault.of(ours.secrets), number)


def left(ours: World) -> dict[str, int]:
    urls = {
        "intake": ours.servers.url("intake", "intake"),
        "identity": ours.servers.url("oversight", "identity"),
    }
    return resealing.left(urls, ours.secrets, vault.of(ours.secrets))


# ---------------------------------------------------------------------------------------- two persons


def test_one_person_asks_and_another_confirms_and_both_are_kept(minqing: Run, ours: World) -> None:
    first, second = ours.key("supervisor"), ours.key("supervisor", "another")
    succeed(minqing("secrets", "rotate", "sign:intake", "--reason", "设备失窃", key=first))
    assert "设备失窃" in succeed(minqing("secrets", "list"))
    refuse(minqing("secrets", "rotate", "sign:intake", "--reason", "x", key=second), "已有人申请")
    refuse(minqing("secrets", "confirm", "sign:intake", key=first), "须由另一人确认")
    assert len(keyring.read(ours.secrets / "intake.sign")) == 1
    succeed(minqing("secrets", "confirm", "sign:intake", key=second))
    assert len(keyring.read(ours.secrets / "intake.sign")) == 2
    refuse(minqing("secrets", "confirm", "sign:intake", key=second), "没有待确认的更换申请")
    engine = ours.services["oversight"].identity
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT what, by FROM identity_change WHERE subject = 'intake.sign' ORDER BY id"
        ).all()
    assert [row.what for row in rows] == ["secret.asked", "secret.confirmed"]
    assert [row.by for row in rows] == [key.split("_")[2] for key in (first, second)]


@pytest.mark.parametrize("role", ["clerk", None])
@pytest.mark.parametrize("words", [("rotate", "bus", "--reason", "x"), ("confirm", "bus")])
def test_only_supervisors_rotate_keys(
    minqing: Run, ours: World, role: str | None, words: tuple[str, ...]
) -> None:
    key = ours.key(role) if role else "mq_live_nonsense"
    refuse(minqing("secrets", *words, key=key), "supervisor")
    assert len(keyring.read(ours.secrets / "bus.key")) == 1


def test_what_nobody_confirmed_in_a_week_has_to_be_asked_for_again(minqing: Run, ours: World) -> None:
    engine = ours.services["oversight"].identity
    with engine.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO identity_change (at, by, what, subject, detail) VALUES"
            " (now() - interval '8 days', 'somebody', 'secret.asked', 'bus.key', '{\"label\": \"old\"}')"
        )
    refuse(minqing("secrets", "confirm", "bus", key=ours.key("supervisor")), "没有待确认的更换申请")
    succeed(minqing("secrets", "rotate", "bus", "--reason", "x", key=ours.key("supervisor")))


def test_steps_cannot_be_taken_out_of_order(minqing: Run, ours: World) -> None:
    supervisor = ours.key("supervisor")
    refuse(minqing("secrets", "rotate", "bus", "--reason", " ", key=supervisor), "Say why")
    refuse(minqing("secrets", "use", "bus"), "No new key")
    refuse(minqing("secrets", "retire", "bus"), "no old key")
    begin(minqing, ours, "bus")
    refuse(minqing("secrets", "rotate", "bus", "--reason", "x", key=supervisor), "not used yet")
    refuse(minqing("secrets", "retire", "bus"), "not used yet")
    succeed(minqing("secrets", "use", "bus"))
    refuse(minqing("secrets", "use", "bus"), "No new key")


def test_a_running_suite_has_to_be_restarted_between_two_steps(minqing: Run, ours: World, data: Path) -> None:
    with suite.lock(data):
        begin(minqing, ours, "account")
        refuse(minqing("secrets", "use", "account"), "Not restarted")
    with suite.lock(data):
        succeed(minqing("secrets", "use", "account"))
        refuse(minqing("secrets", "retire", "account"), "Not restarted")
    with suite.lock(data):
        succeed(minqing("secrets", "retire", "account"))


def test_the_list_says_what_is_next(minqing: Run, ours: World) -> None:
    assert "minqing secrets" not in succeed(minqing("secrets", "list"))
    begin(minqing, ours, "identity")
    assert "minqing secrets use identity" in succeed(minqing("secrets", "list"))
    succeed(minqing("secrets", "use", "identity"))
    assert "minqing secrets reseal && minqing secrets retire identity" in succeed(minqing("secrets", "list"))


def test_a_missing_key_file_is_named(minqing: Run, ours: World) -> None:
    (ours.secrets / "blind.key").unlink()
    refuse(minqing("secrets", "list"), "blind.key")
    refuse(minqing("secrets", "reseal"), "blind.key")


# ------------------------------------------------------------------------------------- sealed values


def register_more(ours: World) -> None:
    """Register one more grievance of the same person: all can be read, and found by any spelling."""
    before = ours.query("intake", "SELECT number FROM grievance")
    person = {"name": "何桂兰", "phone": "199 0000 0001", "id_number": "11010519491231002X"}
    answer = ours.register(str(len(before)), petitioners=[person])
    assert answer.status_code == 201, answer.json
    assert found(ours, "+86 199-0000-0001") == len(before) + 1
    assert {opened(ours, row.number)[0].name for row in before} <= {"何桂兰"}


def test_petitioners_stay_readable_and_findable_at_every_step(minqing: Run, ours: World) -> None:
    """Before the new keys, while both are known, while both are used, and when the old ones are gone."""
    register_more(ours)
    for which in ("identity", "blind"):
        begin(minqing, ours, which)
    register_more(ours)
    for which in ("identity", "blind"):
        succeed(minqing("secrets", "use", which))
        refuse(minqing("secrets", "retire", which), "2 rows still name an old key")
    restart(ours)
    register_more(ours)
    assert "2 rows" in succeed(minqing("secrets", "reseal"))
    register_more(ours)
    for which in ("identity", "blind"):
        succeed(minqing("secrets", "retire", which))
    restart(ours)
    register_more(ours)


def test_an_index_of_the_first_version_is_found_and_brought_up_to_date(minqing: Run, ours: World) -> None:
    """It does not name its key."""
    ours.register(petitioners=[{"name": "何桂兰", "phone": "19900000001"}])
    ours.query("intake", "UPDATE petitioner SET phone_index = substr(phone_index, 5) RETURNING 1")
    assert found(ours, "19900000001") == 1
    assert left(ours) == {"identity": 0, "blind": 1, "account": 0}
    succeed(minqing("secrets", "reseal"))
    assert left(ours)["blind"] == 0
    assert found(ours, "19900000001") == 1


def test_what_cannot_be_opened_is_named_and_the_rest_goes_on(minqing: Run, ours: World) -> None:
    numbers = [ours.register(str(n)).json["number"] for n in range(3)]
    ours.query(
        "intake", "UPDATE petitioner SET phone = name WHERE number = :n RETURNING 1", n=numbers[1]
    )  # moved to another place
    change(minqing, ours, "identity")
    answer = minqing("secrets", "reseal")
    refuse(answer, f"petitioner.phone:{numbers[1]}/0")
    assert "2 rows were sealed anew" in answer.output
    refuse(minqing("secrets", "retire", "identity"), "1 rows still name an old key")


def test_a_value_that_an_old_process_sealed_meanwhile_is_not_left_behind(minqing: Run, ours: World) -> None:
    begin(minqing, ours, "identity")
    stale = vault.of(ours.secrets)
    succeed(minqing("secrets", "use", "identity"))
    number = ours.register().json["number"]
    with ours.services["intake"].transaction() as tx:
        rows = tx.exec_driver_sql("SELECT * FROM petitioner").all()
        store.petitioners.reseal(tx, stale, rows)
    refuse(minqing("secrets", "retire", "identity"), "1 rows")
    succeed(minqing("secrets", "reseal"))
    succeed(minqing("secrets", "retire", "identity"))
    assert opened(ours, number)[0].name == "何桂兰"


def crowd(ours: World, many: int) -> None:
    """Register many petitioners, sealed with the keys in use."""
    safe = vault.of(ours.secrets)
    person = [Petitioner("何桂兰", "19900000001", None, "江滨路 1 号", representative=False)]
    number = ours.register().json["number"]
    with ours.services["intake"].transaction() as tx:
        grievance = store.get(tx, number)
        assert grievance is not None
        rows: list[Any] = []
        for n in range(many):
            each = domain.number_of(datetime.now(UTC), 1000 + n)
            made = store.keeping(safe, replace(grievance, number=each), person)["petitioners"]
            rows += orjson.loads(made)
        tx.exec_driver_sql(
            "INSERT INTO petitioner SELECT * FROM json_populate_recordset(NULL::petitioner, %(rows)s)",
            {"rows": orjson.dumps(rows).decode()},
        )


def kill_half_way(ours: World, data: Path) -> None:
    """Begin to reseal, and kill the process when it has done something and has not done all."""
    total = left(ours)["identity"]
    command = [sys.executable, "-m", "deploy.minqing", "secrets", "reseal", f"--data={data}"]
    with ours.services["intake"].engine.connect() as holding:
        holding.exec_driver_sql("SELECT * FROM petitioner ORDER BY number DESC LIMIT 1 FOR UPDATE")
        with subprocess.Popen(command, env={**os.environ, **environment(ours)}) as reseal:
            end = time.monotonic() + 60
            while left(ours)["identity"] == total:
                assert time.monotonic() < end and reseal.poll() is None
            os.kill(reseal.pid, signal.SIGKILL)
        assert reseal.returncode == -signal.SIGKILL
    assert 0 < left(ours)["identity"] < total


def test_resealing_that_was_killed_goes_on_where_it_was(minqing: Run, ours: World, data: Path) -> None:
    crowd(ours, 3 * resealing.BATCH)
    for which in ("identity", "blind"):
        change(minqing, ours, which)
    kill_half_way(ours, data)
    remaining = left(ours)["identity"]
    numbers = [row.number for row in ours.query("intake", "SELECT number FROM petitioner")]
    assert {len(opened(ours, number)) for number in numbers} == {1}
    assert found_rows(ours, "19900000001") == len(numbers)
    refuse(minqing("secrets", "retire", "identity"), f"{remaining} rows")
    assert f"{remaining} rows were sealed" in succeed(minqing("secrets", "reseal"))
    for which in ("identity", "blind"):
        succeed(minqing("secrets", "retire", which))
    assert {len(opened(ours, number)) for number in numbers} == {1}


def test_second_factors_are_sealed_anew(minqing: Run, ours: World) -> None:
    account = people.person(ours, "chen", "administrator")
    secret, _ = people.second_factor(ours, account)
    change(minqing, ours, "account")
    refuse(minqing("secrets", "retire", "account"), "1 rows")
    succeed(minqing("secrets", "reseal"))
    succeed(minqing("secrets", "retire", "account"))
    seal, code = keyring.seal(ours.secrets, "account"), factors.pyotp.TOTP(secret).now()
    assert factors.show(ours.services["oversight"].identity, seal, account, code)


# --------------------------------------------------------------------------------------- other keys


def track(ours: World, given: Any) -> int:
    """The status that number and query code of a receipt are answered with."""
    path, headers = f"/v1/track/{given['number']}", {"Query-Code": given["query_code"]}
    return ours.client("intake").get(path, headers=headers).status_code


def test_codes_on_paper_open_for_ever_unless_their_key_has_leaked(minqing: Run, ours: World) -> None:
    before = ours.register("a").json
    change(minqing, ours, "code")
    after = ours.register("b").json
    assert track(ours, {**before, "query_code": after["query_code"]}) == 404
    assert "minqing secrets" not in succeed(minqing("secrets", "list"))  # nothing remains to be done
    change(minqing, ours, "code")
    assert len(keyring.read(ours.secrets / "code.key")) == 3
    assert (track(ours, before), track(ours, after)) == (200, 200)
    age(ours, "code")
    refuse(minqing("secrets", "retire", "code"), "People hold codes on paper")
    succeed(minqing("secrets", "retire", "code", "--void-codes"))
    restart(ours)
    assert (track(ours, before), track(ours, after)) == (404, 404)


@pytest.mark.parametrize("which", ["session", "bus", "sign:routing"])
def test_what_is_on_its_way_is_waited_for(minqing: Run, ours: World, which: str) -> None:
    change(minqing, ours, which)
    refuse(minqing("secrets", "retire", which), "may be on its way")
    refuse(minqing("secrets", "retire", which, "--void-codes"), "may be on its way")
    age(ours, which)
    succeed(minqing("secrets", "retire", which))


@dataclass
class Talk:
    """Intake speaks to routing; each worker is started again when a test says so."""

    ours: World
    sent: int = 0
    workers: dict[str, Worker] = field(default_factory=dict)

    def start(self, name: str) -> None:
        if name in self.workers:
            self.workers[name].bus.close()
        self.workers[name] = self.ours.worker(name)

    def say(self) -> None:
        self.sent += 1
        self.ours.register(str(self.sent))
        self.workers["intake"].round()

    def hear(self) -> None:
        self.workers["routing"].round()

    def start_one_by_one(self, order: Sequence[str]) -> None:
        for name in order:
            self.say()
            self.start(name)
            self.say()
            self.hear()


@pytest.mark.parametrize("order", [("intake", "routing"), ("routing", "intake")])
@pytest.mark.parametrize("which", ["bus", "sign:intake", "sign:routing"])
def test_no_message_in_flight_is_lost_while_keys_are_rotated(
    minqing: Run, ours: World, which: str, order: tuple[str, str]
) -> None:
    """Workers are started again one by one, and each time frames of before are still in their queues."""
    talk = Talk(ours)
    for name in order:
        talk.start(name)
    talk.say()
    begin(minqing, ours, which)
    talk.start_one_by_one(order)
    succeed(minqing("secrets", "use", which))
    talk.start_one_by_one(order)
    for worker in (*talk.workers.values(), *talk.workers.values()):
        worker.round()
    assert ours.count("routing", "case_file") == talk.sent == 9
    assert [ours.count(name, "quarantine") for name in ("intake", "routing")] == [0, 0]
    assert ours.count("intake", "outbox", "dest = 'routing' AND state <> 'confirmed'") == 0
    age(ours, which)
    succeed(minqing("secrets", "retire", which))
    ours.settle()


def test_what_was_sent_under_a_key_that_was_retired_too_early_is_sent_again(
    minqing: Run, ours: World
) -> None:
    talk = Talk(ours)
    talk.start("intake")
    talk.say()
    change(minqing, ours, "bus")
    age(ours, "bus")
    succeed(minqing("secrets", "retire", "bus"))
    talk.start("intake")
    talk.start("routing")
    talk.hear()
    assert ours.count("routing", "quarantine") > 0  # set aside with an alarm, for nobody can read it
    ours.settle()
    assert ours.count("routing", "case_file") == 1


def sign_in(ours: World) -> str | None:
    """A clerk's session; its reference."""
    engine, account = ours.services["oversight"].identity, people.person(ours, "lin", "clerk")
    begun = sessions.living(engine, sessions.begin(engine, account, "127.0.0.1", "test"))
    return sessions.enter(engine, begun.id if begun else "", grants.of(engine, account)[0].id)


def test_people_stay_signed_in_while_the_session_key_is_rotated(minqing: Run, ours: World) -> None:
    browser = ours.client("intake")
    browser.set_cookie(cookie.NAME, str(cookie._signer_of(ours.secrets).dumps(sign_in(ours))))

    def status() -> int:
        return browser.get("/v1/grievances").status_code

    begin(minqing, ours, "session")
    assert status() == 200
    succeed(minqing("secrets", "use", "session"))
    restart(ours)
    assert status() == 200
    age(ours, "session")
    succeed(minqing("secrets", "retire", "session"))
    restart(ours)
    assert status() == 401  # nobody can have this cookie by now: it is renewed each minute, or idle
