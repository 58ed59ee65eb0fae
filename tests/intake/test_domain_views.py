"""The rules about views of identity, and their chain, without a database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain import views
from services.intake.domain.views import Head, Link, Request, Viewer, Wish
from shared.identity.model import Caller
from shared.problems import Conflict, Forbidden
from tests.intake.test_domain import NOW, registered

HOTLINE = Caller("k2", "clerk", None, "hotline")
HOUSING = Caller("k3", "department", "housing", None)
SUPERVISOR = Caller("k4", "supervisor", None, None)
NOBODYS = frozenset[str]()
VIEWER = Viewer(HOTLINE, "192.0.2.7", NOW, NOBODYS)
WISH = Wish("约定现场核实的时间")
ACCUSATION = replace(registered(), kind="accusation", unit="tax")


def _asked() -> Request:
    return Request(replace(views.reveal(VIEWER, ACCUSATION, None, WISH), n=7))


def test_a_request_is_decided_once_and_by_another() -> None:
    other, asked = Viewer(SUPERVISOR, "", NOW, NOBODYS), _asked()
    assert views.decide(other, asked, views.APPROVED).request == 7
    with pytest.raises(Forbidden):
        views.decide(VIEWER, asked, views.APPROVED)
    for state in (views.APPROVED, views.REFUSED, views.SHOWN):
        for wanted in (views.APPROVED, views.REFUSED):
            with pytest.raises(Conflict):
                views.decide(other, replace(asked, state=state), wanted)


@pytest.mark.parametrize("wanted", [views.APPROVED, views.REFUSED])
def test_a_request_that_has_expired_is_decided_no_more(wanted: str) -> None:
    asked = _asked()
    over = asked.asked.at + views.LASTS[views.ASKED]
    views.decide(Viewer(SUPERVISOR, "", over - timedelta(seconds=1), NOBODYS), asked, wanted)
    with pytest.raises(Conflict, match="expired"):
        views.decide(Viewer(SUPERVISOR, "", over, NOBODYS), asked, wanted)
    assert asked.standing(over) == views.EXPIRED


def test_a_person_who_is_clerk_and_supervisor_is_no_second_person() -> None:
    clerk = Viewer(Caller("s1", "clerk", None, None, account="lin"), "", NOW, NOBODYS)
    supervisor = Viewer(Caller("s2", "supervisor", None, None, account="lin"), "", NOW, NOBODYS)
    asked = Request(replace(views.reveal(clerk, ACCUSATION, None, WISH), n=1))
    with pytest.raises(Forbidden):
        views.decide(supervisor, asked, views.APPROVED)


@pytest.mark.parametrize(
    ("state", "age", "what"),
    [
        (views.ASKED, timedelta(0), views.WAITING),
        (views.ASKED, timedelta(days=6, hours=23), views.WAITING),
        (views.ASKED, timedelta(days=7), views.ASKED),
        (views.APPROVED, timedelta(hours=23, minutes=59), views.SHOWN),
        (views.APPROVED, timedelta(hours=24), views.ASKED),
        (views.REFUSED, timedelta(0), views.ASKED),
        (views.SHOWN, timedelta(0), views.ASKED),
    ],
)
def test_what_comes_next_depends_on_where_the_request_stands(state: str, age: timedelta, what: str) -> None:
    request = replace(_asked(), state=state, since=NOW - age, moved_by="second")
    assert views.reveal(VIEWER, ACCUSATION, request, WISH).what == what


@pytest.mark.parametrize(
    ("units", "what"), [(set(), views.SHOWN), ({"housing"}, views.SHOWN), ({"tax", "housing"}, views.ASKED)]
)
def test_whoever_belongs_to_the_unit_complained_about_needs_a_second_person(
    units: set[str], what: str
) -> None:
    claim = replace(ACCUSATION, kind="claim")
    assert views.reveal(replace(VIEWER, units=frozenset(units)), claim, None, WISH).what == what


@pytest.mark.parametrize(
    "other",
    [
        {"reason": "另有原因"},
        {"held": "liaison", "office": None, "department": "housing"},
        {"office": "legal-aid"},
    ],
)
def test_what_was_agreed_to_holds_for_that_reason_and_in_that_role(other: dict[str, str | None]) -> None:
    asked = _asked()
    agreed = replace(
        asked, asked=replace(asked.asked, **other), state=views.APPROVED, since=NOW, moved_by="x"
    )
    assert views.reveal(VIEWER, ACCUSATION, agreed, WISH).what == views.ASKED


def test_every_move_leads_to_a_known_state() -> None:
    assert {after for moves in views.MOVES.values() for after in moves} <= set(views.MOVES)


# ------------------------------------------------------------------------------------------- the chain


def _chain(length: int) -> tuple[list[Link], Head]:
    links: list[Link] = []
    head = Head()
    for n in range(length):
        link = views.append(head, replace(views.line(VIEWER, views.SHOWN, "x"), reason=f"理由 {n}"))
        links.append(link)
        head = Head(link.view.n, link.digest)
    return links, head


@given(st.integers(0, 8))
def test_a_chain_as_it_was_made_has_no_flaw(length: int) -> None:
    links, head = _chain(length)
    assert list(views.flaws(links, head)) == []


@given(st.data())
def test_any_line_taken_out_changed_or_moved_is_a_flaw(data: st.DataObject) -> None:
    links, head = _chain(data.draw(st.integers(2, 8)))
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(st.integers(0, len(links) - 1).filter(lambda n: n != at))
    changed = replace(links[at], view=replace(links[at].view, reason="另有原因"))
    swapped = list(links)
    swapped[at], swapped[other] = links[other], links[at]
    for broken in ([*links[:at], *links[at + 1 :]], [*links[:at], changed, *links[at + 1 :]], swapped):
        assert list(views.flaws(broken, head))


def test_a_line_that_was_changed_and_sealed_anew_breaks_the_next() -> None:
    links, head = _chain(3)
    forged = views.append(Head(1, links[0].digest), replace(links[1].view, reason="另有原因"))
    assert list(views.flaws([links[0], forged, links[2]], head)) == [(3, "missing")]


def test_a_digest_does_not_depend_on_how_a_time_is_written() -> None:
    view = views.line(VIEWER, views.SHOWN, "x")
    shifted = replace(view, at=view.at.astimezone(tz=None))
    assert views.digest(view, "") == views.digest(shifted, "")
    assert views.digest(view, "") != views.digest(view, "x")


LINE = "fe4f11e1e2ab6ba9ec3f0e65e13b8e56fb6fb195c2e50ac67eeddabba1159edf"  # pragma: allowlist secret


def test_the_digest_of_a_line_stays_what_it_was() -> None:
    """Lines are kept for years: their canonical form can never change."""
    view = replace(views.line(VIEWER, views.SEARCHED), sought="ab", found=0, n=1)
    assert views.digest(view, "") == LINE
