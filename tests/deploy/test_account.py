import os
import shutil
import tempfile
from pathlib import Path

import pytest

from deploy.minqing import account, servers
from deploy.minqing.trouble import silence

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")


@root_only
def test_roots_private_data_is_kept_where_the_servers_reach_it_and_deleted_with_the_rest(data, monkeypatch):
    outside = Path(tempfile.mkdtemp(prefix="minqing-"))
    outside.chmod(0o711)
    monkeypatch.setattr(account, "OUTSIDE", outside)
    data.chmod(0o700)
    folder = data / "suite"
    servers.start(folder, durable=False, say=silence, environ={}).stop()
    assert (folder / "servers").resolve().parent == outside
    moved = folder.rename(data / "moved")
    assert account.home(moved).parent == outside
    servers.delete(moved)
    assert not moved.exists()
    assert not list(outside.iterdir())
    shutil.rmtree(outside)


@root_only
def test_programs_in_a_private_folder_are_copied_once(data, monkeypatch):
    private = data / "private"
    (private / "install").mkdir(parents=True, mode=0o700)
    private.chmod(0o700)
    (private / "install/program").write_text("first")
    copy = account.bring(private / "install", data)
    assert (copy / "program").read_text() == "first"
    (copy / "program").write_text("kept")
    assert account.bring(private / "install", data) == copy
    assert (copy / "program").read_text() == "kept"


def test_programs_that_can_be_reached_stay_where_they_are(data):
    assert account.bring(Path("/usr/bin"), data) == Path("/usr/bin")
