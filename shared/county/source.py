"""One YAML file as plain values that remember their lines.

Every scalar stays text and the schema says what it means, so `off`, `012` or `2026-01-01` cannot turn
into something else on the way, as they would by YAML's own rules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shared.county.flaws import Flaw

Key = tuple[str | int, ...]
# The parser written in C is ten times as fast, where PyYAML was built with it.
LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
TAB = re.compile(r"^ *\t", re.MULTILINE)


@dataclass
class Source:
    """A file: its bytes, its data (None if it cannot be read), the line of each key, and what is wrong."""

    name: str
    content: bytes = b""
    data: Any = None
    lines: dict[Key, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def blame(self, key: Key, zh: str, en: str) -> None:
        """Note a flaw at `key`; what is missing is blamed on the line of what should have held it."""
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.lines), ())
        self.blame_line(self.lines.get(known, 1), zh, en, ".".join(map(str, key)))

    def blame_line(self, line: int, zh: str, en: str, at: str = "") -> None:
        """Note a flaw on a line."""
        self.flaws.append(Flaw(self.name, line, at, zh, en))


def read(path: Path) -> Source:
    """Read a file. Never raises: what cannot be read is among the flaws."""
    source = Source(path.name)
    try:
        source.content = path.read_bytes()
        _parse(source, source.content.decode("utf-8-sig"))
    except OSError as error:
        zh, en = f"读不到这个文件（{error.strerror}），请补上", f"cannot be read ({error.strerror}); add it"
        source.blame_line(1, zh, en)
    except UnicodeDecodeError as error:
        line = source.content.count(b"\n", 0, error.start) + 1
        source.blame_line(line, "不是 UTF-8 编码，请另存为 UTF-8", "is not UTF-8; save it as UTF-8")
    except yaml.YAMLError as error:
        line, reason = _line_of(error, source), _reason(error)
        source.blame_line(line, f"YAML 语法有误，请改正：{reason}", f"is not YAML; correct it: {reason}")
    return source


def find(data: Any, *pattern: str | int) -> Iterator[tuple[Key, Any]]:
    """Every value that `pattern` leads to, with its key; `*` stands for each item of a list.

    What has another shape than the pattern expects leads nowhere: the schema has blamed it already.
    """
    if not pattern:
        yield (), data
        return
    head, *rest = pattern
    for step, value in _steps(data, head):
        yield from (((step, *key), found) for key, found in find(value, *rest))


def _steps(data: Any, head: str | int) -> list[tuple[str | int, Any]]:
    if head == "*":
        return list(enumerate(data)) if isinstance(data, list) else []
    return [(head, data[head])] if isinstance(data, dict) and head in data else []


def _parse(source: Source, text: str) -> None:
    if tab := TAB.search(text):
        line = text.count("\n", 0, tab.end()) + 1
        source.blame_line(line, "缩进用了制表符，请改用空格", "is indented by a tab; use spaces")
        return
    node = LOADER(text).get_single_node()
    source.data = _Plain(source).value(node, ()) if node else None
    if not source.data:
        source.blame_line(1, "文件是空的，请填写", "the file is empty; fill it in")


class _Plain:
    """Turns nodes into lists, dicts and text, noting lines, repeated keys and aliases on the way."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, key: Key) -> Any:
        """The node's value. An alias is a node seen before, and may hold itself without end."""
        if id(node) in self.seen:
            self.source.blame(key, "不支持引用（*），请写全", "aliases (*) are not supported; write it out")
            return None
        self.seen.add(id(node))
        self.source.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*key, n)) for n, item in enumerate(node.value)]
        return node.value

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, item in node.value:
            line = name.start_mark.line + 1
            if str(name.value) in values:
                zh, en = "同一处写了两次，请留下一个", "is given twice; keep one"
                self.source.blame_line(line, zh, en, ".".join(map(str, (*key, name.value))))
            self.source.lines.setdefault((*key, str(name.value)), line)
            values[str(name.value)] = self.value(item, (*key, str(name.value)))
        return values


def _line_of(error: yaml.YAMLError, source: Source) -> int:
    if isinstance(error, yaml.reader.ReaderError):
        return source.content.count(b"\n", 0, error.position) + 1
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _reason(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
