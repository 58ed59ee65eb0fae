"""What the policy asks of a case before anybody sees it (`shared.policy`). Pure."""

from services.routing.domain.cases import Case
from services.routing.domain.rules import accused


def facts(case: Case, department: str | None = None) -> dict[str, str | None]:
    """The fields that rows of the policy go by, of a case or of one department's task in it."""
    return {"department": department, "place": case.place, "accused": accused(case)}
