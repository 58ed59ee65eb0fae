"""Who brought a grievance is shown to whoever must call them, for a reason, and that is on record (S14)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from services.intake.domain.views import Head, flaws
from services.intake.store import views as record
from shared import numbers
from tests.intake.people import (
    ADDRESS,
    DOCUMENT,
    MARKS,
    NAME,
    PHONE,
    REASON,
    assigned,
    registered,
    signed_in,
)
from tests.world import World


def _reveal(client: FlaskClient, number: str, **more: Any) -> Any:
    return client.post(f"/v1/grievances/{number}/petitioners", json=REASON | more)


def _lines(world: World) -> list[tuple[str, str | None]]:
    rows = world.query("intake", "SELECT what, number FROM identity_view ORDER BY n")
    return [tuple(row) for row in rows]


def _whole(world: World) -> list[tuple[int, str]]:
    with world.services["intake"].transaction() as tx:
        return list(flaws(record.chain(tx), record.head(tx)))


# ------------------------------------------------------------------------------------------ being shown


def test_a_clerk_who_says_why_is_shown_names_and_phones_and_no_more(world: World) -> None:
    number = registered(world)["number"]
    answer = _reveal(world.client("intake", "clerk"), number)
    assert answer.status_code == 200, answer.text
    assert answer.json["petitioners"] == [
        {"name": NAME, "phone": PHONE, "representative": True},
        {"name": "标记人名乙", "phone": None, "representative": False},
    ]


def test_document_and_address_are_shown_only_when_they_are_asked_for(world: World) -> None:
    number = registered(world)["number"]
    client = world.client("intake", "clerk")
    both = _reveal(client, number, fields=["address", "id_number"]).json["petitioners"][0]
    assert (both["id_number"], both["address"]) == (DOCUMENT, ADDRESS)
    assert "id_number" not in _reveal(client, number, fields=["address"]).json["petitioners"][0]
    kept = world.query("intake", "SELECT fields FROM identity_view ORDER BY n")
    assert [row.fields for row in kept] == [
        ["name", "phone", "id_number", "address"],
        ["name", "phone", "address"],
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": "看"}, "reason"),
        ({"reason": "   \n "}, "reason"),
        ({"reason": "长" * 501}, "reason"),
        (REASON | {"fields": ["bank"]}, "fields.0"),
        (REASON | {"extra": 1}, "extra"),
    ],
)
def test_without_a_reason_nobody_is_shown(world: World, body: dict[str, Any], field: str) -> None:
    number = registered(world)["number"]
    answer = world.client("intake", "clerk").post(f"/v1/grievances/{number}/petitioners", json=body)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json["errors"]] == [field]
    assert _lines(world) == []


def test_the_record_says_who_when_why_what_and_from_where(world: World) -> None:
    number = registered(world)["number"]
    lin = signed_in(world, "lin", "clerk", office="administrative-reception")
    lin.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert _reveal(lin, number).status_code == 200
    (row,) = world.query("intake", "SELECT * FROM identity_view")
    assert (row.what, row.number, row.held, row.office) == (
        "shown",
        number,
        "clerk",
        "administrative-reception",
    )
    assert (row.person, row.origin, row.reason) == ("Lin", "192.0.2.7", REASON["reason"])
    account = world.services["oversight"].identity
    with account.begin() as tx:
        assert row.by == tx.execute(text("SELECT id FROM account WHERE login = 'lin'")).scalar_one()
    assert row.at is not None


def test_who_is_assigned_is_shown_whom_to_call_and_others_learn_nothing(world: World) -> None:
    number = assigned(world, "water-supply", "housing")
    for department in ("water-supply", "housing"):
        assert _reveal(world.client("intake", "department", department), number).status_code == 200
    assert _reveal(world.client("intake", "department", "tax"), number).status_code == 404
    assert _reveal(world.client("intake", "clerk", "hotline"), number).status_code == 404
    assert len(_lines(world)) == 2


def test_whoever_is_assigned_by_the_rules_can_call(world: World) -> None:
    number = registered(world)["number"]
    world.settle()
    lead = world.query("intake", "SELECT lead FROM grievance")[0].lead
    assert _reveal(world.client("intake", "department", lead), number).status_code == 200


def test_a_window_that_took_a_grievance_in_and_does_not_handle_it_is_refused(world: World) -> None:
    number = assigned(world, "water-supply", role="department", of="housing", office="housing")
    assert _reveal(world.client("intake", "department", "housing"), number).status_code == 403


@pytest.mark.parametrize("role", ["supervisor", "leader", "auditor", "delegate", "administrator"])
def test_rank_alone_shows_nobody(world: World, role: str) -> None:
    number = registered(world)["number"]
    assert _reveal(signed_in(world, "high", role), number).status_code == 403
    assert _lines(world) == []


def test_if_it_cannot_be_recorded_nothing_is_shown(world: World) -> None:
    number = registered(world)["number"]
    with world.services["intake"].transaction() as tx:
        tx.execute(text("ALTER TABLE identity_view ADD CONSTRAINT no_room CHECK (false) NOT VALID"))
    try:
        answer = _reveal(world.client("intake", "clerk"), number)
    finally:
        with world.services["intake"].transaction() as tx:
            tx.execute(text("ALTER TABLE identity_view DROP CONSTRAINT no_room"))
    assert answer.status_code == 500
    assert not any(mark in answer.text for mark in MARKS)


def test_an_unknown_number_and_one_that_is_not_ones_own_get_the_same_answer(world: World) -> None:
    number = registered(world)["number"]
    stranger = world.client("intake", "department", "tax")
    own, none = _reveal(stranger, number), _reveal(stranger, numbers.make(2026, 999))
    assert own.status_code == none.status_code == 404
    assert own.json["detail"] == none.json["detail"]


# ------------------------------------------------------------------------------------- the second person


@pytest.fixture
def accusation(world: World) -> str:
    """Against the tax office, handled by discipline, registered by the hotline."""
    return assigned(world, "discipline", kind="accusation", unit="tax", office="hotline", channel="phone")


def _decide(client: FlaskClient, n: int, what: str) -> int:
    return int(client.post(f"/v1/views/{n}/{what}").status_code)


def test_an_accuser_is_shown_only_after_a_second_person_agreed_and_once(
    world: World, accusation: str
) -> None:
    asker = world.client("intake", "department", "discipline")
    asked = _reveal(asker, accusation)
    assert (asked.status_code, asked.json["state"], asked.json["petitioners"]) == (202, "asked", [])
    again = _reveal(asker, accusation)
    assert (again.status_code, again.json["request"]) == (202, asked.json["request"])
    assert _decide(world.client("intake", "supervisor"), asked.json["request"], "approve") == 200
    shown = _reveal(asker, accusation)
    assert (shown.status_code, shown.json["petitioners"][0]["name"]) == (200, NAME)
    assert _reveal(asker, accusation).status_code == 202
    assert [what for what, _ in _lines(world)] == ["asked", "approved", "shown", "asked"]
    row = world.query("intake", "SELECT by, approved_by, request FROM identity_view WHERE what = 'shown'")[0]
    assert row.request == asked.json["request"]
    assert row.approved_by not in (None, row.by)


def test_what_was_refused_is_not_shown(world: World, accusation: str) -> None:
    asker, second = world.client("intake", "clerk", "hotline"), world.client("intake", "supervisor")
    n = _reveal(asker, accusation).json["request"]
    assert _decide(second, n, "refuse") == 200
    assert _decide(second, n, "approve") == 409
    assert _reveal(asker, accusation).json["request"] != n


def test_nobody_agrees_to_what_they_asked_for_themselves(world: World, accusation: str) -> None:
    """Not even in another session or another role: it is the person that counts."""
    lin, zhao = signed_in(world, "lin", "clerk"), signed_in(world, "zhao", "clerk")
    n = _reveal(lin, accusation).json["request"]
    assert _decide(lin, n, "approve") == 403
    assert _decide(zhao, n, "approve") == 200


@pytest.mark.parametrize(("role", "status"), [("leader", 403), ("auditor", 403), ("supervisor", 200)])
def test_who_may_be_the_second_person(world: World, accusation: str, role: str, status: int) -> None:
    n = _reveal(world.client("intake", "clerk", "hotline"), accusation).json["request"]
    assert _decide(signed_in(world, "other", role), n, "approve") == status


def test_a_clerk_of_one_office_is_nobodys_second_person(world: World, accusation: str) -> None:
    n = _reveal(world.client("intake", "department", "discipline"), accusation).json["request"]
    assert _decide(world.client("intake", "clerk", "hotline"), n, "approve") == 403
    assert _decide(world.client("intake", "clerk", "legal-aid"), n, "approve") == 403
    assert _decide(world.client("intake", "clerk"), n, "give") == 404
    assert _decide(world.client("intake", "clerk"), n + 1, "approve") == 404


def test_an_approval_is_the_askers_alone_and_over_after_a_day(world: World, accusation: str) -> None:
    asker, colleague = world.client("intake", "clerk", "hotline"), world.client("intake", "clerk")
    n = _reveal(asker, accusation).json["request"]
    assert _decide(world.client("intake", "supervisor"), n, "approve") == 200
    assert _reveal(colleague, accusation).status_code == 202
    world.later(hours=24, minutes=1)
    assert _reveal(asker, accusation).status_code == 202


def test_an_approval_covers_what_was_asked_and_no_more(world: World, accusation: str) -> None:
    asker = world.client("intake", "clerk", "hotline")
    n = _reveal(asker, accusation).json["request"]
    assert _decide(world.client("intake", "supervisor"), n, "approve") == 200
    assert _reveal(asker, accusation, fields=["id_number"]).status_code == 202


def test_the_accused_unit_is_never_shown_who_accuses_it(world: World) -> None:
    """Not even where it was, wrongly, made to handle it (信访工作条例 Art. 30)."""
    number = assigned(world, "tax", kind="accusation", unit="tax")
    assert _reveal(world.client("intake", "department", "tax"), number).status_code == 404
    assert _lines(world) == []


def test_a_unit_that_answers_a_claim_about_itself_needs_a_second_person(world: World) -> None:
    number = assigned(world, "water-supply", unit="water-supply")
    assert _reveal(world.client("intake", "department", "water-supply"), number).status_code == 202


def test_the_database_itself_refuses_one_person_as_both_and_a_second_use(
    world: World, accusation: str
) -> None:
    n = _reveal(world.client("intake", "clerk"), accusation).json["request"]
    copy = """INSERT INTO identity_view (n, what, at, by, held, origin, number, reason, request, approved_by,
                before, digest) SELECT n + :more, :what, at, by, held, origin, number, reason, :request,
                :approved_by, '', '' FROM identity_view WHERE n = :n RETURNING 1"""
    given: dict[str, Any] = {"n": n, "request": n, "what": "shown", "approved_by": "another", "more": 1}
    world.query("intake", copy, **given)
    with pytest.raises(IntegrityError, match="identity_view_used"):
        world.query("intake", copy, **(given | {"more": 2}))
    by = world.query("intake", "SELECT by FROM identity_view WHERE n = :n", n=n)[0].by
    with pytest.raises(IntegrityError, match="approved_by"):
        world.query("intake", copy, **(given | {"more": 3, "request": None, "approved_by": by}))


# -------------------------------------------------------------------------------------------- the record


def test_a_petitioner_reads_which_body_looked_when_and_why_and_never_who(world: World) -> None:
    taken = registered(world)
    lin = signed_in(world, "lin", "clerk")
    assert _reveal(lin, taken["number"]).status_code == 200
    answer = world.client("intake").get(
        f"/v1/track/{taken['number']}", headers={"Query-Code": taken["query_code"]}
    )
    (seen,) = answer.json["views"]
    assert (seen["held"], seen["department"], seen["reason"]) == ("clerk", None, REASON["reason"])
    assert set(seen) == {"at", "held", "department", "office", "reason"}
    assert "Lin" not in answer.text


def test_a_petitioner_is_told_of_views_and_not_of_what_was_only_asked(world: World) -> None:
    taken = registered(world, kind="accusation", unit="tax")
    n = _reveal(world.client("intake", "clerk"), taken["number"]).json["request"]
    headers = {"Query-Code": taken["query_code"]}
    assert _decide(world.client("intake", "supervisor"), n, "approve") == 200
    path = f"/v1/track/{taken['number']}"
    assert world.client("intake").get(path, headers=headers).json["views"] == []
    assert _reveal(world.client("intake", "clerk"), taken["number"]).status_code == 200
    assert len(world.client("intake").get(path, headers=headers).json["views"]) == 1


def test_clerks_and_supervisors_read_the_record_of_a_grievance_and_departments_do_not(world: World) -> None:
    number = assigned(world, "water-supply", role="department", of="water-supply", office="water-supply")
    assert _reveal(world.client("intake", "department", "water-supply"), number).status_code == 200
    path = f"/v1/grievances/{number}/views"
    for role in ("clerk", "supervisor"):
        (line,) = world.client("intake", role).get(path).json["views"]
        assert (line["what"], line["department"]) == ("shown", "water-supply")
        assert line["fields"] == ["name", "phone"]
    assert world.client("intake", "clerk", "hotline").get(path).status_code == 404
    assert world.client("intake", "department", "water-supply").get(path).status_code == 403
    assert signed_in(world, "high", "leader").get(path).status_code == 403


def test_supervisors_and_auditors_read_the_whole_record_and_narrow_it(world: World) -> None:
    first, second = registered(world, "1")["number"], registered(world, "2")["number"]
    _reveal(signed_in(world, "lin", "clerk"), first)
    _reveal(world.client("intake", "clerk"), second)
    for reader in (world.client("intake", "supervisor"), signed_in(world, "check", "auditor")):
        assert [line["number"] for line in reader.get("/v1/views").json["views"]] == [second, first]
        assert reader.get(f"/v1/views?number={first}").json["total"] == 1
        assert [line["number"] for line in reader.get("/v1/views?who=Lin").json["views"]] == [first]
    assert world.client("intake", "clerk").get("/v1/views").status_code == 403
    assert signed_in(world, "high", "leader").get("/v1/views").status_code == 403


def test_requests_that_wait_are_listed_until_they_are_decided(world: World, accusation: str) -> None:
    n = _reveal(world.client("intake", "clerk", "hotline"), accusation).json["request"]
    second = world.client("intake", "supervisor")
    for path in ("/v1/views", f"/v1/grievances/{accusation}/views"):
        assert [line["n"] for line in second.get(path).json["waiting"]] == [n]
    _decide(second, n, "refuse")
    assert second.get("/v1/views").json["waiting"] == []


def test_a_request_expires_after_a_week_and_who_asked_reads_so(world: World, accusation: str) -> None:
    asker, second = _page_of(world, "department", "discipline"), _page_of(world, "supervisor")
    path, about = f"/grievances/{accusation}/petitioners", f"/grievances/{accusation}"
    assert asker.post(path, data=REASON).status_code == 202
    world.later(days=6, hours=23)
    assert all("/views/1/approve" in second.get(page).text for page in (about, "/views"))
    world.later(hours=2)
    assert not any("/views/1/" in second.get(page).text for page in (about, "/views"))
    assert second.get("/v1/views").json["waiting"] == []
    assert _decide(second, 1, "approve") == 409
    assert "上次的申请已过期" in asker.get(path).text
    assert asker.post(path, data=REASON).status_code == 202
    assert "申请等待另一人同意" in asker.get(path).text
    assert [what for what, _ in _lines(world)] == ["asked", "asked"]


def test_lines_can_be_neither_changed_nor_taken_out(world: World) -> None:
    _reveal(world.client("intake", "clerk"), registered(world)["number"])
    for sql in ("UPDATE identity_view SET reason = ''", "DELETE FROM identity_view"):
        with pytest.raises(DBAPIError, match="only ever added to"):
            world.query("intake", f"{sql} RETURNING 1")
    assert len(_lines(world)) == 1


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", []),
        ("UPDATE identity_view SET reason = '另有原因' WHERE n = 2", [(2, "changed")]),
        ("UPDATE identity_view SET at = at - interval '1 second' WHERE n = 3", [(3, "changed")]),
        ("DELETE FROM identity_view WHERE n = 1", [(2, "missing")]),
        ("DELETE FROM identity_view WHERE n = 2", [(3, "missing")]),
        ("DELETE FROM identity_view WHERE n = 3", [(3, "cut")]),
        ("DELETE FROM identity_view", [(3, "cut")]),
        (
            "UPDATE identity_view SET n = CASE n WHEN 1 THEN 9 ELSE n END",
            [(2, "missing"), (9, "changed"), (9, "missing"), (9, "cut")],
        ),
    ],
)
def test_whatever_is_changed_taken_out_or_moved_is_found(
    world: World, sql: str, found: list[tuple[int, str]]
) -> None:
    """By whoever owns the table, and so can put the trigger aside."""
    number = registered(world)["number"]
    for n in range(3):
        _reveal(world.client("intake", "clerk"), number, reason=f"第 {n} 次联系")
    with world.services["intake"].transaction() as tx:
        tx.execute(text("ALTER TABLE identity_view DISABLE TRIGGER append_only"))
        tx.execute(text(sql))
        tx.execute(text("ALTER TABLE identity_view ENABLE TRIGGER append_only"))
    assert _whole(world) == found


def test_views_at_the_same_time_make_one_chain(world: World) -> None:
    number = registered(world)["number"]
    key = world.key("clerk")
    done = _at_once(world, number, key, 8)
    assert done == [200] * 8
    assert _whole(world) == []
    with world.services["intake"].transaction() as tx:
        assert record.head(tx) != Head()


def _at_once(world: World, number: str, key: str, times: int) -> list[int]:
    def one(_: int) -> int:
        client = world.app("intake").test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return int(_reveal(client, number).status_code)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, range(times)))


# -------------------------------------------------------------------------------------- limits, searches


def test_the_31st_view_within_an_hour_is_refused_and_on_record(world: World) -> None:
    number = registered(world)["number"]
    client = world.client("intake", "clerk")
    for _ in range(30):
        assert _reveal(client, number).status_code == 200
    world.redis.flushall()
    for _ in range(3):
        refused = _reveal(client, number)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert not any(mark in refused.text for mark in MARKS)
    assert _lines(world)[30:] == [("limited", number)]
    assert _reveal(world.client("intake", "clerk", "administrative-reception"), number).status_code == 200
    world.later(hours=1, minutes=1)
    assert _reveal(client, number).status_code == 200


def _search(client: FlaskClient, phone: str) -> Any:
    return client.post("/v1/grievances/search", json={"phone": phone})


def test_a_phone_in_an_address_is_refused_and_sought_by_nobody(world: World) -> None:
    registered(world)
    client = world.client("intake", "clerk")
    assert client.get(f"/v1/grievances?phone={PHONE}").status_code == 422
    assert client.post(f"/v1/grievances/search?phone={PHONE}", json={}).status_code == 422
    assert _search(client, "1").status_code == 422
    assert _lines(world) == []


def test_a_search_by_phone_is_on_record_without_the_phone(world: World) -> None:
    registered(world, "1")
    registered(world, "2")
    client = world.client("intake", "clerk")
    assert _search(client, PHONE).json["total"] == 2
    assert _search(client, "19900009999").json["total"] == 0
    assert client.get("/v1/grievances").json["total"] == 2
    rows = world.query("intake", "SELECT what, number, sought, found FROM identity_view ORDER BY n")
    assert [(row.what, row.number, row.found) for row in rows] == [
        ("searched", None, 2),
        ("searched", None, 0),
    ]
    index = world.query("intake", "SELECT encode(phone_index, 'hex') AS hex FROM petitioner LIMIT 1")[0].hex
    assert rows[0].sought == index
    assert PHONE not in str(rows)


def test_the_61st_search_within_an_hour_is_refused(world: World) -> None:
    registered(world)
    client = world.client("intake", "clerk")
    for _ in range(60):
        assert _search(client, PHONE).status_code == 200
    assert _search(client, PHONE).status_code == 429
    assert client.get("/v1/grievances").status_code == 200
    assert _lines(world)[60:] == [("limited", None)]


def test_identity_is_in_no_table_event_or_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    number = registered(world)["number"]
    client = world.client("intake", "clerk")
    _reveal(client, number, fields=["id_number", "address"])
    client.post("/grievances", data={"phone": PHONE})
    said = capsys.readouterr()
    assert "identity view" in said.out
    tables = world.query("intake", "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    kept = "".join(str(world.query("intake", f"SELECT t::text FROM {row.tablename} t")) for row in tables)
    for mark in MARKS:
        assert mark not in said.out + said.err + kept


# ------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def clerk(world: World) -> FlaskClient:
    return _page_of(world, "clerk")


def _page_of(world: World, role: str | None = None, of: str | None = None) -> FlaskClient:
    client = world.client("intake", role, of)
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def test_the_page_shows_nobody_before_a_reason_is_given(world: World, clerk: FlaskClient) -> None:
    number = registered(world)["number"]
    path = f"/grievances/{number}/petitioners"
    assert f'href="{path}"' in clerk.get(f"/grievances/{number}").text
    form, wrong = clerk.get(path), clerk.post(path, data={"reason": "看"})
    assert (form.status_code, wrong.status_code) == (200, 422)
    assert NAME not in form.text + wrong.text
    shown = clerk.post(path, data=REASON | {"fields": ["address"]})
    assert shown.status_code == 200
    assert NAME in shown.text and ADDRESS in shown.text and DOCUMENT not in shown.text
    assert REASON["reason"] in clerk.get(f"/grievances/{number}").text
    assert NAME not in clerk.get(f"/grievances/{number}").text


def test_a_second_person_agrees_on_the_page_of_the_grievance(world: World, accusation: str) -> None:
    asker, second = _page_of(world, "department", "discipline"), _page_of(world, "supervisor")
    path = f"/grievances/{accusation}/petitioners"
    assert asker.post(path, data=REASON).status_code == 202
    assert "申请等待另一人同意" in asker.get(path).text
    page = second.get(f"/grievances/{accusation}").text
    assert "/views/1/approve" in page and "/views/1/refuse" in page
    assert "/views/1/approve" in second.get("/views").text
    done = second.post("/views/1/approve")
    assert (done.status_code, done.headers["Location"]) == (
        303,
        f"/grievances/{accusation}?done=approved#views",
    )
    assert "/views/1/approve" not in second.get("/views").text
    granted = asker.get(path).text
    assert "申请已获同意" in granted and REASON["reason"] in granted and NAME not in granted
    assert NAME in asker.post(path, data=REASON).text


def test_the_petitioners_page_names_the_body_and_the_reason(world: World, clerk: FlaskClient) -> None:
    taken = registered(world)
    code = {"number": taken["number"], "code": taken["query_code"]}
    assert "还没有人看过" in _page_of(world).post("/track", data=code).text
    assert _reveal(signed_in(world, "lin", "clerk"), taken["number"]).status_code == 200
    page = _page_of(world).post("/track", data=code).text
    assert REASON["reason"] in page and "接访员" in page
    assert "Lin" not in page and NAME not in page


def test_the_list_for_supervisors_names_who_and_is_narrowed(world: World) -> None:
    number = registered(world)["number"]
    _reveal(signed_in(world, "lin", "clerk"), number)
    page = _page_of(world, "supervisor")
    assert number in page.get("/views").text and "Lin" in page.get("/views").text
    assert number not in page.get("/views?who=nobody").text
    wrong = page.get("/views?number=2026-000001-0")
    assert wrong.status_code == 400 and 'href="#number"' in wrong.text
    assert _page_of(world, "clerk").get("/views").status_code == 403
