"""A replay of a county's past: what officials do and when, the clock, and a small one on a whole suite."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from deploy.minqing import clock, demo, launch, servers, status, suite
from deploy.minqing.replay import SEED, replay, samples
from deploy.minqing.replay.acts import Act, Agenda, Who, later
from deploy.minqing.replay.habits import SLOW, Habits
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import Trouble
from services.routing import domain as routing
from shared import calendar, county, database, identity
from shared.calendar import Calendar
from tests.deploy.test_up import free_base

COUNTY = county.load(suite.COUNTY)
CALENDAR: Calendar = calendar.of(COUNTY)
HABITS = Habits(COUNTY, CALENDAR, samples.replies(), SEED)
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)  # a Monday, ten o'clock in the county
DAYS = 26  # enough for a published notice also where a long holiday lies in them


def sheet(**changes: Any) -> dict[str, Any]:
    """A task as its department sees it."""
    case = {"summary": "水压不足", "kind": "claim", "urgency": None, "lead": "market", "cooperating": []}
    task = {"id": "n.market", "department": "market", "role": "lead", "state": "designated"}
    return {**task, "case": case | changes.pop("case", {}), **changes}


def waiting(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A case as it waits in triage."""
    matter = {"number": "n", "summary": "说不清", "unit": None, "place": None, "handovers": 0}
    unassigned = {"lead": None, "cooperating": [], "tasks": []}
    found = {"case": {**matter, **unassigned, **case}, "waits": {"code": "no_rule"}, "suggestions": []}
    return found | changes


def decisions(case: dict[str, Any], **changes: Any) -> list[Act]:
    """What clerks decide of the same case, each told by another seed."""
    return [
        act
        for seed in range(40)
        for act in replace(HABITS, seed=seed).decision(waiting(case, **changes), NOW)
    ]


def test_the_same_seed_makes_the_same_acts() -> None:
    given = samples.grievances()
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(30)]
    made = [list(samples.registrations(given, days, COUNTY, CALENDAR, SEED)) for _ in range(2)]
    assert made[0] == made[1]
    assert list(HABITS.course(sheet(), NOW)) == list(HABITS.course(sheet(), NOW))


def test_grievances_come_in_on_working_days_with_the_keys_of_their_offices() -> None:
    days = [date(2026, 9, 20) + timedelta(days=n) for n in range(20)]  # the autumn holidays lie in it
    acts = list(samples.registrations(samples.grievances(), days, COUNTY, CALENDAR, SEED))
    assert len(acts) == 300
    for act in acts:
        assert CALENDAR.is_working_day(act.at.date())
        assert 8 <= act.at.astimezone(CALENDAR.timezone).hour < 18
        assert datetime.fromisoformat(act.body["received_at"]) < act.at
        role = "department" if act.body["office"] in COUNTY.departments else "clerk"
        assert act.who == Who(role, act.body["office"])


def test_acts_are_put_off_over_weekends_and_holidays() -> None:
    friday = datetime(2026, 2, 13, 2, tzinfo=UTC)  # before a make-up day and the Spring Festival
    days = [later(CALENDAR, friday, n, Random(1)).astimezone(CALENDAR.timezone).date() for n in range(3)]
    assert days == [date(2026, 2, 13), date(2026, 2, 14), date(2026, 2, 24)]


def test_an_agenda_gives_what_is_due_in_order_of_time_also_what_was_added_meanwhile() -> None:
    agenda, done = Agenda(), []
    acts = [Act(NOW + timedelta(hours=n), Who("clerk"), "intake", str(n), {}) for n in (3, 1, 9)]
    agenda.add(acts)
    for act in agenda.until(NOW + timedelta(hours=5)):
        done.append(act.path)
        if act.path == "1":
            agenda.add([replace(act, at=act.at + timedelta(hours=1), path="2")])
    assert done == ["1", "2", "3"]


def test_a_task_is_accepted_before_it_is_answered_and_a_linked_one_is_explained_by_its_lead() -> None:
    linked = sheet(case={"cooperating": ["environment"]})
    acts = list(HABITS.course(linked, NOW))
    assert {act.who for act in acts} == {Who("department", "market")}
    by_time = [act.path.rpartition("/")[2] for act in sorted(acts, key=lambda act: act.at)]
    assert by_time.index("accept") < by_time.index("answer")
    (explained,) = (act.body["explanation"] for act in acts if act.path.endswith("explain"))
    assert "市场监督管理局" in explained
    assert "生态环境局" in explained


def test_a_designated_department_does_not_object_again() -> None:
    paths = [a.path for s in range(200) for a in replace(HABITS, seed=s).course(sheet(), NOW)]
    assert not any(path.endswith("object") for path in paths)
    fresh = [a.path for s in range(200) for a in replace(HABITS, seed=s).course(sheet(state="assigned"), NOW)]
    assert any(path.endswith("object") for path in fresh)


def test_a_notice_is_proposed_by_one_supervisor_and_decided_by_another() -> None:
    ends = set()
    for n in range(60):
        notice = {"id": f"2026-{n:04}", "number": str(n), "clock": "handling"}
        proposed, decided = HABITS.publication(notice, NOW)
        assert proposed.at < decided.at
        assert proposed.who.role == decided.who.role == "supervisor"
        assert proposed.who != decided.who
        ends.add(decided.path.rpartition("/")[2])
    assert ends == {"confirm", "refuse"}


def test_few_departments_are_slow() -> None:
    paces = {d: HABITS.pace(sheet(department=d), Random(3)) for d in COUNTY.departments}
    assert {department for department, pace in paces.items() if pace is SLOW} <= HABITS.slow
    assert len(HABITS.slow) == 3


