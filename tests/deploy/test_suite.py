import subprocess
import sys
from pathlib import Path

import pytest

from deploy.minqing import suite
from deploy.minqing.trouble import Trouble


def test_a_second_suite_on_the_same_data_is_refused(data):
    holding = (
        "import time; from pathlib import Path; from deploy.minqing import suite\n"
        f"with suite.lock(Path({str(data)!r})): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        assert suite.holder(data) == first.pid
        with pytest.raises(Trouble, match=f"process {first.pid}"), suite.lock(data):
            pass
        first.kill()
    assert suite.holder(data) is None


def test_the_lock_of_a_killed_suite_is_no_obstacle(data):
    (data / "lock").write_text("1")
    assert suite.holder(data) is None
    with suite.lock(data):
        assert suite.holder(data) is not None


def test_a_folder_without_a_suite_says_what_to_run(data):
    with pytest.raises(Trouble, match="Run minqing up first"):
        suite.find(data)


def test_a_suite_is_found_as_it_was_saved_and_by_its_owner_alone(data, running):
    planned = suite.plan(data, 8600, running)
    planned.save()
    assert suite.find(data) == planned
    assert (data / "suite.json").stat().st_mode & 0o777 == 0o600


def test_each_service_is_led_to_its_own_database_and_oversight_to_identity(data, running):
    urls = suite.plan(data, 8600, running).database_urls()
    assert {name: url.rpartition("/")[2] for name, url in urls.items()} == {n: n for n in urls}
    assert "//oversight:" in urls["identity"]


def test_a_services_worker_and_api_share_its_settings(data, running):
    programs = {program.name: program for program in suite.plan(data, 8600, running).programs()}
    assert sorted(programs) == sorted(
        f"{service}-{kind}" for service in ("intake", "routing", "oversight") for kind in ("api", "worker")
    )
    assert programs["routing-api"].env == programs["routing-worker"].env
    assert programs["routing-api"].env["MINQING_BIND"] == "127.0.0.1:8602"
    assert Path(programs["routing-api"].folder) == suite.ROOT
