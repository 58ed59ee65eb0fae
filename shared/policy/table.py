"""The policy: for each action, the roles that may do it, and to which rows. Pure.

Whatever it says of an action about grievances, one rule stands above it: nobody reaches an accusation against
a unit that they belong to, by whatever role (信访工作条例 Art. 30, 46(5); S1).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared import words
from shared.county.model import Text
from shared.identity.model import ACT, READ, REGISTER, Caller

ANYONE, CENTRE = "anyone", "centre"

# The columns of the table: the roles of people and machines; a clerk of no single office is the centre's.
ROLES: Mapping[str, Text] = {
    ANYONE: Text("任何人", "Anyone"),
    CENTRE: Text("中心接访员", "Clerk of the centre"),
    **words.PEOPLE,
    "clerk": Text("窗口接访员", "Clerk of an office"),
}
EVERYBODY = tuple(ROLES)
UNIT = ("liaison", "lead", "department")  # whoever works for a department
WATCH = ("supervisor", "auditor")  # whoever watches over all
SIGNED_IN = tuple(name for name in ROLES if name not in (ANYONE, "department"))


@dataclass(frozen=True)
class Part:
    """What must hold of a row: its `field` is one of the caller's `part`, or (`outside`) is none of them.

    The fields are those of a grievance, a task or a notice: office, place, unit, accused, open (it accuses
    nobody), handling, department, published. The parts are what `reach.parts` gives for a caller.
    """

    field: str
    part: str
    outside: bool = False


@dataclass(frozen=True)
class Rows:
    """A set of rows by its name, and what must hold of each; nothing for all of them."""

    name: Text
    parts: tuple[Part, ...] = ()


ALL = Rows(Text("全部", "all"))
OWN_OFFICE = Rows(Text("本处登记的", "of the own office"), (Part("office", "offices"),))
OWN_WINDOW = Rows(
    Text("本单位窗口登记、不反映本单位的", "of the own window, not about the own unit"),
    (Part("office", "offices"), Part("unit", "units", outside=True)),
)
# Whoever may be shown them only after a second person agreed does not find out by trying phone numbers.
NOT_OWN = Rows(Text("不反映本单位的", "not about the own unit"), (Part("unit", "units", outside=True),))
FOUND = Rows(
    Text("不反映本单位的，检举控告除外", "not about the own unit, and no accusations"),
    (*NOT_OWN.parts, Part("open", "yes")),
)
FOUND_OWN = Rows(
    Text(
        "本处登记、不反映本单位的，检举控告除外",
        "of the own office, not about the own unit, and no accusations",
    ),
    (*OWN_OFFICE.parts, *FOUND.parts),
)
OWN_TASKS = Rows(Text("本单位承办的", "the own unit answers for"), (Part("department", "departments"),))
HANDLED = Rows(Text("交本单位办理的", "assigned to the own unit"), (Part("handling", "departments"),))
OWN_AREA = Rows(Text("所管区域的", "of the own area"), (Part("place", "places"),))
PUBLISHED = Rows(Text("已公开的", "published"), (Part("published", "yes"),))

OF_OTHERS = Rows(
    Text("不涉及本单位的", "that do not name the own unit"), (Part("department", "units", outside=True),)
)

ISOLATION = Part("accused", "units", outside=True)
ABOVE_ALL = Text(
    "任何人都看不到检举控告自己所在单位的诉求，不论担任什么角色（信访工作条例第三十条）。",
    "Nobody sees an accusation against a unit they belong to, by whatever role (Art. 30).",
)


@dataclass(frozen=True)
class Action:
    """Something that can be done: what a key's scope must contain, and which rows each role reaches by it.

    A role that is not in `rows` may not do it. `person` refuses machines. `isolated` says that it is about
    grievances, so that none that accuses the caller's own unit is reached.
    """

    name: Text
    scope: str
    rows: Mapping[str, Rows]
    basis: str = ""
    person: bool = False
    isolated: bool = field(default=True, kw_only=True)

    def grouped(self) -> list[tuple[Rows, list[Text]]]:
        """The rows, each with the names of the roles that reach them."""
        found: dict[Rows, list[Text]] = {}
        for name, rows in self.rows.items():
            found.setdefault(rows, []).append(ROLES[name])
        return list(found.items())


def _of(rows: Rows, *roles: str) -> dict[str, Rows]:
    return dict.fromkeys(roles, rows)


_AREA = _of(OWN_AREA, "leader")
_WATCHED = _of(ALL, *WATCH) | _AREA

ACTIONS: Mapping[str, Action] = {
    "grievance.register": Action(
        Text("登记诉求", "register a grievance"),
        REGISTER,
        _of(ALL, CENTRE) | _of(OWN_OFFICE, "clerk", "agent", *UNIT),
        "M1, M3",
        isolated=False,  # whoever complains is heard, also about the unit that listens
    ),
    "grievance.read": Action(
        Text("查看诉求", "read grievances"),
        READ,
        _of(ALL, CENTRE) | _of(OWN_OFFICE, "clerk", "agent") | _of(OWN_WINDOW, *UNIT) | _WATCHED,
        "M1, S1",
    ),
    "petitioner.reveal": Action(
        Text("查看群众身份（记录在案）", "be shown petitioners, on record"),
        ACT,
        _of(ALL, CENTRE) | _of(OWN_OFFICE, "clerk") | _of(HANDLED, *UNIT),
        "S14",
    ),
    "petitioner.search": Action(
        Text("按群众电话查找诉求（记录在案）", "find grievances by a petitioner's phone, on record"),
        READ,
        _of(FOUND, CENTRE) | _of(FOUND_OWN, "clerk", "agent", *UNIT),
        "S12, S14",
    ),
    "view.read": Action(
        Text("查看一件诉求的身份查看记录", "read who was shown a grievance's petitioners"),
        READ,
        _of(ALL, CENTRE, *WATCH) | _of(OWN_OFFICE, "clerk"),
        "S14",
    ),
    "view.decide": Action(
        Text("同意或拒绝他人查看", "agree to somebody else's view, or refuse"),
        ACT,
        _of(NOT_OWN, CENTRE, "supervisor"),
        "S14, S17",
    ),
    "view.watch": Action(
        Text("查看全县身份查看记录", "read the whole record of views"), READ, _of(ALL, *WATCH), "S14"
    ),
    "triage.read": Action(
        Text("查看待分派", "read the triage queue"), READ, _of(ALL, CENTRE) | _WATCHED, "M7"
    ),
    "triage.decide": Action(Text("分派", "decide in triage"), ACT, _of(ALL, CENTRE, "supervisor"), "M7, M9"),
    "task.read": Action(Text("查看台账", "read ledgers"), READ, _of(OWN_TASKS, *UNIT) | _WATCHED, "M10"),
    "task.act": Action(
        Text("受理、异议、进展、说明、答复", "accept, object, note, explain, answer"),
        ACT,
        _of(OWN_TASKS, *UNIT),
        "M8–M11",
    ),
    "deadline.read": Action(
        Text("查看办理期限", "read deadlines"), READ, _of(OWN_TASKS, *UNIT) | _WATCHED, "M12"
    ),
    "dashboard.read": Action(Text("查看督查看板", "read the dashboard"), READ, _WATCHED, "M17"),
    "notice.read": Action(
        Text("查看公开的通报", "read public notices"), READ, _of(PUBLISHED, *EVERYBODY), "M13, M15"
    ),
    "notice.watch": Action(
        Text("查看全部通报及其决定", "read all notices and what was decided of them"),
        READ,
        _of(ALL, *WATCH),
        "M13",
    ),
    "notice.decide": Action(
        Text("提出、确认、拒绝公开或撤回通报", "propose, confirm, refuse publication and withdrawal"),
        ACT,
        _of(OF_OTHERS, "supervisor"),
        "M13, S17",
    ),
    "upkeep.decide": Action(
        Text("决定搁置的消息和密钥更换", "decide about parked events and the rotation of keys"),
        ACT,
        _of(ALL, "supervisor"),
        "S17",
        isolated=False,
    ),
    "me": Action(
        Text("自己的会话与口令", "one's own sessions and password"),
        READ,
        _of(ALL, *SIGNED_IN),
        "S5, S8",
        person=True,
        isolated=False,
    ),
    "people.read": Action(
        Text("查看人员、密钥与变更", "read people, keys and changes"),
        READ,
        _of(ALL, "administrator", "auditor"),
        "S4, S14",
        person=True,
        isolated=False,
    ),
    "people.change": Action(
        Text("管理人员与密钥", "administer people and keys"),
        ACT,
        _of(ALL, "administrator"),
        "S4, S17",
        person=True,
        isolated=False,
    ),
    "policy.read": Action(
        Text("查看权限表", "read this table"),
        READ,
        _of(ALL, *SIGNED_IN),
        "S3",
        person=True,
        isolated=False,
    ),
}


def role(caller: Caller | None) -> str:
    """The column of the table that a caller stands in."""
    if caller is None:
        return ANYONE
    return CENTRE if caller.held == "clerk" and caller.office is None else caller.held