def test_a_clerk_never_sends_a_case_to_the_unit_it_accuses() -> None:
    case = {"unit": "housing", "place": None}
    made = decisions(case, suggestions=[{"department": "housing"}, {"department": "market"}])
    assert {act.body["lead"] for act in made} == {"market"}


def test_an_upheld_objection_leads_elsewhere_and_a_refused_one_nowhere_else() -> None:
    tasks = [{"department": "market", "state": "objected"}, {"department": "fire", "state": "accepted"}]
    case = {"lead": "market", "cooperating": ["fire"], "tasks": tasks}
    made = decisions(case, waits={"code": "objection"}, suggestions=[{"department": "market"}])
    assert {act.body["lead"] for act in made} == {"market", "centre"}
    assert all(act.body["cooperating"] == ["fire"] for act in made)


def test_some_cases_are_left_in_triage() -> None:
    assert 0 < 40 - len(decisions({})) < 10


def test_the_hands_of_the_clock_go_forward_only_and_never_beyond_the_present(tmp_path: Path) -> None:
    start = datetime.now(UTC) - timedelta(days=9)
    with clock.past(tmp_path / "clock", start) as hands:
        hands.move(start + timedelta(days=2))
        hands.move(start)
        assert hands.now() - start >= timedelta(days=2)
        hands.move(start + timedelta(days=99))
        assert hands.now() <= datetime.now(UTC)
    assert (tmp_path / "clock").read_text() == "0"


def test_the_clock_is_real_again_when_a_replay_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), clock.past(tmp_path / "clock", NOW):
        raise KeyboardInterrupt
    assert (tmp_path / "clock").read_text() == "0"


def test_a_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(Trouble, match="holds something else"):
        demo.make_anew(tmp_path)
    assert (tmp_path / "mine").exists()


def test_a_demo_takes_the_place_of_the_one_before(data: Path) -> None:
    demo.make_anew(data)
    (data / "earlier").touch()
    demo.make_anew(data)
    assert not (data / "earlier").exists()


@pytest.fixture(scope="module")
def found() -> Iterator[Suite]:
    """A whole suite of real processes, empty at first."""
    data = Path(tempfile.mkdtemp(prefix="minqing-"))
    data.chmod(0o711)
    with ExitStack() as stack:
        stack.callback(servers.delete, data)
        launch.launch(data, free_base(), stack, 0)
        yield suite.find(data)


def led_by_a_slow_department(sample: dict[str, Any]) -> bool:
    matter = (sample[field] for field in ("kind", "category", "place", "unit", "summary", "text"))
    decided = routing.decide(routing.Matter(*matter), COUNTY)
    return isinstance(decided, routing.Assignment) and decided.lead in HABITS.slow


def query(found: Suite, name: str, sql: str) -> list[Any]:
    engine = database.connect(found.database_urls()[name], pool=1)
    with database.reading(engine) as connection:
        rows = list(connection.execute(text(sql)).all())
    engine.dispose()
    return rows


def require_whole(found: Suite) -> int:
    """What every replay leaves, also a broken-off one: the same cases everywhere, real time, no keys."""
    said = CliRunner().invoke(status.status, [f"--data={found.data}", "--json"], catch_exceptions=False)
    counts = json.loads(said.stdout)["counts"]
    assert counts["registered"] == counts["watched"] == counts["assigned"] + counts["triage"]
    assert counts["parked"] == 0
    assert suite.clock_file(Path(found.data)).read_text() == "0"
    engine = database.connect(found.database_urls()["identity"], pool=1)
    keys = [key for key in identity.listed(engine) if key.label.startswith("replay ")]
    engine.dispose()
    assert keys
    assert all(key.revoked_at for key in keys)
    return int(counts["registered"])


@pytest.mark.timeout(600)
def test_a_replayed_county_has_its_past_and_the_present(found: Suite) -> None:
    urgent_first = sorted(
        samples.grievances(),
        key=lambda s: (not led_by_a_slow_department(s), s["urgency"] in (None, "ordinary")),
    )
    days: list[str] = []
    before = query(found, "intake", "SELECT count(*) FROM grievance")[0].count
    replay(found, DAYS, urgent_first[:40], lambda _, en: days.append(en))

    assert len(days) == DAYS
    assert require_whole(found) == before + 40
    assert httpx.get(f"{found.urls['oversight']}/v1/notices").json()["notices"]
    rungs = {row.rung for row in query(found, "oversight", "SELECT DISTINCT rung FROM notice")}
    assert rungs == {"reminder", "supervision", "notice"}
    # Each was seen in its own night; only a refused objection brings back a deadline that is over already.
    late = """
        SELECT max(missed_at - due_at) AS by FROM deadline
        WHERE number NOT IN (SELECT number FROM milestone WHERE name = 'designated')
    """
    assert query(found, "oversight", late)[0].by < timedelta(days=1)
    done = {row.what for row in query(found, "routing", "SELECT DISTINCT what FROM ledger_entry")}
    assert done >= {"case.assigned", "task.accepted", "task.progressed", "task.answered", "notice.published"}


@pytest.mark.timeout(600)
def test_an_interrupted_replay_leaves_whole_cases_and_the_real_time(found: Suite) -> None:
    said: list[str] = []

    def say(_: str, en: str) -> None:
        said.append(en)
        if len(said) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(found, DAYS, samples.grievances()[:20], say)
    assert said[-1].startswith("The replay was interrupted")
    require_whole(found)
