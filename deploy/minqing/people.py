"""`minqing person`: people's accounts from the command line, one by one or from a spreadsheet."""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, Engine

from deploy.minqing import databases, options, rows, suite
from deploy.minqing.trouble import Trouble, say
from shared import county
from shared.county import County
from shared.identity import accounts, factors, grants, model
from shared.identity.changes import COMMAND_LINE
from shared.problems import Conflict, Invalid, NotFound

FIRST = ("admin", "系统管理员 Administrator")  # the account that the very first set-up link is for
COLUMNS = ("login", "name", "role", *model.PARTS)
Scope = Mapping[str, str | None]


@click.group("person")
def person() -> None:
    """人员账户 | people's accounts."""


def scope(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that a role's scope is made of, and give the command a `scope`."""

    @click.option("--department", help="部门 | of a liaison or lead")
    @click.option("--office", help="接访窗口 | of a clerk; none is the centre")
    @click.option("--station", help="工作站 | of an agent")
    @click.option("--area", help="辖区 | of a leader or delegate")
    @functools.wraps(command)
    def with_scope(**given: Any) -> Any:
        return command(scope={part: given.pop(part) for part in model.PARTS}, **given)

    return with_scope


@person.command()
@options.data
@click.argument("login")
@click.option("--name", required=True, help="姓名 | what the person is called")
@click.option("--role", required=True, type=click.Choice(model.PEOPLE), help="角色 | the role to grant")
@scope
def add(data: Path, login: str, name: str, role: str, scope: Scope) -> None:
    """新建账户并打印一次性设置链接 | make an account and print its set-up link, which works once.

    首位管理员产生之前角色立即生效；此后须由一位管理员在网页上确认。 | Roles given before there is an
    administrator count at once; later an administrator has to confirm them on the page.
    """
    row = {"login": login, "name": name, "role": role, **scope}
    if wrong := _flaws(row, county.load(suite.county_folder())):
        raise Trouble(*map("\n".join, zip(*wrong, strict=True)))
    with _identity(data) as engine:
        by = _by(engine)
        with engine.begin() as tx:
            secret = _add(tx, row, by)
        show_link(data, login, secret)
        _say_if_waiting(by)


@person.command("list")
@options.data
def list_(data: Path) -> None:
    """列出账户与角色 | list the accounts and their roles."""
    with _identity(data) as engine:
        held = grants.all_of(engine)
        for account in accounts.listed(engine):
            roles = ", ".join(_said(grant) for grant in held.get(account.id, ())) or "-"
            state = account.status if account.ready else "no password"
            factor = "2FA" if account.second_factor else "-"
            click.echo(f"{account.login:24} {state:12} {factor:4} {account.name}  {roles}")


@person.command()
@options.data
@click.argument("login")
def disable(data: Path, login: str) -> None:
    """立即停用账户并结束其登录 | shut an account at once, with all its sessions."""
    with _identity(data) as engine:
        accounts.disable(engine, accounts.of_login(engine, login).id, COMMAND_LINE)
    say(f"账户 {login} 已停用", f"{login} is disabled")


@person.command()
@options.data
@click.argument("login")
@click.option(
    "--lost-factor", is_flag=True, help="移除丢失的二次验证 | take a lost second factor away as well"
)
def link(data: Path, login: str, *, lost_factor: bool) -> None:
    """打印新的设置链接 | print a new set-up link (a forgotten password, an expired link)."""
    with _identity(data) as engine:
        account = accounts.of_login(engine, login)
        with engine.begin() as tx:
            secret = accounts.link(tx, account.id, COMMAND_LINE)
            if lost_factor:
                factors.remove(tx, account.id, COMMAND_LINE)
        show_link(data, login, secret)


@person.command("import")
@options.data
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(data: Path, file: Path) -> None:
    """从 CSV 导入人员 | make accounts from a spreadsheet saved as CSV.

    列 | columns: login,name,role,department,office,station,area。全部无误才导入 | All rows, or none.
    """
    given, directory = list(_rows(file)), county.load(suite.county_folder())
    wrong = [(f"第 {n} 行 {zh}", f"row {n} {en}") for n, row in given for zh, en in _flaws(row, directory)]
    if wrong:
        raise Trouble(*map("\n".join, zip(*wrong, strict=True)))
    with _identity(data) as engine:
        by = _by(engine)
        with engine.begin() as tx:
            links = [(row["login"], _add_row(tx, n, row, by)) for n, row in given]
        for login, secret in links:
            show_link(data, login, secret)
        _say_if_waiting(by)


def show_first_link(data: Path) -> None:
    """Print the first administrator's set-up link where there is nobody at all; do nothing elsewhere."""
    with _identity(data) as engine:
        if accounts.listed(engine):
            return
        with engine.begin() as tx:
            id_ = accounts.add(tx, *FIRST, accounts.SETUP)
            grants.ask(tx, id_, "administrator", {}, accounts.SETUP)
            secret = accounts.link(tx, id_, accounts.SETUP)
    say("\n还没有任何账户，请先设置首位管理员", "Nobody has an account yet: set up the first administrator")
    show_link(data, FIRST[0], secret)


def show_link(data: Path, login: str, secret: str) -> None:
    """Print where a person sets their password."""
    say(f"{login} 的设置链接（24 小时内有效，仅可用一次）", "Set-up link, for 24 hours and one use")
    click.echo(f"  {_oversight(data)}/set-up?link={secret}")


def _oversight(data: Path) -> str:
    """Where people sign in: as the environment says, else as the suite on `data` does."""
    given = os.environ.get("MINQING_OVERSIGHT_URL") or suite.find(data).urls["oversight"]
    return given.rstrip("/")


def _by(engine: Engine) -> str:
    return COMMAND_LINE if grants.has_administrator(engine) else accounts.SETUP


def _say_if_waiting(by: str) -> None:
    if by == COMMAND_LINE:
        say("角色须由一位管理员在“人员与权限”页确认后生效", "An administrator has to confirm the role")


def _add(tx: Connection, row: Mapping[str, str | None], by: str) -> str:
    try:
        id_ = accounts.add(tx, row["login"] or "", row["name"] or "", by)
        grants.ask(tx, id_, row["role"] or "", {part: row.get(part) for part in model.PARTS}, by)
    except Invalid as problem:
        raise Trouble(*(problem.faults[0].zh, problem.faults[0].en)) from problem
    return accounts.link(tx, id_, by)


def _add_row(tx: Connection, number: int, row: Mapping[str, str | None], by: str) -> str:
    try:
        return _add(tx, row, by)
    except Trouble as error:
        raise Trouble(f"第 {number} 行 login：{row['login']}", f"row {number}: {error.message}") from error


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with their numbers as a spreadsheet shows them: the first below the heading is 2."""
    table = rows.read(file)
    unknown = set(table.columns) ^ set(COLUMNS)
    if unknown - set(model.PARTS):
        raise Trouble(f"列名有误：{', '.join(sorted(unknown))}", f"The columns are {', '.join(COLUMNS)}")
    for row in table.rows:
        yield row.n, {name: (row.cells.get(name) or "").strip() for name in COLUMNS}


def _flaws(row: Mapping[str, Any], directory: County) -> list[tuple[str, str]]:
    """What is wrong with a row, with its columns, in both languages."""
    empty = [name for name in ("login", "name") if not (row.get(name) or "").strip()]
    found = [(f"{name}：必填", f"{name}: required") for name in empty]
    for part in model.flaws(row["role"], row):
        found.append((f"{part}：缺少，或与角色不符", f"{part}: missing, or not for this role"))
    known = {"department": directory.departments, "office": directory.offices}
    known |= {"station": directory.places, "area": directory.places}
    for part, entries in known.items():
        if row.get(part) and row[part] not in entries:
            found.append((f"{part}：县名录中没有“{row[part]}”", f"{part}: the county has no {row[part]}"))
    return found


def _said(grant: grants.Grant) -> str:
    scope = "/".join(part for part in (grant.department, grant.office, grant.station, grant.area) if part)
    waits = "" if grant.confirmed_by else " (waiting)"
    return f"{grant.role}{':' if scope else ''}{scope}{waits}"


@contextmanager
def _identity(data: Path) -> Iterator[Engine]:
    try:
        with databases.reached(options.database_url(data, "identity")) as engine:
            yield engine
    except NotFound as error:
        raise Trouble("没有这个账户", "There is no such account") from error
    except Conflict as error:
        raise Trouble(error.zh, error.en) from error
