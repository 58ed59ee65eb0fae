"""What can be wrong with a county's files: each flaw with its file, its line and its cure. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Flaw:
    """One thing that is wrong: `field` is a path such as `3.name.zh`, empty for the file as a whole."""

    file: str
    line: int
    field: str
    zh: str
    en: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return (
            f"{where}{self.field}: {self.zh} / {self.en}" if self.field else f"{where}{self.zh} / {self.en}"
        )


class CountyError(Exception):
    """The county's files cannot be used; `flaws` are all that is wrong with them, by file and line."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        self.flaws = tuple(sorted(flaws))
        super().__init__(f"县情目录有误 / The county directory has {len(self.flaws)} flaw(s)")

    def __str__(self) -> str:
        return "\n".join([self.args[0], *(str(flaw) for flaw in self.flaws)])
