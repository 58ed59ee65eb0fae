"""`minqing import`: registers the grievances of a file through intake's API."""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
from marshmallow import ValidationError

from deploy.minqing import options, rows, suite
from deploy.minqing.options import Target
from deploy.minqing.rows import Row
from deploy.minqing.trouble import Say, Trouble, plain, say
from services.intake import domain, schemas
from shared import county, problems
from shared.problems import Fault
from shared.web import answers

CONNECTIONS = 4  # requests at a time
CHUNK = 200  # rows between two lines of progress
PAUSES = (0.5, 1, 2, 4, 8, 16, 30)  # seconds to wait for a service that is away or cannot take more
AGAIN = (409, 429, 502, 503, 504)
BULK = {"Priority": "u=7"}  # RFC 9218, the lowest urgency: single grievances go first
FIELDS = tuple(schemas.NewGrievance().fields)

Faults = Sequence[Fault]
Failed = list[tuple[Row, Faults]]


@click.command("import")
@options.target
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--columns", multiple=True, metavar="FIELD=COLUMN,…", help="各字段所在的列 | which column fills a field"
)
@click.option(
    "--set", "defaults", multiple=True, metavar="FIELD=VALUE,…", help="空缺时的值 | for what is left empty"
)
@click.option("--dry-run", is_flag=True, help="只检查，不登记 | check only, register nothing")
def import_(
    file: Path, columns: tuple[str, ...], defaults: tuple[str, ...], target: Target, *, dry_run: bool
) -> None:
    """批量登记 CSV 或 JSON Lines 文件 | register the grievances of a CSV or JSON Lines file.

    中断后再次运行即可继续，不会重复登记。 | After a break run it again: it goes on, and doubles nothing.
    """
    table = rows.read(file)
    plan = rows.plan(table, FIELDS, _pairs(columns), _pairs(defaults))
    if dry_run:
        failed = run(table.rows, checker(plan), say)
    else:
        with target.client() as client:
            failed = run(table.rows, registrar(client, plan, table.digest), say)
    if failed:
        raise _failure(file, table, plan, failed)


def registrar(client: httpx.Client, plan: rows.Plan, digest: str) -> Callable[[Row], Faults]:
    """Return what registers a row. The same row of the same file always has the same Idempotency-Key."""

    def register(row: Row) -> Faults:
        key = hashlib.sha256(f"{digest}:{row.n}".encode()).hexdigest()
        return _faults(_post(client, plan.body(row), key))

    return register


def checker(plan: rows.Plan) -> Callable[[Row], Faults]:
    """Return what checks a row as intake would, for a dry run."""
    directory = county.load(suite.county_folder())
    schema = schemas.NewGrievance()

    def check(row: Row) -> Faults:
        try:
            domain.register(schema.load(plan.body(row)), "", directory, "", datetime.now(UTC))
        except ValidationError as error:
            return list(answers.faults(error.messages))
        except problems.Invalid as error:
            return error.faults
        return ()

    return check


def run(given: Sequence[Row], register: Callable[[Row], Faults], say: Say) -> Failed:
    """Register rows, a few at a time, and say how far it is. Returns those that failed, with their faults."""
    failed: Failed = []
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for start in range(0, len(given), CHUNK):
            chunk = given[start : start + CHUNK]
            outcomes = zip(chunk, pool.map(register, chunk), strict=True)
            failed += [(row, faults) for row, faults in outcomes if faults]
            done = start + len(chunk)
            say(
                f"已处理 {done}/{len(given)}，失败 {len(failed)}",
                f"{done} of {len(given)}, {len(failed)} failed",
            )
    return failed


def _post(client: httpx.Client, body: dict[str, Any], key: str) -> httpx.Response:
    """Post one grievance; wait and try again while it is not taken, which the key makes safe."""
    for pause in PAUSES:
        answer = _try(client, body, key)
        if answer is not None and answer.status_code not in AGAIN:
            return answer
        time.sleep(max(pause, _told(answer)))
    why = "connection" if answer is None else f"HTTP {answer.status_code}"
    raise Trouble(
        f"{client.base_url} 一直无法受理（{why}），导入已中断；恢复后再次运行即可继续",
        f"{client.base_url} takes nothing ({why}). The import has stopped; run it again and it goes on.",
    )


def _try(client: httpx.Client, body: dict[str, Any], key: str) -> httpx.Response | None:
    """Post once; None if there was no answer."""
    try:
        return client.post("/v1/grievances", json=body, headers=BULK | {"Idempotency-Key": key})
    except httpx.TransportError:
        return None


def _told(answer: httpx.Response | None) -> float:
    """Return how many seconds the service asks us to wait; 0 if it says nothing."""
    given = "" if answer is None else answer.headers.get("Retry-After", "")
    return float(given) if given.isdecimal() else 0.0


def _faults(answer: httpx.Response) -> Faults:
    if answer.status_code == 201:
        return ()
    if answer.status_code == 401:
        raise Trouble("密钥无效、已过期或已吊销", "The key is wrong, expired or revoked")
    said = answer.json()
    errors = said["errors"] or [{"field": "", "reason": said["detail"], "reason_en": said["detail_en"]}]
    return [Fault(error["field"], error["reason"], error["reason_en"]) for error in errors]


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """Read `a=b,c=d`, given once or several times."""
    pairs = [pair.partition("=") for part in given for pair in part.split(",") if pair.strip()]
    for name, sign, _ in pairs:
        if not sign:
            raise Trouble(f"“{name}”应写成 名称=值", f"{name} should read NAME=VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _failure(file: Path, table: rows.File, plan: rows.Plan, failed: Failed) -> Trouble:
    """Name every failed row, column and reason, and write the rows to be mended."""
    reasons = []
    for row, faults in failed:
        words = [f"{plan.columns.get(fault.field, fault.field)}: {fault.zh} / {fault.en}" for fault in faults]
        reasons.append((row, "; ".join(words)))
        click.echo(plain("\n".join(f"第 {row.n} 行 row {row.n}  {each}" for each in words)), err=True)
    target = rows.write_failed(file, table.columns, reasons)
    return Trouble(
        f"{len(failed)} 行未登记，已写入 {target}；改正后单独导入该文件即可",
        f"{len(failed)} rows were not registered; they are in {target}, to be mended and imported by itself",
    )
