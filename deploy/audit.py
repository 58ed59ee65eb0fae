"""Asks whether the pinned libraries have known flaws: a part of `make lint`.

A source of advisories that cannot be reached, or that has nothing to say, looks to pip-audit like one that
knows no flaw. So each is first asked about a library whose flaws are old and certain; only one that knows
them is believed. If there is none, that is said plainly, and stops nothing: whether there is a source is not
in the hands of a change. A flaw that is found does stop, and so does a library that could not be looked up.
PIP_AUDIT_OSV_URL names a mirror of OSV, for places without a way out.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LISTS = ("requirements.txt", "requirements-embedded.txt", "requirements-dev.txt")
SOURCES = ("osv", "pypi")
FLAWED = "jinja2==2.4.1"  # of 2010; sandbox escapes and more, published since
SECONDS = 600


def main() -> int:
    """Ask the first source that can be believed; the status that `make lint` goes by."""
    source = next(filter(believable, SOURCES), None)
    if source is None:
        say(
            "未检查依赖漏洞：无法连接任何漏洞公告来源 | known flaws NOT CHECKED: no advisory source reached "
            f"({', '.join(SOURCES)})"
        )
        return 0
    found = [line for name in LISTS for line in findings(audited(source, ROOT / name))]
    for line in found:
        say(line)
    say(f"依赖漏洞：{len(found)} | known flaws: {len(found)} ({source})")
    return 1 if found else 0


def believable(source: str) -> bool:
    """Whether a source knows the flaws of a library that has some."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "requirements.txt"
        asked.write_text(f"{FLAWED}\n")
        return any(each.get("vulns") for each in audited(source, asked, "--no-deps"))


def audited(source: str, requirements: Path, *options: str) -> Sequence[dict[str, Any]]:
    """What a source says of each library in a list; nothing, if it did not answer."""
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off", "--disable-pip"]
    command += ["--vulnerability-service", source, "--requirement", str(requirements), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if "No module named pip_audit" in done.stderr:
        raise ModuleNotFoundError(done.stderr)
    try:
        answer: Sequence[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return [{"name": requirements.name, "skip_reason": done.stderr.strip().rpartition("\n")[2]}]
    return answer


def findings(answer: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each flaw, and for each library that was not looked up."""
    lines = []
    for each in answer:
        if "skip_reason" in each:
            lines.append(f"{each['name']}: {each['skip_reason']}")
        for flaw in each.get("vulns", ()):
            cure = ", ".join(flaw["fix_versions"]) or "?"
            lines.append(f"{each['name']} {each['version']}: {flaw['id']}, 修复于 mended in {cure}")
    return lines


def say(line: str) -> None:
    """Tell the person who watches."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
