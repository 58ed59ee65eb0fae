"""Nobody is named in public, and nobody's name taken back, by one person alone (S17)."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from services.oversight import domain, events
from services.oversight.domain import MOVES, Notice, Standing, Wish
from services.oversight.store import notices
from shared import words
from shared.contracts import NoticePublished, NoticeWithdrawn
from shared.problems import Conflict, Forbidden
from tests.oversight.cases import (
    CALENDAR,
    DIRECTORY,
    NUMBER,
    SECOND,
    after,
    assigned,
    decide,
    hear,
    publish,
    registered,
    said,
    waiting,
    withdraw,
)
from tests.world import World

LATE = after(days=90)
DEADLINE = domain.Deadline(
    f"{NUMBER}.water.acceptance", NUMBER, "acceptance", "water",
    after(), after(days=15), None, "running", duty=True, shown=True,
)  # fmt: skip
REASON = "期限计算有误，予以撤回。"
PERSONS = ("甲", "乙", "丙")
STEPS = st.lists(st.tuples(st.sampled_from([*words.NOTICE_MOVES]), st.sampled_from(PERSONS)), max_size=14)


def served(kind: str = "claim") -> list[Notice]:
    """All rungs of the ladder for one missed deadline."""
    passage = domain.passage(Standing(DEADLINE, kind, None), DIRECTORY.ladder, CALENDAR, LATE)
    return list(domain.notices([passage], 1, DIRECTORY, CALENDAR, LATE))


NOTICE = served()[-1]


def after_steps(notice: Notice, steps: list[tuple[str, str]]) -> list[Notice]:
    """The notice at first and after each step that was not refused."""
    found = [notice]
    for move, by in steps:
        try:
            found.append(domain.decide(found[-1], Wish(move, f"{move} {by}"), by, LATE))
        except (Conflict, Forbidden):
            continue
    return found


# The table


def test_every_decision_leads_to_a_state_and_both_have_their_words() -> None:
    moves = {move: state for allowed in MOVES.values() for move, state in allowed.items()}
    assert set(moves.values()) < set(MOVES) == set(words.NOTICES)
    assert set(moves) == set(words.NOTICE_MOVES)


@given(STEPS)
def test_what_becomes_public_or_is_withdrawn_was_asked_for_by_one_and_confirmed_by_another(
    steps: list[tuple[str, str]],
) -> None:
    for notice in after_steps(NOTICE, steps):
        for asked, confirmed in pairwise((None, *notice.decisions)):
            if confirmed is not None and confirmed.move in ("publish", "withdraw"):
                assert asked is not None
                assert asked.move == {"publish": "propose", "withdraw": "ask_withdrawal"}[confirmed.move]
                assert asked.decided_by != confirmed.decided_by
        confirmed_once = any(decision.move == "publish" for decision in notice.decisions)
        assert (domain.for_everyone(notice) is not None) == confirmed_once == bool(notice.published_at)


@given(st.lists(st.sampled_from([*words.NOTICE_MOVES]), max_size=20))
def test_one_person_alone_never_makes_a_notice_public(moves: list[str]) -> None:
    for notice in after_steps(NOTICE, [(move, "甲") for move in moves]):
        assert domain.for_everyone(notice) is None
        assert not notice.published


@given(STEPS)
def test_a_notice_that_is_only_served_and_any_of_an_accusation_never_move(
    steps: list[tuple[str, str]],
) -> None:
    for notice in (*served()[:-1], *served("accusation")):
        assert after_steps(notice, steps) == [notice]
        assert (notice.state, domain.for_everyone(notice)) == ("served", None)


@given(STEPS, st.sampled_from(PERSONS))
def test_what_is_offered_is_what_is_taken(steps: list[tuple[str, str]], by: str) -> None:
    notice = after_steps(NOTICE, steps)[-1]
    taken = [move for move in words.NOTICE_MOVES if len(after_steps(notice, [(move, by)])) == 2]
    assert sorted(domain.open_moves(notice, by)) == sorted(taken)


@given(STEPS)
def test_the_public_reads_who_was_named_and_why_no_longer_but_never_who_decided(
    steps: list[tuple[str, str]],
) -> None:
    notice = after_steps(NOTICE, steps)[-1]
    public = domain.for_everyone(notice)
    if public is not None:
        assert {decision.decided_by for decision in public.decisions} == {None}
        assert public.state == ("withdrawn" if notice.state == "withdrawn" else "published")
        reasons = [decision.reason for decision in public.decisions if decision.move == "withdraw"]
        asked = [decision.reason for decision in notice.decisions if decision.move == "ask_withdrawal"]
        assert reasons == (asked[-1:] if notice.state == "withdrawn" else [])


def test_the_others_are_told_of_publication_and_withdrawal_and_of_nothing_else() -> None:
    moves = (
        "propose",
        "refuse",
        "propose",
        "publish",
        "ask_withdrawal",
        "keep",
        "ask_withdrawal",
        "withdraw",
    )
    steps = list(zip(moves, "甲乙甲乙甲甲甲丙", strict=True))
    passed = after_steps(NOTICE, steps)
    assert len(passed) == len(steps) + 1
    told = [type(event) for notice in passed[1:] for event in domain.announced(notice)]
    assert told == [NoticePublished, NoticeWithdrawn]


@given(STEPS, st.integers(-1, 15))
def test_nobody_confirms_what_they_have_not_read(steps: list[tuple[str, str]], seen: int) -> None:
    notice = after_steps(NOTICE, steps)[-1]
    for move in domain.open_moves(notice, "丁"):
        try:
            domain.decide(notice, Wish(move, "x", seen), "丁", LATE)
        except Conflict:
            assert seen != len(notice.decisions)
        else:
            assert seen == len(notice.decisions)


# The second wall


@pytest.fixture
def kept(world: World) -> World:
    """A claim of two departments and an accusation, each up the whole ladder."""
    world.at(after(hours=1))
    hear(world, registered(), assigned("housing"))
    hear(world, registered(SECOND, kind="accusation", unit="housing", petitioners=1))
    hear(world, assigned(number=SECOND, kind="accusation", lead="discipline"))
    world.at(after(days=60))
    events.on_tick(world.services["oversight"])
    return world


def write(world: World, sql: str, **values: Any) -> None:
    with world.services["oversight"].transaction() as tx:
        tx.execute(text(sql), values)


def add(world: World, id_: str, n: int, move: str, by: str) -> None:
    """A decision, past the domain."""
    row = "INSERT INTO notice_decision VALUES (:id, :n, :move, :state, :by, 'x', now())"
    state = {move: state for allowed in MOVES.values() for move, state in allowed.items()}[move]
    write(world, row, id=id_, n=n, move=move, state=state, by=by)


def test_the_database_refuses_one_person_as_both_and_what_nobody_asked_for(kept: World) -> None:
    [one] = waiting(kept)[:1]
    with pytest.raises(Exception, match="another one confirms"):
        add(kept, one, 1, "publish", "甲")
    add(kept, one, 1, "propose", "甲")
    with pytest.raises(Exception, match="another one confirms"):
        add(kept, one, 2, "publish", "甲")
    add(kept, one, 2, "publish", "乙")
    with pytest.raises(Exception, match="another one confirms"):
        add(kept, one, 3, "withdraw", "乙")
    add(kept, one, 3, "ask_withdrawal", "乙")
    with pytest.raises(Exception, match="another one confirms"):
        add(kept, one, 4, "withdraw", "乙")
    for change in ("DELETE FROM notice_decision", "UPDATE notice_decision SET reason = '丙'"):
        with pytest.raises(Exception, match="only ever added to"):
            write(kept, change)


def test_the_database_refuses_to_publish_an_accusation_however_it_is_tried(kept: World) -> None:
    of_accusation = kept.query("oversight", "SELECT id FROM notice WHERE number = :n", n=SECOND)
    assert len(of_accusation) == 3
    for row in of_accusation:
        for move in ("propose", "publish"):
            with pytest.raises(Exception, match="never published"):
                add(kept, row.id, 1, move, "甲")
    for flag in ("publishable", "published"):
        copy = f"""
            INSERT INTO notice SELECT (jsonb_populate_record(notice,
                jsonb_build_object('id', 'forged', 'rung', 'forged', '{flag}', true))).*
            FROM notice WHERE number = '{SECOND}' LIMIT 1
        """
        with pytest.raises(Exception, match="of an accusation"):
            write(kept, copy)
        write(kept, copy.replace(SECOND, NUMBER).replace("forged", flag))


def test_a_notice_that_was_public_before_two_were_asked_stays_public_and_takes_two_to_withdraw(
    kept: World,
) -> None:
    [one, *_] = waiting(kept)
    write(
        kept,
        """
        INSERT INTO notice SELECT (jsonb_populate_record(notice, '{"id": "2025-0001", "rung": "old",
            "published": true, "publishable": false}')).* FROM notice WHERE id = :id
        """,
        id=one,
    )
    anyone = kept.client("oversight")
    assert [notice["id"] for notice in anyone.get("/v1/notices").json["notices"]] == ["2025-0001"]
    old = anyone.get("/v1/notices/2025-0001").json
    assert (old["state"], old["published_at"]) == ("published", old["served_at"])
    withdraw(kept, "2025-0001", REASON)
    assert anyone.get("/v1/notices").json["total"] == 0
    assert anyone.get("/v1/notices/2025-0001").json["state"] == "withdrawn"


# The interface


def public(world: World, path: str = "") -> Any:
    return world.client("oversight").get(f"/v1/notices{path}")


def test_a_notice_is_nowhere_public_before_another_supervisor_confirms(kept: World) -> None:
    one, *_ = waiting(kept)
    for step in (None, "publication"):
        if step:
            assert decide(kept, one, "first", step).json["state"] == "proposed"
        assert public(kept).json["total"] == public(kept, "?state=proposed").json["total"] == 0
        assert public(kept, f"/{one}").status_code == 404
    refused = decide(kept, one, "first", "publication/confirm")
    assert (refused.status_code, refused.json["detail_en"]) == (403, "Another supervisor has to confirm it")
    assert public(kept).json["total"] == 0
    assert decide(kept, one, "second", "publication/confirm").json["published"] is True
    assert [notice["id"] for notice in public(kept).json["notices"]] == [one]
    [told] = [event for event in said(kept, "intake") if event["type"] == "notice.published"]
    assert told["notice"] == one


@pytest.mark.parametrize("what", ["publication/confirm", "withdrawal/confirm"])
def test_what_nobody_asked_for_is_confirmed_by_nobody(kept: World, what: str) -> None:
    refused = decide(kept, waiting(kept)[0], "first", what)
    assert (refused.status_code, refused.json["type"]) == (409, "urn:minqing:problem:conflict")
    assert "待公开" in refused.json["detail"]


def test_a_refusal_ends_the_waiting_and_two_others_may_still_publish(kept: World) -> None:
    one, *_ = waiting(kept)
    before = kept.client("oversight", "supervisor").get("/v1/dashboard").json["to_decide"]
    assert decide(kept, one, "first", "publication/refuse").status_code == 422  # a reason is needed
    assert decide(kept, one, "first", "publication/refuse", "发出前已补办").json["state"] == "refused"
    assert kept.client("oversight", "supervisor").get("/v1/dashboard").json["to_decide"] == before - 1
    assert public(kept, f"/{one}").status_code == 404
    publish(kept, one)
    assert "发出前已补办" not in public(kept, f"/{one}").text


def test_a_withdrawal_that_is_asked_for_changes_nothing_in_public(kept: World) -> None:
    one, *_ = waiting(kept)
    publish(kept, one)
    assert decide(kept, one, "first", "withdrawal").status_code == 422  # a reason is needed
    assert decide(kept, one, "first", "withdrawal", REASON).status_code == 200
    assert public(kept, f"/{one}").json["state"] == "published"
    assert REASON not in public(kept, f"/{one}").text
    assert decide(kept, one, "first", "withdrawal/confirm").status_code == 403
    assert decide(kept, one, "second", "withdrawal/refuse", "计算无误").json["state"] == "published"
    assert "计算无误" not in public(kept, f"/{one}").text


def test_a_withdrawn_notice_leaves_the_list_and_says_at_its_address_since_when_and_why(kept: World) -> None:
    one, *_ = waiting(kept)
    publish(kept, one)
    withdraw(kept, one, REASON)
    assert public(kept).json["total"] == 0
    assert [notice["id"] for notice in public(kept, "?state=withdrawn").json["notices"]] == [one]
    seen = public(kept, f"/{one}").json
    assert [(each["move"], each["decided_by"], each["reason"]) for each in seen["decisions"]] == [
        ("publish", None, None),
        ("withdraw", None, REASON),
    ]
    assert decide(kept, one, "first", "publication").status_code == 409
    for reader in ("intake", "routing"):
        [told] = [event for event in said(kept, reader) if event["type"] == "notice.withdrawn"]
        assert (told["notice"], told["reason"]) == (one, REASON)


def test_two_who_confirm_at_once_publish_once(kept: World) -> None:
    one, *_ = waiting(kept)
    decide(kept, one, "first", "publication")
    kept.key("supervisor", "third")
    with ThreadPoolExecutor(1) as pool:
        with kept.services["oversight"].transaction() as tx:
            proposed = notices.locked(tx, one)
            assert proposed is not None
            notices.add_decision(tx, domain.decide(proposed, Wish("publish"), "second", LATE))
            third = pool.submit(decide, kept, one, "third", "publication/confirm")
            until(lambda: waits_for_a_lock(kept))
        assert third.result().status_code == 409
    assert kept.count("oversight", "notice_decision", "move = 'publish'") == 1


def waits_for_a_lock(world: World) -> bool:
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'oversight'"
    return bool(world.query("oversight", waits))


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("department", 403), ("clerk", 403)])
def test_only_supervisors_decide(kept: World, role: str | None, status: int) -> None:
    of = "water" if role == "department" else None
    one = kept.client("oversight", role, of)
    for what in ("publication", "publication/confirm", "withdrawal/confirm"):
        assert one.post(f"/v1/notices/{waiting(kept)[0]}/{what}").status_code == status


def test_a_notice_of_an_accusation_cannot_be_proposed(kept: World) -> None:
    row = kept.query("oversight", "SELECT id FROM notice WHERE number = :n AND rung = 'notice'", n=SECOND)[0]
    assert decide(kept, row.id, "first", "publication").status_code == 409
    assert decide(kept, "2026-9999", "first", "publication").status_code == 404


def test_supervisors_find_what_waits_by_its_state(kept: World) -> None:
    one, other, *_ = waiting(kept)
    decide(kept, one, "first", "publication")
    listed = kept.client("oversight", "supervisor").get("/v1/notices?state=proposed").json
    assert [notice["id"] for notice in listed["notices"]] == [one]
    assert kept.client("oversight", "supervisor").get(f"/v1/notices/{other}").json["state"] == "waiting"


# The pages


def browser(world: World, of: str | None = None) -> FlaskClient:
    client = world.client("oversight", None if of is None else "supervisor", of)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def test_two_supervisors_publish_with_forms_alone(kept: World) -> None:
    first, second = browser(kept, "first"), browser(kept, "second")
    one, *_ = waiting(kept)
    assert f"/notices/{one}" in first.get("/notices/waiting").text
    assert first.post(f"/notices/{one}/propose").headers["Location"] == f"/notices/{one}?done=propose"
    assert "须由另一位督查人员确认" in first.get(f"/notices/{one}").text
    assert "确认公开</button>" not in first.get(f"/notices/{one}").text
    assert first.post(f"/notices/{one}/publish").status_code == 403
    assert "确认公开</button>" in second.get(f"/notices/{one}").text
    assert second.post(f"/notices/{one}/publish").status_code == 303
    assert f"/notices/{one}" not in second.get("/notices/waiting").text
    assert one in browser(kept).get("/notices").text


def test_two_supervisors_withdraw_with_forms_and_everyone_reads_why(kept: World) -> None:
    first, anyone = browser(kept, "first"), browser(kept)
    one, *_ = waiting(kept)
    publish(kept, one)
    empty = first.post(f"/notices/{one}/ask_withdrawal", data={"ask_withdrawal-reason": " "})
    assert (empty.status_code, 'href="#ask_withdrawal-reason"' in empty.text) == (422, True)
    first.post(f"/notices/{one}/ask_withdrawal", data={"ask_withdrawal-reason": REASON})
    assert REASON not in anyone.get(f"/notices/{one}").text
    browser(kept, "second").post(f"/notices/{one}/withdraw")
    page = anyone.get(f"/notices/{one}").text
    assert REASON in page and "撤回" in page
    assert "公开与撤回" not in page
    assert one not in anyone.get("/notices").text
    assert one in anyone.get("/notices?state=withdrawn").text


def test_whoever_confirms_a_withdrawal_has_read_its_reason(kept: World) -> None:
    first, second = browser(kept, "first"), browser(kept, "second")
    one, *_ = waiting(kept)
    publish(kept, one)
    first.post(f"/notices/{one}/ask_withdrawal", data={"ask_withdrawal-reason": "期限有误"})
    assert 'name="seen" value="3"' in second.get(f"/notices/{one}").text
    first.post(f"/notices/{one}/keep", data={"keep-reason": "写错了"})
    first.post(f"/notices/{one}/ask_withdrawal", data={"ask_withdrawal-reason": "另一个理由"})
    late = second.post(f"/notices/{one}/withdraw", data={"seen": "3"})
    assert late.status_code == 409
    assert "请先核对" in late.text and "另一个理由" in late.text
    assert second.post(f"/notices/{one}/withdraw", data={"seen": "5"}).status_code == 303


def test_a_form_that_comes_too_late_says_how_the_notice_stands_now(kept: World) -> None:
    one, *_ = waiting(kept)
    publish(kept, one)
    late = browser(kept, "third").post(f"/notices/{one}/refuse", data={"refuse-reason": "不公开"})
    assert late.status_code == 409
    assert "已公开" in late.text
    assert browser(kept, "third").post(f"/notices/{one}/burn").status_code == 404


@pytest.mark.parametrize(("role", "status"), [(None, 303), ("department", 403), ("clerk", 403)])
def test_the_queue_is_for_supervisors(world: World, role: str | None, status: int) -> None:
    client = world.client("oversight", role, "water" if role == "department" else None)
    assert client.get("/notices/waiting", headers={"Accept": "text/html"}).status_code == status
