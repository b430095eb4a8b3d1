"""Whatever is sent to the notifier is answered with what is wrong about it, never with an error of ours."""

from tests.hostile import fuzzed
from tests.notifier.conftest import JINYANG, Notifier


async def test_no_value_in_any_place_is_an_error_of_ours(notifier: Notifier) -> None:
    answers = [answer async for answer in fuzzed(notifier.http, [JINYANG])]
    wrong = [answer for answer in answers if answer.status >= 500]

    assert len(answers) > 500
    assert [] == wrong[:20]
