"""Locks between processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from viewfinder.core.errors import OutputError, UsageError
from viewfinder.core.files import locked, locked_in_turn
from viewfinder.core.progress import Progress

HOLD = """
import sys
from pathlib import Path
from viewfinder.core.errors import UsageError
from viewfinder.core.files import locked
with locked(Path(sys.argv[1]), UsageError("taken")):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock until it is told a line, or killed."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
        other.kill()


def test_what_another_process_holds_is_refused_and_free_once_it_is_killed(tmp_path, holder):
    taken = UsageError("taken")
    with pytest.raises(UsageError) as refused, locked(tmp_path / "lock", taken):
        pytest.fail("both hold it")
    assert refused.value is taken
    holder.kill()
    holder.wait()
    with locked(tmp_path / "lock", taken):
        pass


def test_who_waits_in_turn_is_told_why(tmp_path, holder, capsys):
    class Told(Progress):
        def say(self, message, **_):
            print(message)
            holder.communicate("go on\n")

    with locked_in_turn(tmp_path / "lock", Told(), "Waiting for another."):
        assert holder.returncode == 0
    assert capsys.readouterr().out == "Waiting for another.\n"


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock", UsageError("taken")):
        raise ZeroDivisionError
    with locked(tmp_path / "lock", UsageError("taken")):
        pass


def test_a_folder_that_is_no_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "lock"
    with pytest.raises(OutputError, match="file"), locked(place, UsageError("taken")):
        pytest.fail("it cannot be held")
