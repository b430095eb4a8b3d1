"""The kernel alone: seeded commands decided and evolved, beside making and writing the same events as JSON."""

import gc
import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from services.router.case import Case, CaseEvent
from services.router.city import City
from services.router.decide import decide
from services.router.evolve import evolve
from tests.bench.seeded import TUESDAY_1000, Step, city, life

ROUNDS, LIVES = 9, 1_000

Made = tuple[type[CaseEvent], dict[str, Any]]


def measure() -> tuple[list[float], list[float]]:
    """Commands a second by round: decided and evolved; and if all that they cost were their events.

    The other side constructs (and so validates) every event that the commands lead to and writes it as JSON, which no
    router that keeps and publishes them is spared.
    """
    lives = [life(n, TUESDAY_1000 + timedelta(minutes=n % 240), random.Random(n)) for n in range(LIVES)]
    scripts = [each.steps for each in lives]
    made: list[Made] = [
        (type(event), {name: getattr(event, name) for name in type(event).model_fields})
        for each in lives
        for event in each.events
    ]
    commands = sum(len(script) for script in scripts)
    gc.collect()
    gc.freeze()  # as a service does when it has started
    ours, other = [], []
    for n in range(ROUNDS + 1):
        decided = commands / _seconds(lambda: _decide(scripts, city()))
        written = commands / _seconds(lambda: _write(made))
        if n:  # the first round warms both up
            ours.append(decided)
            other.append(written)
    gc.unfreeze()
    return ours, other


def _seconds(what: Callable[[], None]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def _decide(scripts: Sequence[Sequence[Step]], pack: City) -> None:
    for script in scripts:
        case: Case | None = None
        for command, at in script:
            answer = decide(case, command, at, pack)
            if isinstance(answer, tuple):
                for event in answer:
                    case = evolve(case, event)


def _write(made: Sequence[Made]) -> None:
    for kind, fields in made:
        kind(**fields).model_dump_json().encode()
