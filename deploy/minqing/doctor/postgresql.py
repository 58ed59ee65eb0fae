"""What PostgreSQL says of itself: is a commit kept, who may do what, is it up to date."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import text

from deploy.minqing import databases
from deploy.minqing.doctor.deployment import LOOPBACK, Deployment, Finding
from shared import database, heartbeat, identity, migrations

ON = ("fsync", "full_page_writes", "data_checksums", "synchronous_commit")
POWERS = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
STALE = 26 * 3600  # seconds: a daily backup that is late
YEAR = identity.LONGEST.days
APART = 2.0  # seconds between our clock and the database's

REACHABLE = """
    SELECT datname FROM pg_database
    WHERE datallowconn AND has_database_privilege(datname, 'CONNECT') AND datname NOT IN (:own, 'identity')
"""
WRITABLE = """
    SELECT DISTINCT grantee FROM information_schema.role_table_grants
    WHERE grantee IN ('intake', 'routing', 'PUBLIC') AND privilege_type <> 'SELECT'
    AND table_schema = 'public'
"""
KEYS = f"""
    SELECT id, expires_at < now() AS expired FROM access_key
    WHERE revoked_at IS NULL AND (expires_at < now() OR expires_at > now() + interval '{YEAR} days')
"""  # nosec B608 - our own number


def durable(given: Deployment) -> Iterator[Finding]:
    """Settings under which a 201 could be forgotten."""
    if not given.durable:
        yield Finding("MINQING_DURABLE=no：请删除", "MINQING_DURABLE=no lets commits be lost: remove it")
    for name in ON:
        if _ask(given, "intake", f"SHOW {name}")[0][0] == "off":
            cure = "initdb --data-checksums" if name == "data_checksums" else f"{name} = on"
            yield Finding(f"PostgreSQL {name} 已关闭：{cure}", f"PostgreSQL: {name} is off: set {cure}")


def listening(given: Deployment) -> Iterator[Finding]:
    """A database beside us that listens to other machines."""
    if urlsplit(given.databases["intake"]).hostname not in LOOPBACK:
        return  # it has a network of its own, which we cannot see
    listens = str(_ask(given, "intake", "SHOW listen_addresses")[0][0])
    if {each.strip() for each in listens.split(",")} - LOOPBACK - {""}:
        yield Finding(
            f"PostgreSQL 监听 {listens}：改为 listen_addresses = 127.0.0.1",
            f"PostgreSQL listens on {listens}: set listen_addresses = 127.0.0.1",
        )


def powers(given: Deployment) -> Iterator[Finding]:
    """A service's role that may do more than use its own database."""
    query = f"SELECT {', '.join(POWERS)} FROM pg_roles WHERE rolname = current_user"  # nosec B608 - our own
    for name in databases.SERVICES:
        held = [word for word, has in _ask(given, name, query)[0]._mapping.items() if has]
        if held:
            yield Finding(
                f"数据库角色 {name} 权限过大（{', '.join(held)}）：ALTER ROLE 收回",
                f"the role of {name} has {', '.join(held)}: take it away with ALTER ROLE",
            )


def walls(given: Deployment) -> Iterator[Finding]:
    """Databases that a service could connect to and should not, and who can write `identity`."""
    for name in databases.SERVICES:
        for (other,) in _ask(given, name, REACHABLE, own=name):
            yield Finding(
                f"{name} 能连接数据库 {other}：REVOKE CONNECT, TEMP ON DATABASE {other} FROM PUBLIC",
                f"{name} can connect to {other}: REVOKE CONNECT, TEMP ON DATABASE {other} FROM PUBLIC",
            )
    for (role,) in _ask(given, "identity", WRITABLE):
        yield Finding(
            f"{role} 能改写 identity 库：收回 SELECT 以外的权限",
            f"{role} can write to identity: revoke all but SELECT",
        )


def steps(given: Deployment) -> Iterator[Finding]:
    """Databases whose tables are not those of this version."""
    for name in databases.OWNERS:
        at = _ask(given, name, "SELECT to_regclass('alembic_version')::text")[0][0]
        version = _ask(given, name, "SELECT version_num FROM alembic_version")[0][0] if at else None
        if version != migrations.newest(name):
            yield Finding(
                f"数据库 {name} 未升级（{version}）：minqing migrate",
                f"{name} is at {version}: minqing migrate",
            )


def time(given: Deployment) -> Iterator[Finding]:
    """A clock here that is not the database's."""
    before = datetime.now(UTC)
    with given.reading("intake") as connection:
        there = database.now(connection)
    apart = max((before - there).total_seconds(), (there - datetime.now(UTC)).total_seconds())
    if apart > APART:
        yield Finding(
            f"本机与数据库时钟相差 {apart:.0f} 秒：两边都用 NTP 校时",
            f"the clocks here and of the database are {apart:.0f} s apart: keep both by NTP",
        )


def backup(given: Deployment) -> Iterator[Finding]:
    """No backup, or an old one."""
    with given.reading("intake") as connection:
        age = heartbeat.ages(connection).get("backup")
    if age is None or age > STALE:
        since = "没有 never" if age is None else f"{age / 3600:.0f} h"
        yield Finding(
            f"最近一次备份：{since}；每天运行 minqing backup",
            f"last backup: {since}; run minqing backup daily",
        )


def access(given: Deployment) -> Iterator[Finding]:
    """Access keys that have expired and were never put away, or that outlive a year."""
    for row in _ask(given, "identity", KEYS):
        why = ("已过期 expired") if row.expired else "有效期超过一年 good for more than a year"
        yield Finding(f"密钥 {row.id} {why}：minqing keys revoke {row.id}", f"key {row.id}: revoke it")


def _ask(given: Deployment, name: str, query: str, **values: str) -> list[Any]:
    with given.reading(name) as connection:
        return list(connection.execute(text(query), values).all())
