"""Whatever is sent to the router is answered with what is wrong about it, never with an error of ours."""

import asyncio

from fastapi.routing import APIRoute

from chassis.http.direct import plain_calls
from chassis.http.health import Health
from chassis.kafka.producer import broker_of
from services.router.act import Door
from services.router.app import application
from tests.hostile import fuzzed
from tests.router.http import CENTRE, DRAINS, Caller


async def test_no_value_in_any_place_is_an_error_of_ours(call: Caller) -> None:
    answers = [answer async for answer in fuzzed(call.http, [CENTRE, DRAINS])]
    wrong = [answer for answer in answers if answer.status >= 500]

    assert len(answers) > 2000
    assert [] == wrong[:20]


async def test_every_call_is_answered_the_short_way(door: Door) -> None:
    app = application(door, broker_of("localhost:1", "test"), Health(asyncio.Event()))
    plain = {route.path for _, route in plain_calls(app)}

    assert set() == {route.path for route in app.routes if isinstance(route, APIRoute)} - plain
