"""Claims and results on a real ledger: leases, lanes with room, order within a report, and what the outbox hears."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chassis.postgres.together import write_together
from schemas.ids import notice_id_of
from services.notifier import ledger, ledger_attempts
from services.notifier.attempt import WAITS, Attempt, Outcome, Send, next_step, spread_of
from services.notifier.ledger_attempts import LEASE, Claimed, Result
from services.notifier.owed import Case, follow
from tests.notifier.conftest import JINYANG, PLATFORM, TUESDAY_1000, Notifier, Story, report, utc

SOMEWHERE = "http://127.0.0.1:9/callbacks"
LANE, PLATFORMS_LANE = "callback:jinyang/main", "callback:P016/main"
SECOND = timedelta(seconds=1)


@pytest.fixture
async def owing(notifier: Notifier) -> Notifier:
    """Three cases, each owing its reporter two callbacks (seq 2 and 4) and its platform one (seq 3)."""
    for key in (JINYANG, PLATFORM):
        await notifier.register(SOMEWHERE, key=key)
    for number in range(3):
        await notifier.tell(report(number))
        story = Story(report(number))
        await notifier.tell(story.opened(), story.filed(), story.dispatched(), story.closed())
    return notifier


async def claim(notifier: Notifier, lease: UUID | None = None, **rooms: int) -> list[Claimed]:
    lanes = {LANE: rooms.get("app", 0), PLATFORMS_LANE: rooms.get("platform", 0)}
    async with notifier.database.transaction() as connection:
        return await ledger_attempts.claim(connection, lanes, lease or uuid4(), notifier.clock())


def result(claimed: Claimed, outcome: Outcome, notifier: Notifier) -> Result:
    attempt = Attempt(notifier.clock(), outcome, detail="503")
    step = next_step(claimed.tried + 1, attempt, attempt.at, spread_of(claimed.item.notice_id))
    assert not isinstance(step, Send)
    return Result(claimed, attempt, step)


async def record(notifier: Notifier, *results: Result) -> list[Result]:
    async with notifier.database.transaction() as connection:
        return await ledger_attempts.record(connection, results)


def seqs(claimed: list[Claimed]) -> list[int]:
    return sorted(c.item.seq for c in claimed)


async def test_of_each_report_only_the_first_notice_is_in_hand(owing: Notifier) -> None:
    claimed = await claim(owing, app=32)

    assert [2, 2, 2] == seqs(claimed)
    assert [] == await claim(owing, app=32)
    await record(owing, *(result(c, "delivered", owing) for c in claimed[:1]))
    later = await claim(owing, app=32)
    assert [(4, claimed[0].item.case_id)] == [(c.item.seq, c.item.case_id) for c in later]


async def test_a_lane_takes_no_more_than_its_room(owing: Notifier) -> None:
    claimed = await claim(owing, app=2, platform=1)

    assert [(PLATFORMS_LANE, 3), (LANE, 2), (LANE, 2)] == sorted((c.lane, c.item.seq) for c in claimed)
    assert [(LANE, 2)] == [(c.lane, c.item.seq) for c in await claim(owing, app=2)]


async def test_a_claim_carries_what_is_to_be_said_and_no_contact(owing: Notifier) -> None:
    (to_app,) = await claim(owing, app=1)
    (to_platform,) = await claim(owing, platform=1)

    assert ("case.filed", "u-0", "jinyang", None) == (
        to_app.item.event, to_app.item.reporter_ref, to_app.client, to_app.contact,
    )  # fmt: skip
    assert ("case.dispatched", None, "P016", None) == (
        to_platform.item.event, to_platform.item.reporter_ref, to_platform.client, to_platform.contact,
    )  # fmt: skip
    assert to_app.item.notice_id == notice_id_of(to_app.item.case_id, 2, to_app.recipient, "callback:main")


async def test_what_nobody_recorded_is_taken_again_when_its_lease_runs_out(owing: Notifier) -> None:
    first = await claim(owing, app=32)
    owing.clock.at += LEASE - timedelta(microseconds=1)
    early = await claim(owing, app=32)
    owing.clock.at += timedelta(microseconds=1)
    again = await claim(owing, app=32)

    assert (3, []) == (len(first), early)
    assert {c.item.notice_id for c in first} == {c.item.notice_id for c in again}
    assert {c.lease for c in first}.isdisjoint({c.lease for c in again})


async def test_the_result_of_an_attempt_that_outlived_its_lease_changes_nothing(owing: Notifier) -> None:
    (late,) = await claim(owing, app=1)
    owing.clock.at += LEASE
    (newer,) = [c for c in await claim(owing, app=32) if c.item.notice_id == late.item.notice_id]
    kept = await record(owing, result(newer, "delivered", owing))
    before = await owing.everything()
    dropped = await record(owing, result(late, "unavailable", owing))

    assert (1, []) == (len(kept), dropped)
    assert before == await owing.everything()


@pytest.mark.parametrize(
    ("outcome", "state", "event"),
    [("delivered", "delivered", "notice.delivered"), ("gone", "gone", "notice.gave_up"),
     ("unavailable", "due", "notice.failed")],
)  # fmt: skip
async def test_a_result_and_what_the_topic_hears_of_it_are_written_together(
    owing: Notifier, outcome: Outcome, state: str, event: str
) -> None:
    (claimed,) = await claim(owing, app=1)
    await record(owing, result(claimed, outcome, owing))
    ((kind, body),) = await owing.announced()
    standing = [n for n in await owing.notices("callback:main") if n["notice_id"] == str(claimed.item.notice_id)]

    assert [(state, 1, outcome)] == [(n["state"], n["attempts"], n["outcome"]) for n in standing]
    assert (event, "callback", 1, utc(TUESDAY_1000), str(claimed.item.report_id)) == (
        kind, body["channel"], body["attempts"], body["at"], body["report_id"],
    )  # fmt: skip
    assert [str(claimed.item.report_id).encode()] == [
        row["key"] for row in await owing.database.fetch("select key from notifier.outbox")
    ]


async def test_a_failure_holds_back_what_comes_later_for_the_same_report(owing: Notifier) -> None:
    (claimed,) = await claim(owing, app=1)
    await record(owing, result(claimed, "unavailable", owing))
    due = owing.clock() + WAITS[1] * spread_of(claimed.item.notice_id)
    mine = [n for n in await owing.notices("callback:main") if n["report_id"] == str(claimed.item.report_id)]

    assert [(2, utc(due)), (4, utc(due))] == [(n["seq"], n["due_at"].replace("+00:00", "Z")) for n in mine]


async def test_an_event_written_while_an_earlier_one_waits_is_due_no_sooner(notifier: Notifier) -> None:
    await notifier.register(SOMEWHERE)
    await notifier.tell(report(1))
    story = Story(report(1))
    await notifier.tell(story.opened(), story.filed())
    (claimed,) = await claim(notifier, app=1)
    await record(notifier, result(claimed, "unavailable", notifier))
    notifier.clock.at += SECOND
    await notifier.tell(story.closed())
    filed, closed = await notifier.notices("callback:main")

    assert filed["due_at"] == closed["due_at"]
    notifier.clock.at = TUESDAY_1000 + 6 * SECOND
    assert [2] == seqs(await claim(notifier, app=32))


async def test_the_tenth_failure_ends_it_and_the_next_of_the_report_follows(notifier: Notifier) -> None:
    await notifier.register(SOMEWHERE)
    await notifier.tell(report(1))
    story = Story(report(1))
    await notifier.tell(story.opened(), story.filed(), story.closed())
    for _ in WAITS:
        (claimed,) = await claim(notifier, app=32)
        await record(notifier, result(claimed, "unavailable", notifier))
        notifier.clock.at += timedelta(hours=29)
    told = [(kind, body["seq"], body["attempts"]) for kind, body in await notifier.announced()]

    assert [*[("notice.failed", 2, n) for n in range(1, 10)], ("notice.gave_up", 2, 10)] == told
    assert [(2, "gave_up"), (3, "due")] == [(n["seq"], n["state"]) for n in await notifier.notices("callback:main")]
    assert [3] == seqs(await claim(notifier, app=32))


async def test_a_case_that_is_further_on_is_never_taken_back(notifier: Notifier) -> None:
    story = Story(report(1))
    opened, filed = story.opened(), story.filed()
    await notifier.tell(opened, filed)
    async with notifier.database.transaction() as connection:
        await write_together(connection, ledger.keep_cases([follow(Case(story.case_id), opened)]))
        cases = await ledger.cases(connection, [story.case_id])

    assert filed.seq == cases[story.case_id].seq
    assert "1401062026112400001" == cases[story.case_id].case_number
