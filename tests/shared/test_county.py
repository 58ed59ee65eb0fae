import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import county
from shared.county import County, CountyError, precedence, schemas, terms
from shared.county.model import Condition, Rule, Text

SAMPLE = Path(__file__).parents[2] / "deploy" / "county"


@pytest.fixture(scope="module")
def sample() -> County:
    return county.load(SAMPLE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sample county that may be broken."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "county"))


@pytest.fixture
def break_it(copy: Path) -> Callable[[str, str, str], CountyError]:
    """Replaces the first `old` of a file by `new`, and gives the error that loading it then raises."""

    def broken(file: str, old: str, new: str) -> CountyError:
        text = (copy / file).read_text(encoding="utf-8")
        assert old in text
        (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return error_of(copy)

    return broken


def error_of(directory: Path) -> CountyError:
    with pytest.raises(CountyError) as raised:
        county.load(directory)
    return raised.value


def line_of(file: str, text: str) -> int:
    """The line of the sample's file where `text` first stands."""
    content = (SAMPLE / file).read_text(encoding="utf-8")
    return content.count("\n", 0, content.index(text)) + 1


# ------------------------------------------------------------------------------------------ the sample


def test_the_sample_county_is_complete(sample: County) -> None:
    kinds = [department.kind for department in sample.departments.values()]
    townships = {place.township for place in sample.places.values()}
    assert len(kinds) - kinds.count("township") >= 25
    assert len(townships) >= 12
    assert kinds.count("township") == len(townships)
    assert len(sample.categories) >= 40
    assert len(sample.rules) >= 60
    assert {office.kind for office in sample.offices.values()} == set(terms.OFFICES)
    assert sum(department.supervises for department in sample.departments.values()) >= 3
    assert {2025, 2026} <= set(sample.years)


def test_each_township_has_its_villages_its_government_and_a_station(sample: County) -> None:
    stations = [office.place for office in sample.offices.values() if office.kind == "station"]
    for township in {place.township for place in sample.places.values()}:
        villages = [place for place in sample.places.values() if place.township == township != place.id]
        assert 5 <= len(villages) <= 12
        assert {village.department for village in villages} == {township}
        assert township in stations


def test_an_accusation_is_led_by_discipline_inspection_and_never_by_the_accused(sample: County) -> None:
    asked = [rule for rule in sample.rules if "accusation" in rule.when.kinds]
    assert [rule.id for rule in sample.rules[: len(asked)]] == [rule.id for rule in asked]
    assert asked[-1].when == Condition(kinds=("accusation",))
    assert asked[-1].lead == "discipline"
    for rule in asked:
        assert {rule.lead, *rule.cooperating}.isdisjoint(rule.when.units)


def test_every_subject_is_routed_by_its_category(sample: County) -> None:
    routed = {category for rule in sample.rules for category in rule.when.categories}
    assert {each.id for each in sample.categories.values() if each.parent} <= routed


def test_a_rule_that_names_a_category_means_all_below_it(sample: County) -> None:
    transport = next(rule for rule in sample.rules if rule.id == "category-transport")
    assert {"transport", "roads", "village-roads"} <= set(transport.when.categories)


def test_a_rule_that_names_a_township_means_its_villages(copy: Path) -> None:
    rules = copy / "rules.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text.replace("when: {any_of: [邻居", "when: {places: [heling-town], any_of: [邻居"), encoding="utf-8"
    )
    neighbours = next(rule for rule in county.load(copy).rules if rule.id == "neighbours")
    assert {"heling-town", "shiqiao"} <= set(neighbours.when.places)
    assert "dongmen" not in neighbours.when.places


def test_every_clock_says_on_what_it_is_based(sample: County) -> None:
    assert all(clock.basis.zh and clock.basis.en for clock in sample.clocks.values())
    assert not sample.clocks["objection"].duty
    assert sample.clocks["forward"].owner == sample.centre


def test_the_directory_cannot_be_changed(sample: County) -> None:
    with pytest.raises(TypeError):
        sample.departments["new"] = sample.departments["housing"]  # type: ignore[index]


def test_the_version_changes_with_any_byte_and_with_nothing_else(sample: County, copy: Path) -> None:
    assert county.load(copy).version == sample.version
    with (copy / "ladder.yaml").open("a", encoding="utf-8") as ladder:
        ladder.write("# a remark\n")
    assert county.load(copy).version != sample.version


def test_a_file_saved_with_a_byte_order_mark_is_read(sample: County, copy: Path) -> None:
    file = copy / "leaders.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert county.load(copy).leaders == sample.leaders


# ------------------------------------------------------------------------------------------ what is wrong


# file, what is replaced, by what, the field that is blamed, and a word of the reason.
BROKEN = [
    ("departments.yaml", "superior: mayor", "superior: mayer", "superior", "did you mean mayor"),
    ("departments.yaml", "kind: utility", "kind: utilty", "kind", "choose from"),
    ("departments.yaml", "supervises: true", "supervises: maybe", "supervises", "wrong form"),
    ("departments.yaml", "phone:", "telephone:", "telephone", "not a field here"),
    ("departments.yaml", "id: organisation", "id: petition", "id", "is taken already"),
    ("departments.yaml", "id: organisation", "id: Organisation_1", "id", "a-z, 0-9 and hyphens"),
    ("county.yaml", "centre: centre", "centre: center", "centre", "did you mean centre"),
    ("county.yaml", "Asia/Shanghai", "Asia/Nowhere", "timezone", "is no time zone"),
    ("county.yaml", "centre: centre", "", "centre", "is missing"),
    ("leaders.yaml", "en: Shen Muyuan", 'en: ""', "1.name.en", "is empty"),
    ("leaders.yaml", ", en: Shen Muyuan", "", "1.name.en", "is missing"),
    ("places.yaml", "department: heling-town", "department: haling-town", "department", "heling-town"),
    ("places.yaml", "id: shiqiao", "id: dongmen", "villages.1.id", "is taken already"),
    ("offices.yaml", "place: heling-town", "place: helin-town", "place", "did you mean heling-town"),
    ("offices.yaml", "kind: station, place: heling-town", "kind: station", "place", "a station has a place"),
    ("offices.yaml", "id: police, kind", "id: police-office, kind", "id", "must be its department's"),
    ("categories.yaml", "id: roads", "id: water", "id", "is taken already"),
    ("rules.yaml", "lead: forestry", "lead: forest", "lead", "did you mean forestry"),
    ("rules.yaml", "with: [housing]", "with: [houses]", "with.0", "has no houses"),
    ("rules.yaml", "with: [housing]", "with: [labour]", "with", "names a department twice"),
    ("rules.yaml", "units: [gas]", "units: [oil]", "when.units.0", "has no oil"),
    ("rules.yaml", "categories: [labour]", "categories: [work]", "when.categories.0", "has no work"),
    ("rules.yaml", "any_of: [油烟", "any_off: [油烟", "when.any_off", "not a field here"),
    ("clocks.yaml", "starts: received", "starts: recieved", "starts", "choose from received"),
    ("clocks.yaml", "stops: [explained, case_answered]", "stops: [told]", "stops.0", "choose from"),
    ("clocks.yaml", "stops: [explained, case_answered]", "stops: []", "stops", "is empty"),
    ("clocks.yaml", "stops: [explained, case_answered]", "stops: [assigned]", "stops", "never runs"),
    ("clocks.yaml", "length: 60 days", "length: two months", "length", "write it as"),
    ("clocks.yaml", "owner: centre", "owner: task", "owner", "needs a department"),
    ("ladder.yaml", "after: 8 working days", "after: 8 weeks", "after", "write it as"),
    ("calendar.yaml", "2026-05-01..2026-05-05", "2026-05-05..2026-05-01", "holidays.3", "is no date"),
    ("calendar.yaml", "2026-05-01..2026-05-05", "2025-05-01..2025-05-05", "holidays.3", "is not in 2026"),
    ("calendar.yaml", "2026-05-09", "2026-05-11", "worked.3", "is no weekend"),
    ("calendar.yaml", "year: 2026", "year: MMXXVI", "year", "wrong form"),
]


@pytest.mark.parametrize(("file", "old", "new", "field", "reason"), BROKEN)
def test_a_flaw_is_named_with_file_line_field_and_cure(
    break_it: Callable[[str, str, str], CountyError], file: str, old: str, new: str, field: str, reason: str
) -> None:
    error = break_it(file, old, new)
    named = [flaw for flaw in error.flaws if flaw.field.endswith(field) and reason in flaw.en]
    assert named, str(error)
    assert {flaw.file for flaw in named} == {file}
    assert any(line_of(file, old) - 3 <= flaw.line <= line_of(file, old) + 1 for flaw in named), str(error)
    assert f"{file}:{named[0].line}: {named[0].field}: {named[0].zh} / " in str(error)


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("ladder.yaml", "  after: 3", "\tafter: 3", "is indented by a tab"),
        ("ladder.yaml", "  after: 3", "  after: 3 days\n  after: 3", "is given twice"),
        ("ladder.yaml", "  after: 3", "  after: *three\n  x: 3", "is not YAML"),
        ("ladder.yaml", "  after: 3", "  after: [3", "is not YAML"),
        ("ladder.yaml", "  after: 3", "  after: \x07 3", "is not YAML"),
    ],
)
def test_what_is_not_proper_yaml_is_named_with_its_line(
    break_it: Callable[[str, str, str], CountyError], file: str, old: str, new: str, reason: str
) -> None:
    error = break_it(file, old, new)
    assert any(flaw.file == file and flaw.line > 1 and reason in flaw.en for flaw in error.flaws), str(error)


def test_an_alias_is_refused_even_one_that_holds_itself(copy: Path) -> None:
    (copy / "ladder.yaml").write_text("- &rung\n  id: reminder\n  below: [*rung]\n", encoding="utf-8")
    assert "ladder.yaml:3: 0.below.0: 不支持引用" in str(error_of(copy))


def test_a_file_that_is_not_utf_8_is_named(copy: Path) -> None:
    file = copy / "leaders.yaml"
    file.write_bytes(file.read_text(encoding="utf-8").encode("gbk", "ignore"))
    assert "leaders.yaml:1: 不是 UTF-8 编码" in str(error_of(copy))


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "[]\n", "{}\n"])
def test_an_empty_file_is_named(copy: Path, content: str) -> None:
    (copy / "rules.yaml").write_text(content, encoding="utf-8")
    assert "rules.yaml:1: 文件是空的" in str(error_of(copy))


@pytest.mark.parametrize("file", schemas.FILES)
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    assert f"{file}:1: 读不到这个文件" in str(error_of(copy))


@pytest.mark.parametrize("content", ["name: 3\n", "- 3\n", "- [1]\n", "text\n"])
@pytest.mark.parametrize("file", schemas.FILES)
def test_a_file_of_another_shape_is_refused(copy: Path, file: str, content: str) -> None:
    (copy / file).write_text(content, encoding="utf-8")
    assert any(flaw.file == file for flaw in error_of(copy).flaws)


def test_a_missing_year_is_named(copy: Path) -> None:
    file = copy / "calendar.yaml"
    before, rest = file.read_text(encoding="utf-8").split("- year: 2026", 1)
    file.write_text(before + rest[rest.index("- year: 2027") :], encoding="utf-8")
    assert "the years [2026] are missing" in str(error_of(copy))


def test_a_rule_after_a_catch_all_is_named(break_it: Callable[[str, str, str], CountyError]) -> None:
    catch_all = "- id: everything\n  when: {}\n  lead: centre\n  reason: {zh: 其余, en: the rest}\n"
    error = break_it("rules.yaml", "- id: wages-on-site", catch_all + "- id: wages-on-site")
    first = next(flaw for flaw in error.flaws if "everything" in flaw.en)
    assert first.line == line_of("rules.yaml", "- id: wages-on-site") + 5


def test_all_flaws_of_all_files_are_told_at_once_in_order(
    break_it: Callable[[str, str, str], CountyError],
) -> None:
    break_it("rules.yaml", "lead: forestry", "lead: forest")
    break_it("clocks.yaml", "length: 60 days", "length: long")
    error = break_it("departments.yaml", "superior: mayor", "superior: mayer")
    assert [flaw.file for flaw in error.flaws] == ["clocks.yaml", "departments.yaml", "rules.yaml"]


# Pieces that a slip of the hand may leave anywhere.
PIECES = st.sampled_from(
    ["", "[", "{", ": ", "- ", "x", "'", '"', "\n", "  ", "#", "&a ", "*a", "null", "\t"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(list(schemas.FILES)), where=st.floats(0, 1), cut=st.integers(0, 40), piece=PIECES)
def test_a_slip_of_the_hand_is_refused_or_harmless_but_never_a_crash(
    copy: Path, file: str, where: float, cut: int, piece: str
) -> None:
    text = (SAMPLE / file).read_text(encoding="utf-8")
    at = int(where * len(text))
    (copy / file).write_text(text[:at] + piece + text[at + cut :], encoding="utf-8")
    try:
        county.load(copy)
    except CountyError as error:
        assert error.flaws
    finally:
        shutil.copy(SAMPLE / file, copy / file)


# ------------------------------------------------------------------------------------------ precedence


def rule(lead: str = "housing", **when: tuple[str, ...]) -> Rule:
    return Rule("a-rule", Condition(**when), lead, (), Text("因", "why"))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (rule(), rule(any_of=("水",))),
        (rule(any_of=("水", "电")), rule(any_of=("停水", "停电"))),
        (rule(any_of=("水",)), rule(all_of=("停水", "夜里"))),
        (rule(all_of=("水",)), rule(any_of=("停水", "断水"))),
        (rule(none_of=("停水",)), rule(none_of=("水",))),
        (rule(categories=("water", "power")), rule(categories=("water",), any_of=("电",))),
        (rule(lead="place"), rule(lead="place", any_of=("村",))),
    ],
)
def test_a_rule_that_asks_for_more_is_never_reached(earlier: Rule, later: Rule) -> None:
    assert precedence.covers(earlier, later)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (rule(any_of=("停水",)), rule(any_of=("水",))),
        (rule(any_of=("水",)), rule(any_of=("停水", "停电"))),
        (rule(all_of=("水", "夜里")), rule(all_of=("水",))),
        (rule(none_of=("水",)), rule(none_of=("停水",))),
        (rule(any_of=("水",), none_of=("河",)), rule(any_of=("水",))),
        (rule(categories=("water",)), rule()),
        (rule(kinds=("claim",)), rule(kinds=("claim", "inquiry"))),
        (rule(lead="place"), rule(any_of=("村",))),
    ],
)
def test_a_rule_that_asks_for_something_else_is_reached(earlier: Rule, later: Rule) -> None:
    assert not precedence.covers(earlier, later)
