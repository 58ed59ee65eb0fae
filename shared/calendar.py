"""The calendar that deadlines are counted on: working days with holidays and make-up days. Pure.

The Civil Code counts a span of days from the day after its start (Art. 201) and ends it at 24:00 of its last
day (Art. 203), here at 23:59:59 of the county's own time. Days that are not called working days count all
alike: a deadline is not moved because it ends on a holiday, for the petitioner waits on that day as well.
A year that the county's calendar does not have counts by weekends alone.
"""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.county.model import County, Length, Year

A_DAY = timedelta(days=1)
LAST_MOMENT = time(23, 59, 59)
MONTHS = 12


@dataclass(frozen=True)
class Calendar:
    """The years of a county's calendar and its time zone."""

    years: Mapping[int, Year]
    timezone: ZoneInfo

    def is_working_day(self, day: date) -> bool:
        """Whether offices work on `day`: a weekday that is no holiday, or a make-up day."""
        year = self.years.get(day.year)
        if day.weekday() >= calendar.SATURDAY:
            return year is not None and day in year.worked
        return year is None or day not in year.off

    def add(self, start: datetime, length: Length) -> datetime:
        """When `length` from `start` is over, in UTC. Refuses a start without time zone, or an unknown unit.

        Hours are exact. The other units end with a day; none of them at all ends with the day of the start.
        """
        if start.tzinfo is None:
            raise ValueError(f"{start} has no time zone")
        if length.unit == "hours":
            return start.astimezone(UTC) + timedelta(hours=length.n)
        last = self._last_day(start.astimezone(self.timezone).date(), length)
        return datetime.combine(last, LAST_MOMENT, self.timezone).astimezone(UTC)

    def _last_day(self, first: date, length: Length) -> date:
        if length.unit == "days":
            return first + length.n * A_DAY
        if length.unit == "working_days":
            return self._working_day(first, length.n)
        if length.unit == "months":
            return _month(first, length.n)
        raise ValueError(f"{length.unit} is no unit of time")

    def _working_day(self, day: date, n: int) -> date:
        """The n-th working day after `day`."""
        while n > 0:
            day += A_DAY
            n -= self.is_working_day(day)
        return day


def of(county: County) -> Calendar:
    """The calendar of a county."""
    return Calendar(county.years, ZoneInfo(county.timezone))


def _month(day: date, n: int) -> date:
    """The same day of the n-th month after, or that month's last day where it is shorter."""
    year, month = divmod(day.year * MONTHS + day.month - 1 + n, MONTHS)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
