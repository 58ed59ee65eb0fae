import pytest

from deploy.minqing import trouble
from deploy.minqing.trouble import Trouble


def test_what_others_wrote_does_not_act_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    trouble.say("列\x1b]0;x\x07", "column\x9b2J\tb")
    assert capsys.readouterr().out == "列\ufffd]0;x\ufffd | column\ufffd2J\tb\n"
    assert Trouble("一\x07\n二", "one").message == "一\ufffd\n二\none"
