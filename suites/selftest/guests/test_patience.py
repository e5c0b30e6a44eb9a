"""How long a guest is waited for: a hang is confirmed with all the time there is."""

from dirmeta.labs.guest.patience import JOB_TIMEOUT, SHORT, Patience


def test_a_hang_is_believed_sooner_only_once_it_has_come_again() -> None:
    patience = Patience()
    waited = []
    for _ in range(4):
        waited.append(patience.seconds)
        patience.hung()
    assert waited == [JOB_TIMEOUT, JOB_TIMEOUT, SHORT, SHORT]


def test_an_answer_gives_all_the_patience_back() -> None:
    patience = Patience()
    patience.hung()
    patience.hung()
    patience.answered()
    assert patience.seconds == JOB_TIMEOUT
