"""What clients were told, line by line: the one witness that stands outside of the suite.

A try is two lines: `invoke`, on disk before anything is sent, and then what came of it: `ok`; `fail`, it
certainly changed nothing; or `info`, nobody knows. Tries of one operation have one `id`. A `note` says what
the checker has to know besides.
"""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REGISTER, ACCEPT, PROGRESS, EXPLAIN, ANSWER = "register", "accept", "progress", "explain", "answer"


class History:
    """A file that lines are added to by many threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", buffering=1)  # each line reaches the system before its request does
        self._lock = threading.Lock()

    def write(self, kind: str, **values: Any) -> None:
        """Add a line, with its time."""
        line = json.dumps({"t": time.time(), "kind": kind, **values}, ensure_ascii=False)
        with self._lock:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """No more lines."""
        self._file.close()


@dataclass
class Operation:
    """One thing that a client wanted, whatever it took: what was asked, and what was answered.

    `departments` are those that a registration is to reach, the lead first; of any other operation the
    one that acts. `digest` is the SHA-256 of its text. `numbers` are all that were given for a
    registration, and else the one that is acted on. `acknowledged` are the times of its `ok` lines.
    """

    id: str
    op: str
    place: int
    departments: tuple[str, ...] = ()
    digest: str = ""
    lead: bool = False
    numbers: list[str] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    unclear: bool = False

    def told(self, number: str | None, at: float) -> None:
        """It was acknowledged, with this number."""
        self.acknowledged.append(at)
        if number is not None and number not in self.numbers:
            self.numbers.append(number)


@dataclass(frozen=True)
class Account:
    """A history, read: operations in the order in which they began, times of answers, notes."""

    operations: Sequence[Operation]
    seconds: Mapping[str, Sequence[float]]
    notes: Sequence[Mapping[str, Any]]

    @property
    def acknowledged(self) -> int:
        """How many operations were promised to somebody."""
        return sum(bool(operation.acknowledged) for operation in self.operations)

    def rewound(self) -> list[tuple[float, float]]:
        """The spans of time that a restore took back."""
        return [(note["point"], note["at"]) for note in self.notes if note["what"] == "rewound"]


def read(lines: Iterable[str]) -> Account:
    """The account that the lines of a history give."""
    operations: dict[str, Operation] = {}
    seconds: dict[str, list[float]] = {}
    notes = []
    for place, line in enumerate(map(json.loads, lines)):
        if line["kind"] == "note":
            notes.append(line)
        elif line["kind"] == "invoke":
            operations.setdefault(line["id"], _asked(place, line))
        else:
            _answered(operations[line["id"]], line)
            seconds.setdefault(operations[line["id"]].op, []).extend(_took(line))
    return Account(list(operations.values()), seconds, notes)


def _asked(place: int, line: Mapping[str, Any]) -> Operation:
    number = line.get("number")
    return Operation(
        id=line["id"],
        op=line["op"],
        place=place,
        departments=tuple(line.get("departments", ())),
        digest=line.get("sha256", ""),
        lead=line.get("lead", False),
        numbers=[] if number is None else [number],
    )


def _answered(operation: Operation, line: Mapping[str, Any]) -> None:
    if line["kind"] == "ok":
        operation.told(line.get("number"), line["t"])
    operation.unclear |= line["kind"] == "info"


def _took(line: Mapping[str, Any]) -> Iterator[float]:
    if line.get("status", 0) > 0:
        yield line["seconds"]
