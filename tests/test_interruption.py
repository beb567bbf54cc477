"""A signal ends what runs, or waits for the next checkpoint; ranks decide together."""

import contextlib
import os
import signal
import time

import pytest

from romtool import interruption
from romtool.errors import StoppedError
from romtool.interruption import deferred, is_asked, listening, stop_if_asked
from romtool.io.atomic import output_folder
from romtool.linalg.reduction import SerialComm

ALONE = SerialComm()


class OtherRank(SerialComm):
    """Two ranks, of which the other one got a signal."""

    size = 2

    def allgather(self, sendobj):
        """Return what both say."""
        return [sendobj, True]


def write_half(folder, number):
    """Write half of something, and be told to stop."""
    with output_folder(folder) as temporary:
        (temporary / "half").write_text("half")
        os.kill(os.getpid(), number)
        raise AssertionError("the body must not go on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_without_checkpoints_a_signal_ends_the_command_and_leaves_nothing(tmp_path, number):
    words = f"stopped by {number.name}.*run the same command again"
    with listening(), pytest.raises(StoppedError, match=words) as caught:
        write_half(tmp_path / "model", number)
    assert caught.value.code == 75
    assert list(tmp_path.iterdir()) == []


def test_a_stop_that_a_callback_swallows_comes_again(monkeypatch):
    monkeypatch.setattr(interruption, "PERSISTENCE", 0.05)
    with listening():
        with contextlib.suppress(StoppedError):
            os.kill(os.getpid(), signal.SIGUSR1)
        with pytest.raises(StoppedError, match="stopped by SIGUSR1"):
            time.sleep(10.0)


def test_a_deferred_signal_waits_for_the_checkpoint():
    kept = []
    with listening(), deferred():
        stop_if_asked(ALONE, "nothing")
        os.kill(os.getpid(), signal.SIGTERM)
        assert is_asked(ALONE)
        with pytest.raises(StoppedError, match="stopped at a checkpoint, after step 3; run the same command again"):
            stop_if_asked(ALONE, "step 3", lambda: kept.append(3))
    assert kept == [3]


def test_a_signal_of_another_rank_stops_this_one():
    with pytest.raises(StoppedError):
        stop_if_asked(OtherRank(), "step 3")
    with listening():
        assert not is_asked(ALONE)


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with listening():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
