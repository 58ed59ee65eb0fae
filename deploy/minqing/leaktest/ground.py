"""A suite of its own, made for one test and deleted after it: never one that holds anybody's data."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from deploy.minqing import clock, servers, status, suite
from deploy.minqing.program import Program
from deploy.minqing.servers import Servers
from deploy.minqing.suite import Suite
from deploy.minqing.trouble import silence
from shared import keyring, migrations

BASES = range(22000, 32000, 20)  # ports for the services lie above one of these
GIVEN = {
    "MINQING_WEB_WORKERS": "1",
    "MINQING_COUNTY": str(suite.COUNTY),  # the sample county, whatever is set
    "MINQING_RATE": "1000000",  # a walk asks faster than anybody, and what is refused for that shows nothing
    "MINQING_KEY_RATE": "1000000",
}

Alter = Callable[[Program], None]


@dataclass(frozen=True)
class Ground:
    """Servers, the plan of the services on them, and the services' programs by name, not all started yet."""

    data: Path
    running: Servers
    plan: Suite
    programs: Mapping[str, Program]

    def start(self, *names: str) -> None:
        """Start programs, and await the answer of those that have one."""
        for name in names:
            self.programs[name].start()
        for name in names:
            service, _, kind = name.partition("-")
            if kind == "api":
                self.programs[name].await_ready(partial(status.ready, self.plan.urls[service]))


@contextmanager
def begin(alter: Alter) -> Iterator[Ground]:
    """A suite on servers of its own that write to disk; `alter` may change a program before its start."""
    data = Path(tempfile.mkdtemp(prefix="minqing-leaktest-"))
    data.chmod(0o711)  # the servers' account must pass
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data)
        running = servers.start(data, durable=True, say=silence, environ={})  # never somebody's own servers
        stack.callback(running.stop)
        ground = _prepare(data, running)
        for program in ground.programs.values():
            alter(program)
            stack.callback(program.stop)
        yield ground


def _prepare(data: Path, running: Servers) -> Ground:
    """Databases with their tables, keys, and the services' programs."""
    running.create_databases()
    keyring.create(data / "secrets")
    plan = suite.plan(data, suite.free_base(BASES), running)
    plan = replace(plan, environments={name: {**given, **GIVEN} for name, given in plan.environments.items()})
    plan.save()
    clock.reset(suite.clock_file(data))
    for database, url in plan.database_urls().items():
        migrations.upgrade(database, url)
    return Ground(data, running, plan, {program.name: program for program in plan.programs()})
