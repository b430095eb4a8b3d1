"""Seeded lives of cases, made by the kernel alone: what it is timed on, and what the ledgers are filled with."""

import base64
import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from schemas.events import Place
from schemas.ids import case_id_of, report_id_of
from services.router.case import Case, CaseEvent
from services.router.case_number import case_number
from services.router.city import City, read_city
from services.router.commands import Accept, Command, Dispute, Extend, Handle, Join, Open, Rate, Return, Ring, Suspend
from services.router.commands_of_centre import Approve, Dispatch, Escalate, File
from services.router.decide import decide
from services.router.evolve import evolve
from services.router.media import sha256_of
from services.router.timers import next_timers
from stack.prepare import ROOT

CITY_PATH = ROOT / "cities/taiyuan"
TUESDAY_1000 = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
"""Ten o'clock in the city, on a working day: the hour of every measurement."""
CENTRE = "centre:bench"
HEAVIEST = 0.25
"""The share of the category that is reported most; the others share the rest, the k-th in proportion to 1/k."""
MARKED = (112.515151, 37.848484)
"""Where every seeded case lies; the ledgers move them apart."""

Step = tuple[Command, datetime]
Commanded = Callable[["Life"], None]


@dataclass
class Life:
    """A case from its report on: what was asked of it and when, what became of it, and how often the answer was no."""

    number: int
    category: str
    district: str
    at: datetime
    city: City
    case: Case | None = None
    steps: list[Step] = field(default_factory=list)
    events: list[CaseEvent] = field(default_factory=list)
    refused: int = 0

    def ask(self, command: Command, at: datetime | None = None) -> None:
        """Three minutes after what was before, if no instant is given."""
        self.at = at or self.at + timedelta(minutes=3)
        self.steps.append((command, self.at))
        answer = decide(self.case, command, self.at, self.city)
        if not isinstance(answer, tuple):
            self.refused += 1
            return
        for event in answer:
            self.case = evolve(self.case, event)
            self.events.append(event)

    @property
    def now(self) -> Case:
        assert self.case is not None
        return self.case

    @property
    def holder(self) -> dict[str, Any]:
        """Who acts for the platform that has the case, or had it last."""
        code = self.now.platform.code if self.now.platform else self.now.held_by[-1]
        return {"by": f"platform:{code}", "platform": code}

    def photo(self, which: str) -> str:
        """A receipt by its length and beginning."""
        digest = hashlib.sha256(f"{which} {self.number} {len(self.events)}".encode()).digest()
        return base64.urlsafe_b64encode(digest + digest[:28]).decode()


def _open(life: Life, category: str | None = "") -> None:
    lon, lat = MARKED
    place = Place(
        lon=lon, lat=lat, raw_lon=112.521397, raw_lat=37.849532, raw_system="GCJ-02", address="迎泽大街与新建路交叉口",
        district=life.district,
    )  # fmt: skip
    report_id = report_id_of("bench", str(life.number))
    media = (life.photo("report"),) if life.number % 2 else ()
    number = case_number(life.district, life.city.calendar.local_date(life.at), 1 + life.number % 50_000)
    chosen = life.category if category == "" else category
    text = f"第{life.number}号：路口东侧有人占道，来往行人只能走机动车道，很不安全"
    life.ask(Open(case_id_of(report_id), report_id, chosen, place, text, media, number), life.at)


def _open_unnamed(life: Life) -> None:
    _open(life, None)


def _file(life: Life) -> None:
    number = case_number(life.district, life.city.calendar.local_date(life.at), 1 + life.number % 50_000)
    life.ask(File(CENTRE, life.category, life.district, number, 0))


def _join(life: Life) -> None:
    report_id = report_id_of("bench", f"{life.number} {len(life.events)}")
    life.ask(Join(report_id, "我也看到了，请尽快处理", (), f"report:{report_id}", life.category, life.now.place))


def _accept(life: Life) -> None:
    life.ask(Accept(**life.holder, generation=life.now.generation))


