"""Where the servers of one suite keep their files."""

from dataclasses import dataclass
from pathlib import Path

from deploy.minqing import account
from deploy.minqing.trouble import Say, Trouble


@dataclass(frozen=True)
class Place:
    """The folder of the servers' own files (`home`), their logs, and how to tell the person about them.

    `durable` False is for tests: what a power cut would lose is of no interest to them.
    """

    home: Path
    logs: Path
    say: Say
    durable: bool = True


def make(data: Path, say: Say, *, durable: bool) -> Place:
    """Return the place of the servers of `data`, its folders made."""
    make_folder(data)
    return Place(account.home(data), data / "logs", say, durable)


def make_folder(data: Path) -> None:
    """Make a suite's folder; its logs are for the owner alone. Refuses one that we may not write to."""
    try:
        (data / "logs").mkdir(parents=True, exist_ok=True)
        (data / "logs").chmod(0o700)
        (data / "writable").touch()
        (data / "writable").unlink()
    except OSError as error:
        raise Trouble(
            f"无法写入数据目录 {data}（{error.strerror}）。请换一个：minqing up --data 目录",
            f"The data folder {data} cannot be written to ({error.strerror}). Choose another: --data DIR",
        ) from error
