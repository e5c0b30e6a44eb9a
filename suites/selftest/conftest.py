"""What all tests of the suite itself count on."""

import signal

import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_taken() -> None:
    """A shell that starts tests in the background has them ignore Ctrl-C, and so what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
