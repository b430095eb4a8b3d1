"""Whoever was woken looks again soon, until something is there, and not for ever."""

from chassis.postgres.horizon import PAUSES, look_soon


class Looks:
    """Answers one look after the other from a list; counts them."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)
        self.count = 0

    async def __call__(self) -> list[str]:
        self.count += 1
        return next(self._answers)


async def test_what_is_there_is_seen_at_the_first_look() -> None:
    looks = Looks(["row"])

    assert (["row"], 1) == (await look_soon(looks), looks.count)


async def test_what_an_older_transaction_hides_is_seen_when_it_is_gone() -> None:
    looks = Looks([], [], [], ["row"])

    assert (["row"], 4) == (await look_soon(looks), looks.count)


async def test_the_last_look_is_after_the_last_pause_and_may_be_empty() -> None:
    looks, last = Looks(*([[]] * (len(PAUSES) + 1))), Looks(*([[]] * len(PAUSES)), ["row"])

    assert ([], len(PAUSES) + 1) == (await look_soon(looks), looks.count)
    assert ["row"] == await look_soon(last)