def _return(life: Life) -> None:
    life.ask(Return(**life.holder, generation=life.now.generation, reason="not_ours", note="该处由其他单位管理"))
    if life.now.platform is None:
        life.ask(Dispatch(CENTRE, "P013", None, life.now.generation))


def _extend(life: Life) -> None:
    life.ask(Extend(**life.holder, generation=life.now.generation, reason="needs_a_part", note="配件三天后到"))


def _suspend(life: Life) -> None:
    until = life.at + timedelta(days=20)
    life.ask(
        Suspend(**life.holder, generation=life.now.generation, reason="season", note="待开春后施工", until=until)
    )  # fmt: skip


def _approve(life: Life) -> None:
    requested = life.now.requested
    assert requested is not None
    life.ask(Approve(CENTRE, requested.request, life.now.generation))


def _ring(life: Life) -> None:
    """The timer that is due first, at its instant."""
    timer = min(next_timers(life.now, life.city), key=lambda t: t.at)
    life.ask(Ring(timer.generation, timer.stage, timer.step), max(timer.at, life.at))


def _escalate(life: Life) -> None:
    life.ask(Escalate(CENTRE, "请尽快处置", life.now.generation))


def _handle(life: Life) -> None:
    photo = life.photo("handling")
    text = f"第{life.number}号已清理并恢复原状，已向当事人宣传" + "，并已复查" * life.now.reopened
    generation, digest = life.now.generation, sha256_of(photo)
    life.ask(Handle(**life.holder, generation=generation, text=text, media=(photo,), photos=(digest,)))


def _dispute(life: Life) -> None:
    life.ask(Dispute(life.now.reports[0], "还在原处，没有处理", f"report:{life.now.reports[0]}"))


def _rate(life: Life) -> None:
    life.ask(Rate(life.now.reports[0], 5, "处理得很快", f"report:{life.now.reports[0]}"))


COMMANDED: Mapping[str, Commanded] = {
    "open": _open, "open_unnamed": _open_unnamed, "file": _file, "join": _join, "accept": _accept, "return": _return,
    "extend": _extend, "suspend": _suspend, "approve": _approve, "ring": _ring, "escalate": _escalate,
    "handle": _handle, "dispute": _dispute, "rate": _rate,
}  # fmt: skip
WAYS: Mapping[str, int] = {
    "open accept handle": 40,
    "open accept handle rate": 10,
    "open join accept join handle": 10,
    "open return accept handle": 8,
    "open return return return accept handle": 2,
    "open accept extend approve handle": 8,
    "open accept suspend approve ring handle": 4,
    "open ring accept ring ring escalate handle": 6,
    "open accept accept handle": 4,  # the second is refused
    "open accept handle dispute accept handle": 4,
    "open_unnamed file accept handle": 4,
}
"""What is asked of a case, in order, and how many of a hundred cases go this way."""


@lru_cache(1)
def city() -> City:
    """The real pack."""
    return read_city(CITY_PATH)


def life(number: int, at: datetime, chance: random.Random, most: int | None = None) -> Life:
    """One life, reported at `at`; with `most`, only its first so many commands."""
    found = Life(number, chosen_category(chance), chance.choice(districts()), at, city())
    (way,) = chance.choices(list(WAYS), list(WAYS.values()))
    for name in way.split()[:most]:
        COMMANDED[name](found)
    return found


def chosen_category(chance: random.Random) -> str:
    """One of the pack's categories, by the shares of `HEAVIEST`."""
    first, *others = _categories()
    if chance.random() < HEAVIEST:
        return first
    return chance.choices(others, [1 / k for k in range(1, len(others) + 1)])[0]


@lru_cache(1)
def districts() -> tuple[str, ...]:
    """Those that have a platform of their own."""
    return tuple(city().rules.platform_of_district)


@lru_cache(1)
def _categories() -> tuple[str, ...]:
    """All categories in a seeded order, a street trader's first."""
    others = sorted(set(city().clocks) - {"E0401"})
    random.Random(401).shuffle(others)
    return ("E0401", *others)
