from __future__ import annotations

import logging
import sys
import threading
import warnings

import pytest

from edgequant.host.hush import hushed


def test_this_threads_words_are_dropped_and_the_others_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def other() -> None:
        print("from another thread", file=sys.stderr)

    before = sys.stderr
    with hushed():
        print("of torch's", file=sys.stderr)
        warnings.warn("of torch's", stacklevel=1)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert sys.stderr is before
    print("afterwards", file=sys.stderr)
    assert capsys.readouterr().err == "from another thread\nafterwards\n"


def test_a_log_is_dropped_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    torch, users = logging.getLogger("torch.made_up"), logging.getLogger("users.own")
    handler = logging.StreamHandler(sys.stderr)
    torch.addHandler(handler)
    users.addHandler(handler)
    try:
        with hushed():
            torch.warning("of torch's")
            sys.stderr.flush()
        users.warning("of the user's")
        torch.warning("afterwards")
    finally:
        torch.removeHandler(handler)
        users.removeHandler(handler)
    assert "of torch's" not in (err := capsys.readouterr().err) and "of the user's" in err and "afterwards" in err
