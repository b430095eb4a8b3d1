"""A notice that by itself cannot be claimed, sent or recorded delays only itself, and how late notices are is shown."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from chassis.setbacks import LONGEST_WAIT
from services.notifier.ledger_attempts import LEASE
from services.notifier.rounds_overdue import Overdue
from tests.notifier.conftest import FENHE, Lines, Notifier, Receiver, at_work, listening, report, says, until
from tests.notifier.test_rounds import in_state, neighbour_served, owing

BAD = report(1).report_id
REFUSE = (
    """create function notifier.refuse() returns trigger language plpgsql as $$ begin
       raise exception 'no more of %', new.report_id using errcode = '23514'; end $$""",
    f"""create trigger refuse before update on notifier.notices for each row
        when (new.report_id = '{BAD}' and {{}}) execute function notifier.refuse()""",
)
NOT_CLAIMED = [REFUSE[0], REFUSE[1].format("new.state = 'due'")]
NOT_RECORDED = [REFUSE[0], REFUSE[1].format("new.state <> 'due'")]
NOT_READ = [f"update notifier.reporters set contact_box = 'no key to it' where report_id = '{BAD}'"]
NOT_SIGNED = ["update notifier.endpoints set secret = 'whsec_a' || secret where client = 'jinyang'"]
MEND = (
    "drop function if exists notifier.refuse() cascade",
    "update notifier.reporters set contact_box = null",
    "update notifier.endpoints set secret = substr(secret, 8) where secret like 'whsec_a%whsec%'",
)


async def mend(notifier: Notifier) -> None:
    for statement in MEND:
        await notifier.database.execute(statement)


@pytest.fixture(autouse=True)
async def whole_again(notifier: Notifier) -> AsyncIterator[None]:
    """The schema is the next test's as well."""
    yield
    await notifier.database.execute(MEND[0])


def shown(step: str) -> float | None:
    return REGISTRY.get_sample_value("notices_stuck", {"step": step})


@pytest.mark.parametrize(
    ("broken", "step", "line", "beside", "heard"),
    [
        (NOT_CLAIMED, "sending", "notices.unsent", 4, 0),
        (NOT_READ, "sending", "notices.unsent", 4, 0),
        (NOT_SIGNED, "sending", "notices.unsent", 0, 0),  # nothing can be signed for this endpoint
        (NOT_RECORDED, "recording", "notices.unrecorded", 4, 1),
    ],
    ids=["claimed", "read", "signed", "recorded"],
)
async def test_a_notice_that_cannot_be_worked_by_itself_delays_only_itself_and_arrives_once(
    broken: Sequence[str], step: str, line: str, beside: int, heard: int, notifier: Notifier, logged: Lines
) -> None:
    receiver = Receiver(says(204))

    def count() -> Counter[str]:
        return Counter(one.notice["reporter_ref"] for one in receiver.heard)

    async with listening(receiver) as url, listening(Receiver(says(204))) as other:
        await notifier.register(url)
        await notifier.register(other, key=FENHE)
        await owing(notifier, *range(1, 6))
        for statement in broken:
            await notifier.database.execute(statement)
        async with at_work(notifier) as rounds:
            await in_state(notifier, "delivered", beside)
            await neighbour_served(notifier, rounds, 10)
            await until(lambda: _is(shown(step) == 5 - beside))
            for number in (11, 12):
                notifier.clock.at += LEASE + timedelta(seconds=10)
                await neighbour_served(notifier, rounds, number)
            early = count()["u-1"]
            await mend(notifier)
            notifier.clock.at += LONGEST_WAIT
            rounds.wake()
            await in_state(notifier, "delivered", 5)
        told = [found for found in logged.read() if found["event"] == line]

    assert heard == early
    assert Counter({f"u-{number}": 1 for number in range(1, 6)}) == count()
    assert 0 == shown(step)
    assert 1 <= len(told) <= 8
    assert "no more of" not in logged.text


async def _is(what: bool) -> bool:
    return what


async def test_how_late_notices_are_rises_while_nobody_sends_and_ends_with_a_round(notifier: Notifier) -> None:
    overdue = Overdue(notifier.database, False, notifier.clock)
    async with listening(Receiver(says(204))) as url:
        await notifier.register(url)
        async with at_work(notifier):
            await owing(notifier, 1)
            await in_state(notifier, "delivered", 1)
        before = await measured(overdue)  # from here on nobody makes rounds
        await owing(notifier, 2)
        notifier.clock.at += timedelta(minutes=2)
        late = await measured(overdue)
        async with at_work(notifier):
            await in_state(notifier, "delivered", 2)
        after = await measured(overdue)
    overdue.lose()

    assert (0, 120, 0) == (before, late, after)
    assert None is REGISTRY.get_sample_value("notice_overdue_seconds", {"schema": "notifier"})


async def test_what_waits_for_an_endpoint_that_fails_or_for_the_notice_before_it_is_not_late(
    notifier: Notifier,
) -> None:
    overdue = Overdue(notifier.database, False, notifier.clock)
    receiver = Receiver(says(503))
    async with listening(receiver) as url:
        await notifier.register(url)
        (story,) = await owing(notifier, 1)
        async with at_work(notifier):
            await until(notifier.endpoint, lambda endpoint: endpoint["failing_since"])
        await owing(notifier, 2)
        notifier.clock.at += timedelta(hours=1)
        failing = await measured(overdue)
        await notifier.database.execute("update notifier.endpoints set failing_since = null")
        await notifier.tell(story.dispatched(), story.closed())
        await notifier.database.execute(  # as a replay leaves them: the last one is due, and waits for the first
            "update notifier.notices set due_at = $1::timestamptz + interval '1 day' * (seq < 4)::int",
            notifier.clock(),
        )
        notifier.clock.at += timedelta(hours=1)
        behind = await measured(overdue)

    assert (0, 0) == (failing, behind)


async def measured(overdue: Overdue) -> float:
    await overdue.measure()
    found = REGISTRY.get_sample_value("notice_overdue_seconds", {"schema": "notifier"})
    assert found is not None
    return found
