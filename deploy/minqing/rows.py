"""Files of grievances: CSV with a header (UTF-8 or GBK) or JSON Lines, row by row, as request bodies."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from deploy.minqing.trouble import Trouble
from shared import language

ENCODINGS = ("utf-8-sig", "gb18030")  # the second contains GBK, which spreadsheets write in China
JSON_LINES = (".jsonl", ".ndjson")
REASON = "import_error"  # the column that a file of failed rows has besides; ignored when it is imported
LONGEST_CELL = 1_000_000  # characters


@dataclass(frozen=True)
class Row:
    """One grievance of a file. `n` is its row as a spreadsheet counts, the header being 1, or its line."""

    n: int
    cells: Mapping[str, Any]


@dataclass(frozen=True)
class File:
    """A file read whole: its columns (none for JSON Lines), its rows, a digest of its bytes."""

    columns: Sequence[str]
    rows: Sequence[Row]
    digest: str


@dataclass(frozen=True)
class Plan:
    """Which column fills a field (field → column), and what a field is where the row leaves it empty.

    Fields of lists and of objects inside are reached with dots: `petitioners.0.name`.
    """

    columns: Mapping[str, str]
    defaults: Mapping[str, str]

    def body(self, row: Row) -> dict[str, Any]:
        """Return the request that a row makes, without empty cells. A time without a zone is Beijing's."""
        filled = {field: row.cells.get(column) for field, column in self.columns.items()}
        given = {field: value for field, value in filled.items() if value not in ("", None)}
        nested: dict[str, Any] = {}
        for field, value in {**self.defaults, **given}.items():
            _put(nested, field, _with_zone(value) if field.endswith("_at") else value)
        made: dict[str, Any] = _arranged(nested)
        return made


def read(file: Path) -> File:
    """Read a file. Refuses one that is neither UTF-8 nor GBK, or that has no usable header."""
    raw = file.read_bytes()
    text = _decoded(raw, file)
    json_lines = file.suffix.lower() in JSON_LINES
    columns = [] if json_lines else _header(text, file)
    rows = list(_objects(text, file) if json_lines else _records(text, columns, file))
    return File(columns, rows, hashlib.sha256(raw).hexdigest())


def plan(file: File, known: Sequence[str], chosen: Mapping[str, str], defaults: Mapping[str, str]) -> Plan:
    """Return which column fills which field: as `chosen` (field → column), else the one of its name.

    Refuses fields that are not `known`, and columns that are not there or, when nothing is chosen, no fields.
    """
    columns = list(file.columns) or sorted({column for row in file.rows for column in row.cells})
    sources = chosen or {column: column for column in columns if column != REASON}
    for field in [*sources, *defaults]:
        if field.partition(".")[0] not in known:
            raise Trouble(
                f"“{field}”不是诉求的字段。请用 --columns 字段=列名 指明各列；字段有：{', '.join(known)}",
                f"{field} is no field of a grievance. Name the columns with --columns field=column; "
                f"the fields are {', '.join(known)}",
            )
    for column in sources.values():
        if column not in columns:
            raise Trouble(f"文件中没有列“{column}”", f"The file has no column {column}: {', '.join(columns)}")
    return Plan(sources, defaults)


def write_failed(file: Path, columns: Sequence[str], failed: Sequence[tuple[Row, str]]) -> Path:
    """Write the failed rows beside `file`, in its own format, to be mended and imported."""
    if not columns:
        target = file.with_name(f"{file.stem}.errors.jsonl")
        lines = (json.dumps({**row.cells, REASON: why}, ensure_ascii=False) for row, why in failed)
        target.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return target
    target = file.with_name(f"{file.stem}.errors.csv")
    with target.open("w", encoding="utf-8-sig", newline="") as out:  # with the mark that spreadsheets need
        writer = csv.DictWriter(out, [*(c for c in columns if c != REASON), REASON])
        writer.writeheader()
        writer.writerows({**row.cells, REASON: why} for row, why in failed)
    return target


def _decoded(raw: bytes, file: Path) -> str:
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Trouble(f"{file} 既不是 UTF-8 也不是 GBK 编码", f"{file} is neither UTF-8 nor GBK")


def _header(text: str, file: Path) -> list[str]:
    csv.field_size_limit(LONGEST_CELL)
    columns = [name.strip() for name in next(csv.reader(io.StringIO(text)), [])]
    if not columns or len(set(columns)) < len(columns):
        raise Trouble(f"{file} 的首行须为互不相同的列名", f"The first row of {file} must be distinct names")
    return columns


def _records(text: str, columns: Sequence[str], file: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    next(reader)
    try:
        for n, cells in enumerate(reader, start=2):
            if len(cells) > len(columns):
                raise Trouble(
                    f"{file} 第 {n} 行的列数多于标题行", f"{file} row {n} has more cells than the header"
                )
            if any(cell.strip() for cell in cells):
                yield Row(n, dict(zip(columns, cells, strict=False)))
    except csv.Error as error:
        raise Trouble(
            f"{file} 第 {reader.line_num} 行无法读取", f"{file} line {reader.line_num}: {error}"
        ) from error


def _objects(text: str, file: Path) -> Iterator[Row]:
    for n, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield Row(n, _object(line, n, file))


def _object(line: str, n: int, file: Path) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Trouble(f"{file} 第 {n} 行不是 JSON 对象", f"{file} line {n} is no JSON object")
    return value


def _with_zone(value: Any) -> Any:
    """Return a time with its zone; what is no time is left for the service to refuse."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=language.ZONE)).isoformat()


def _put(nested: dict[str, Any], path: str, value: Any) -> None:
    first, _, rest = path.partition(".")
    if rest:
        _put(nested.setdefault(first, {}), rest, value)
    else:
        nested[first] = value


def _arranged(value: Any) -> Any:
    """Turn objects whose names are all numbers into the lists they mean."""
    if not isinstance(value, dict):
        return value
    inner = {name: _arranged(part) for name, part in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
