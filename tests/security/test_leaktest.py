"""`minqing leaktest` finds nothing in the product, and everything in one that leaks (S2)."""

from collections.abc import Iterator
from random import Random

import pytest

from deploy.minqing import leaktest
from deploy.minqing.leaktest import markers, walk
from deploy.minqing.leaktest.findings import Findings, Found
from deploy.minqing.program import Program
from deploy.minqing.trouble import silence
from tests.world import NAMES, World

# Each leak of tests/security/leaks.py: a place where it must be found, the field that leaks, and its form.
SHOWN = {
    "name_in_a_log_line": ("logs", "name", "plain"),
    "phone_in_an_event": ("pg_dump routing", "phone", "base64"),
    "echo_on_an_error_page": ("nonsense by nobody", "name", "plain"),
    "address_in_the_clear": ("pg_dump intake", "address", "plain"),
    "index_without_a_key": ("pg_dump intake", "phone", "sha256"),
    "text_in_the_metrics": ("/metrics", "text", "percent-encoded"),
    "summary_to_strangers": ("as key outside", "summary", "percent-encoded"),
}


@pytest.fixture(scope="module")
def leaking() -> Iterator[Findings]:
    def leak(program: Program) -> None:
        python, m, module, *words = program.command
        program.command = [python, m, "tests.security.leaks", module, *words]

    yield leaktest.run(silence, leak, short=True)


@pytest.mark.timeout(900)
def test_the_product_shows_nobody_who_a_petitioner_is_nor_a_case_to_whom_it_does_not_concern() -> None:
    report = leaktest.run(silence, short=True)
    assert report.hits == []
    assert {"logs", "Redis queues", "Redis files", "pg_dump intake", "/metrics", "acting"} <= set(
        report.searched
    )
    assert report.searched["as nobody"] > 100
    assert len(report.markers) > 60
    # The walk sees what there is to be seen: words where they may stand.
    assert report.permitted["as key of clerk"] > 10
    assert report.permitted["as liaison accused"] > 10


@pytest.mark.timeout(900)
@pytest.mark.parametrize("leak", SHOWN)
def test_a_leak_is_found(leaking: Findings, leak: str) -> None:
    seen = {(hit.place, hit.marker.field, hit.form) for hit in leaking.hits}
    assert SHOWN[leak] in seen, sorted(seen)


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("{0}", "plain"),
        ("电话 199 {1} {2}。", "plain"),
        ("tel:+86199{1}{2}", "plain"),
        ("199****{2}", "plain"),
    ],
)
def test_a_phone_is_found_in_every_usual_spelling(written: str, form: str) -> None:
    marker = markers.Marker("+86 199 1234 5678", "phone", "case", "api")
    report = Findings([marker])
    report.look(Found("place", "where", written.format(marker.value, "1234", "5678").encode()))
    assert [hit.form for hit in report.hits][:1] == [form]


@pytest.mark.parametrize("form", ["escaped", "percent-encoded", "base64", "hex", "sha256", "HTML entities"])
@pytest.mark.parametrize("field", ["name", "address"])
def test_a_marker_is_found_however_it_is_encoded(form: str, field: str) -> None:
    marker = markers.make(Random(1), field, "case", "page")
    needles = [needle for needle, of in markers.spellings(marker).items() if of == form]
    assert needles
    for needle in needles:
        report = Findings([marker])
        report.look(Found("place", "where", b"before " + needle + b" after"))
        assert {hit.form for hit in report.hits} == {form}


def test_what_was_just_typed_into_a_form_is_no_leak_and_anything_beside_it_is() -> None:
    marker = markers.make(Random(1), "name", "case", "page")
    form = f'<input name="n" value="{marker.value}"><textarea rows="3">{marker.value}</textarea>'
    report = Findings([marker])
    report.look_at_answer(Found("place", "where", form.encode()))
    assert report.hits == []
    report.look_at_answer(Found("place", "where", f"{form}<p>{marker.value}</p>".encode()))
    assert len(report.hits) == 1


def test_words_of_a_case_may_stand_where_its_people_read_and_identity_nowhere() -> None:
    words, name = (markers.make(Random(n), field, "case", "api") for n, field in enumerate(("note", "name")))
    report = Findings([words, name])
    page = f"{words.value} {name.value}".encode()
    report.look(Found("inside", "where", page), {"case"})
    report.look(Found("outside", "where", page), {"another case"})
    assert [(hit.place, hit.marker.field) for hit in report.hits] == [
        ("inside", "name"),
        ("outside", "note"),
        ("outside", "name"),
    ]
    assert report.counts() == {"inside": (1, 1, 0), "outside": (1, 1, 1)}


@pytest.mark.parametrize("name", NAMES)
def test_the_walk_knows_what_stands_in_every_gap(world: World, name: str) -> None:
    """What it does not know is filled with numbers alone: say in `walk.GAPS` what stands there."""
    gaps = {gap for rule in world.app(name).url_map.iter_rules() for gap in rule.arguments}
    assert gaps <= set(walk.GAPS)
