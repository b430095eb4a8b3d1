"""Whatever is sent to intake is answered with what is wrong about it, never with an error of ours."""

import httpx

from tests.hostile import fuzzed
from tests.intake.conftest import Intake


async def test_no_value_in_any_place_is_an_error_of_ours(intake: Intake) -> None:
    async with httpx.AsyncClient(base_url=intake.url, timeout=30) as http:
        answers = [answer async for answer in fuzzed(http, [intake.keys["app"], intake.keys["platform"]])]
    wrong = [answer for answer in answers if answer.status >= 500]

    assert len(answers) > 500
    assert [] == wrong[:20]
