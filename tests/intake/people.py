"""People at intake: signed in, in a role, without the way through oversight's pages."""

from typing import Any

from flask.testing import FlaskClient

from shared.web import cookie
from tests.identity.people import entered, person
from tests.world import World

NAME, PHONE, DOCUMENT, ADDRESS = "标记人名甲", "19900001234", "11010519491231002X", "标记巷九号"
MARKS = (NAME, PHONE, DOCUMENT, ADDRESS)
PEOPLE = [
    {"name": NAME, "phone": PHONE, "id_number": DOCUMENT, "address": ADDRESS, "representative": True},
    {"name": "标记人名乙"},
]
REASON = {"reason": "约定现场核实的时间"}


def signed_in(world: World, login: str, role: str, **scope: str) -> FlaskClient:
    """A browser at intake in which `login` works in this role, after a second factor."""
    reference = entered(world, person(world, login, role, password=None, **scope), role)
    browser = world.app("intake").test_client()
    browser.set_cookie(cookie.NAME, str(cookie._signer_of(world.secrets).dumps(reference)))
    browser.environ_base["HTTP_ORIGIN"] = "http://localhost"
    return browser


def registered(world: World, key: str = "k", **changes: Any) -> dict[str, str]:
    """A grievance with two petitioners, the first of whom has marks everywhere: number and query code."""
    answer = world.register(key, **({"petitioners": PEOPLE} | changes))
    assert answer.status_code == 201, answer.text
    taken: dict[str, str] = answer.json
    return taken


def assigned(world: World, lead: str, *cooperating: str, key: str = "k", **changes: Any) -> str:
    """The number of a grievance that these departments answer for."""
    number = registered(world, key, **changes)["number"]
    sql = "UPDATE grievance SET lead = :lead, cooperating = :others, status = 'assigned' WHERE number = :n"
    change = "WITH changed AS (" + sql + " RETURNING 1) SELECT * FROM changed"
    world.query("intake", change, lead=lead, others=list(cooperating), n=number)
    return number
