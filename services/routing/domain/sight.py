"""Who sees what. A unit never sees an accusation against itself (信访工作条例 Art. 30). Pure."""

from services.routing.domain.cases import Case
from services.routing.domain.rules import accused
from shared.county.model import County
from shared.identity.model import Caller


def own_unit(caller: Caller, county: County) -> str | None:
    """The department whose accusations are kept from the caller: its own; for its clerks the centre."""
    if caller.role == "clerk" and caller.office is None:
        return county.centre
    return caller.department


def may_triage(caller: Caller) -> bool:
    """Clerks of the centre and supervisors decide in triage; a clerk of one office does not."""
    return caller.role == "supervisor" or (caller.role == "clerk" and caller.office is None)


def may_see(caller: Caller, case: Case, department: str, county: County) -> bool:
    """Whether the caller may see the task of `department` in the case: their own, a supervisor any."""
    own = own_unit(caller, county)
    if own is not None and own == accused(case):
        return False
    return caller.role == "supervisor" or department == caller.department
