from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import calendar, county
from shared.county.model import Length

ROOT = Path(__file__).parents[2]
SHANGHAI = ZoneInfo("Asia/Shanghai")
CALENDAR = calendar.of(county.load(ROOT / "deploy" / "county"))

dates = st.dates(date(2024, 1, 1), date(2028, 12, 31))
moments = st.builds(datetime.combine, dates, st.times(timezones=st.just(UTC)))
units = st.sampled_from(["hours", "days", "working_days", "months"])


def due(start: str, n: int, unit: str) -> str:
    """When it is due in the county's own time, for a start in it."""
    begun = datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)
    ended = CALENDAR.add(begun, Length(n, unit))
    assert ended.tzinfo is UTC
    return ended.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def test_days_are_counted_from_the_day_after_the_start() -> None:
    assert due("2026-03-01 09:00", 15, "days") == "2026-03-16 23:59:59"


def test_hours_are_exact_even_at_night() -> None:
    assert due("2026-03-01 23:30:15", 2, "hours") == "2026-03-02 01:30:15"


def test_the_county_day_counts_and_not_the_utc_day() -> None:
    late_in_utc = datetime(2026, 3, 1, 17, 0, tzinfo=UTC)  # already 2 March in the county
    assert CALENDAR.add(late_in_utc, Length(1, "days")).astimezone(SHANGHAI).date() == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("start", "n", "last"),
    [
        ("2026-03-02", 5, "2026-03-09"),  # over an ordinary weekend
        ("2026-09-30", 1, "2026-10-08"),  # over National Day
        ("2026-10-08", 2, "2026-10-10"),  # the make-up Saturday counts
        ("2026-02-13", 1, "2026-02-14"),  # a make-up Saturday before Spring Festival
        ("2026-02-14", 5, "2026-02-28"),  # over Spring Festival, to the make-up Saturday after it
        ("2025-12-31", 1, "2026-01-04"),  # over New Year, to a make-up Sunday
        ("2026-03-07", 1, "2026-03-09"),  # begun on a Saturday
        ("2026-03-07", 0, "2026-03-07"),  # none at all ends on the day itself
    ],
)
def test_working_days_know_holidays_and_make_up_days(start: str, n: int, last: str) -> None:
    assert due(f"{start} 10:00", n, "working_days") == f"{last} 23:59:59"


@pytest.mark.parametrize(
    ("start", "n", "last"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2027-11-30", 3, "2028-02-29"),
        ("2026-03-15", 3, "2026-06-15"),
        ("2026-10-31", 14, "2027-12-31"),
    ],
)
def test_months_end_on_the_same_day_or_with_the_month(start: str, n: int, last: str) -> None:
    assert due(f"{start} 10:00", n, "months") == f"{last} 23:59:59"


def test_a_year_that_is_not_in_the_directory_knows_weekends_only() -> None:
    assert CALENDAR.is_working_day(date(2031, 10, 1))
    assert not CALENDAR.is_working_day(date(2031, 10, 4))


def test_a_start_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        CALENDAR.add(datetime(2026, 3, 1), Length(1, "days"))  # noqa: DTZ001 - what is refused


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="weeks"):
        CALENDAR.add(datetime(2026, 3, 1, tzinfo=UTC), Length(1, "weeks"))


@given(start=moments, n=st.integers(0, 60))
def test_a_deadline_of_working_days_ends_on_one_after_so_many(start: datetime, n: int) -> None:
    first = start.astimezone(SHANGHAI).date()
    last = CALENDAR.add(start, Length(n, "working_days")).astimezone(SHANGHAI).date()
    days = (first + timedelta(days=each) for each in range(1, (last - first).days + 1))
    assert sum(map(CALENDAR.is_working_day, days)) == n
    assert n == 0 or CALENDAR.is_working_day(last)


@given(start=moments, n=st.integers(0, 90), unit=units)
def test_no_deadline_ends_before_it_starts(start: datetime, n: int, unit: str) -> None:
    assert CALENDAR.add(start, Length(n, unit)) >= start.replace(microsecond=0)


@given(start=moments, later=st.timedeltas(timedelta(0), timedelta(days=90)), n=st.integers(0, 30), unit=units)
def test_who_starts_later_is_never_due_earlier(start: datetime, later: timedelta, n: int, unit: str) -> None:
    assert CALENDAR.add(start + later, Length(n, unit)) >= CALENDAR.add(start, Length(n, unit))


@given(start=moments, n=st.integers(0, 60))
def test_working_days_are_never_shorter_than_days_nor_counted_on_holidays(start: datetime, n: int) -> None:
    natural = CALENDAR.add(start, Length(n, "days"))
    assert CALENDAR.add(start, Length(n, "working_days")) >= natural
