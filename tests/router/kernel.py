"""What the kernel's tests share: a week without holidays, a case in every state, an example of every command."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, get_args

from schemas.events import Place
from services.router.case import Case, CaseEvent, State
from services.router.city import City
from services.router.commands import (
    Accept,
    Command,
    Dispute,
    Extend,
    Handle,
    Join,
    Open,
    PlatformAct,
    Rate,
    Refusal,
    Reschedule,
    Return,
    Ring,
    Supplement,
    Suspend,
)  # fmt: skip
from services.router.commands_of_centre import (
    Approve,
    Close,
    Correct,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Link,
    Refuse,
    Resume,
    Rework,
    Unlink,
    Void,
)  # fmt: skip
from services.router.decide import decide
from services.router.evolve import evolve
from services.router.timers import Timer, next_timers
from tests.router.conftest import CITY, SHANGHAI, TUESDAY_1000, derived

FRIDAY, SATURDAY, SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (
    datetime(2026, 11, day, tzinfo=SHANGHAI) for day in range(20, 27)
)
WEEK, DAY, HOUR, SECOND = timedelta(days=7), timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
STATES: tuple[State, ...] = get_args(State)
KINDS: tuple[type[Command], ...] = get_args(Command)
NUMBER = "1401062026112400001"
PLACE = Place(lon=112.55, lat=37.85, district="140106")
FIRST, SECOND_REPORT, STRANGER = derived("first"), derived("second"), derived("stranger")
URGENT, WORK_HOURS, WORK_DAY, NATURAL_DAYS = "C0102", "E0110", "E0103", "E0101"
"""Limits of 2 urgent_hour, 4 work_hour, 1 work_day and 2 natural_day."""
CENTRE = "centre:one"


def on(day: datetime, clock: str) -> datetime:
    """`on(FRIDAY, "17:00")`; 24:30 is half past midnight of the day after."""
    hours, minutes = clock.split(":")
    return day + timedelta(hours=int(hours), minutes=int(minutes))


def photo(content: str) -> str:
    """A receipt for a photo whose SHA-256 is `content`, two hex digits, repeated."""
    return base64.urlsafe_b64encode(bytes.fromhex(content * 32) + b"x" * 28).decode()


def opening(category: str | None = URGENT, *, name: str = "case", district: str | None = "140106", **more: Any) -> Open:
    """A report of `category` that becomes the case `name`."""
    given: dict[str, Any] = {
        "case_id": derived(name), "report_id": FIRST, "category": category, "text": "井盖缺失", "media": (),
        "place": PLACE.model_copy(update={"district": district}), "case_number": NUMBER,
    }  # fmt: skip
    return Open(**(given | more))


def by_platform(made: type[Any], generation: int = 1, platform: str = "P016", **more: Any) -> Any:
    """An act of the platform that has the case in the first generation."""
    return made(by=f"platform:{platform}", platform=platform, generation=generation, **more)


def returning(generation: int = 1, platform: str = "P016", reason: str = "not_ours") -> Return:
    made: Return = by_platform(Return, generation, platform, reason=reason, note="")
    return made


def handling(generation: int = 1, platform: str = "P016", **more: Any) -> Handle:
    """A handling in which nothing is suspicious."""
    given = {"text": "已处理", "media": (photo("cd"),), "photos": ("cd" * 32,)} | more
    made: Handle = by_platform(Handle, generation, platform, **given)
    return made


def asking_more(generation: int = 1, platform: str = "P016", reason: str = "needs_a_part") -> Extend:
    made: Extend = by_platform(Extend, generation, platform, reason=reason, note="三天到货")
    return made


def asking_pause(until: datetime, generation: int = 1, platform: str = "P016", reason: str = "season") -> Suspend:
    made: Suspend = by_platform(Suspend, generation, platform, reason=reason, note="", until=until)
    return made


COMMANDS: Mapping[type[Command], Any] = {
    Open: opening(),
    Join: Join(SECOND_REPORT, "也看到了", ()),
    Supplement: Supplement(FIRST, "洞更大了", (), f"report:{FIRST}"),
    Dispute: Dispute(FIRST, "还在", f"report:{FIRST}"),
    Rate: Rate(FIRST, 4, "", f"report:{FIRST}"),
    Accept: by_platform(Accept),
    Return: returning(),
    Extend: asking_more(),
    Suspend: asking_pause(TUESDAY_1000 + 48 * HOUR),
    Handle: handling(),
    Ring: Ring(1, "handle", "warning"),
    Reschedule: Reschedule(),
    File: File(CENTRE, URGENT, "140106", NUMBER),
    Decline: Decline(CENTRE, "not_true", ""),
    Dispatch: Dispatch(CENTRE, "P013"),
    Approve: Approve(CENTRE, "extension"),
    Refuse: Refuse(CENTRE, "extension", "请按期完成"),
    Resume: Resume(CENTRE),
    Close: Close(CENTRE, "好了"),
    Rework: Rework(CENTRE, "没修好"),
    Escalate: Escalate(CENTRE, "快"),
    Correct: Correct(CENTRE, "类别有误", category=WORK_HOURS),
    ForceClose: ForceClose(CENTRE, "cannot_be_done", ""),
    Void: Void(CENTRE, "test_entry", ""),
    Unlink: Unlink(CENTRE, SECOND_REPORT, derived("other"), "不是同一处"),
    Link: Link(CENTRE, derived("other"), "同一井盖", to_open=True),
}
"""One example of everything that can be asked; acts of a generation speak of the first."""


def decided(case: Case | None, command: Command, at: datetime, city: City = CITY) -> tuple[CaseEvent, ...]:
    """The events of a command that is not refused."""
    answer = decide(case, command, at, city)
    assert not isinstance(answer, Refusal), answer
    return answer


def refusal(case: Case | None, command: Command, at: datetime = TUESDAY_1000, city: City = CITY) -> str | None:
    """The reason of the refusal; None if it is none."""
    answer = decide(case, command, at, city)
    return answer.reason if isinstance(answer, Refusal) else None


def folded(events: Iterable[CaseEvent], case: Case | None = None) -> Case:
    """The case after these events."""
    for event in events:
        case = evolve(case, event)
    assert case is not None
    return case


def after(case: Case | None, command: Command, at: datetime = TUESDAY_1000, city: City = CITY) -> Case:
    """The case after a command that is not refused."""
    return folded(decided(case, command, at, city), case)


Steps = Iterable[tuple[datetime, Command]]


def told(steps: Steps, city: City = CITY) -> list[CaseEvent]:
    """The whole history of a case that begins with the first step."""
    case: Case | None = None
    events: list[CaseEvent] = []
    for at, command in steps:
        found = decided(case, command, at, city)
        case = folded(found, case)
        events += found
    return events


def walk(case: Case | None, steps: Steps, city: City = CITY) -> Case:
    """The case after all steps, none of which may be refused."""
    for at, command in steps:
        case = after(case, command, at, city)
    assert case is not None
    return case


def timers(case: Case, city: City = CITY) -> dict[str, Timer]:
    """The timers that stand for `case`, by stage."""
    return {timer.stage: timer for timer in next_timers(case, city)}


def holder(case: Case) -> str | None:
    return case.platform.code if case.platform else None


def seen(case: Case, names: Iterable[str]) -> dict[str, Any]:
    """Some of the case's fields, the platform by its code."""
    return {name: holder(case) if name == "platform" else getattr(case, name) for name in names}


