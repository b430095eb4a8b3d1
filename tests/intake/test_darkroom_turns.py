"""Whose photo is decoded next: one of each app in turn, small ones beside large ones, within bounds."""

import asyncio
from contextlib import suppress

import pytest

from services.intake.darkroom_turns import MOST_BYTES_OF_ONE, MOST_BYTES_WAITING, MOST_WAITING, Crowded, Full, Turns

SMALL, LARGE = True, False


class Sender:
    """Takes turns for photos and says in which order they came to be in hand; each goes on when it is told."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.order: list[str] = []
        self.going_on: dict[str, asyncio.Event] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, name: str, small: bool, size: int = 1000) -> asyncio.Task[None]:
        """The app is the first letter of the name."""
        self.going_on[name] = asyncio.Event()
        self.tasks.append(asyncio.create_task(self._one(name, small, size)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return self.tasks[-1]

    async def end(self, name: str) -> None:
        self.going_on[name].set()
        for _ in range(5):
            await asyncio.sleep(0)

    async def _one(self, name: str, small: bool, size: int) -> None:
        async with self.turns.turn(name[0], small, size):
            self.order.append(name)
            await self.going_on[name].wait()

    async def end_all(self) -> list[str]:
        while len(self.order) < len(self.tasks):
            for name in list(self.order):
                await self.end(name)
        return self.order


async def test_apps_take_turns_whatever_one_of_them_has_sent_before() -> None:
    sender = Sender()
    for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
        await sender.send(name, LARGE)

    assert ["a1", "a2", "b1", "c1", "a3", "b2", "a4"] == await sender.end_all()


async def test_a_small_photo_never_waits_for_large_ones() -> None:
    sender = Sender()
    for name in ("a1", "a2", "a3"):
        await sender.send(name, LARGE)
    await sender.send("b1", SMALL)

    assert ["a1", "b1"] == sender.order
    await sender.end("b1")
    await sender.send("a4", SMALL)
    assert ["a1", "b1", "a4"] == sender.order


async def test_one_large_photo_is_in_hand_at_a_time() -> None:
    sender = Sender()
    for name in ("a1", "b1", "c1"):
        await sender.send(name, LARGE)

    assert ["a1"] == sender.order
    await sender.end("a1")
    assert ["a1", "b1"] == sender.order


async def test_two_small_photos_are_in_hand_at_a_time() -> None:
    sender = Sender()
    for name in ("a1", "a2", "a3"):
        await sender.send(name, SMALL)

    assert ["a1", "a2"] == sender.order


async def test_an_app_that_has_too_much_waiting_is_told_so_and_others_are_not() -> None:
    sender = Sender()
    for n in range(MOST_WAITING + 1):
        await sender.send(f"a{n}", LARGE)
    refused = await sender.send("a-more", LARGE)
    other = await sender.send("b", LARGE)

    with pytest.raises(Crowded):
        await refused
    assert not other.done()


async def test_what_waits_of_one_app_takes_a_bounded_part_of_the_memory() -> None:
    sender = Sender()
    await sender.send("a1", LARGE, MOST_BYTES_OF_ONE)
    await sender.send("a2", LARGE, MOST_BYTES_OF_ONE)
    refused = await sender.send("a3", LARGE, 1)
    other = await sender.send("b1", LARGE, MOST_BYTES_OF_ONE)

    with pytest.raises(Crowded):
        await refused
    assert not other.done()


async def test_what_waits_takes_a_bounded_part_of_the_memory() -> None:
    sender = Sender()
    await sender.send("a1", LARGE)
    await sender.send("b1", LARGE, MOST_BYTES_WAITING)
    refused = await sender.send("c1", LARGE, 1)
    with pytest.raises(Full):
        await refused
    await sender.end("a1")  # b1 is in hand and waits no longer
    last = await sender.send("d1", LARGE, MOST_BYTES_WAITING)

    assert not last.done()


@pytest.mark.parametrize("in_hand", [True, False])
async def test_who_goes_away_leaves_no_place_taken(in_hand: bool) -> None:
    sender = Sender()
    first = await sender.send("a1", LARGE)
    second = await sender.send("b1", LARGE)
    third = await sender.send("c1", LARGE)
    gone = first if in_hand else second
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    await sender.end("a1")
    await sender.end("b1")

    assert "c1" in sender.order
    await sender.end("c1")
    assert third.done()


async def test_who_goes_away_at_the_moment_of_his_turn_gives_it_back() -> None:
    sender = Sender()
    await sender.send("a1", LARGE)
    second = await sender.send("b1", LARGE)
    await sender.send("c1", LARGE)
    sender.going_on["a1"].set()
    await asyncio.sleep(0)
    second.cancel()
    for _ in range(5):
        await asyncio.sleep(0)

    assert "c1" in sender.order or "b1" in sender.order
    await sender.send("d1", LARGE)
    assert 4 == len(sender.tasks)
    await sender.end("c1")
    assert "d1" in sender.order