def dispatched(category: str = URGENT, at: datetime = TUESDAY_1000) -> Case:
    return after(None, opening(category), at)


def accepted(category: str = URGENT, at: datetime = TUESDAY_1000) -> Case:
    """A case that its platform accepted at once."""
    case = dispatched(category, at)
    return after(case, by_platform(Accept, platform=holder(case) or ""), at)


def returned_thrice(at: datetime = TUESDAY_1000) -> Case:
    """A case that waits for the centre to arbitrate."""
    given_back = [(at, returning(n, platform)) for n, platform in enumerate(("P016", "P015", "P002"), 1)]
    return walk(dispatched(at=at), given_back)


def suspicious(at: datetime = TUESDAY_1000) -> Case:
    """A case whose handling shows a photo of another case."""
    return after(dispatched(at=at), handling(photos_elsewhere=("cd" * 32,)), at)


def extended(case: Case, at: datetime) -> Case:
    """Its platform asked for more time and got it at `at`."""
    asked = asking_more(case.generation, holder(case) or "")
    return walk(case, [(at, asked), (at, Approve(CENTRE, "extension"))])


def paused(case: Case, at: datetime, until: datetime) -> Case:
    """Its platform asked at `at` that the clock stand still until `until`, and it does."""
    asked = asking_pause(until, case.generation, holder(case) or "")
    return walk(case, [(at, asked), (at, Approve(CENTRE, "suspension"))])


def resumed(case: Case, at: datetime) -> Case:
    """The suspension has ended by itself."""
    return after(case, Ring(case.generation, "handle", "resume"), at)


def in_state(state: State, at: datetime = TUESDAY_1000) -> Case:
    """A case that came into `state` at `at`. `opened` is passed through within one decision."""
    made = {
        "opened": lambda: folded(decided(None, opening(), at)[:1]),
        "held": lambda: after(None, opening(category=None), at),
        "filed": lambda: returned_thrice(at),
        "dispatched": lambda: dispatched(at=at),
        "accepted": lambda: accepted(at=at),
        "suspended": lambda: paused(accepted(at=at), at, at + 48 * HOUR),
        "handled": lambda: suspicious(at),
        "closed": lambda: after(dispatched(at=at), handling(), at),
        "declined": lambda: after(returned_thrice(at), COMMANDS[Decline], at),
        "void": lambda: after(dispatched(at=at), COMMANDS[Void], at),
        "linked": lambda: after(dispatched(at=at), COMMANDS[Link], at),
    }  # fmt: skip
    return made[state]()


def fitted(command: Any, case: Case) -> Any:
    """The same command, of the generation and by the platform that `case` has now or had last."""
    changes: dict[str, Any] = {}
    if "generation" in {field.name for field in fields(command)}:
        changes["generation"] = case.generation
    if isinstance(command, PlatformAct):
        platform = holder(case) or (case.held_by[-1] if case.held_by else command.platform)
        changes |= {"platform": platform, "by": f"platform:{platform}"}
    return replace(command, **changes)
