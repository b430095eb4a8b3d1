"""Who may read a photo, what becomes of one that was served, and what a client may send without citing it."""

import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from chassis.receipts import likenesses_in
from schemas import cases as ev
from schemas.events import Named
from schemas.ids import case_id_of
from tests.intake.conftest import Intake
from tests.intake.talk import LIFE, TUESDAY_1600, body, case_of, key, tell_cases, until
from tests.standins.photos import photo

JPEG = {"Content-Type": "image/jpeg"}
JOINED_BY = uuid.UUID(int=77)


def sent(intake: Intake, kind: str, seed: int, data: bytes | None = None) -> Any:
    with intake.client(kind) as client:
        answer = client.post("/v1/media", content=data or photo(seed), headers=JPEG)
    assert answer.status_code == 201, answer.text
    return answer.json()


def read(intake: Intake, kind: str, media_id: str) -> httpx.Response:
    """What is said at last to a client that repeats its call, as a 503 asks for."""
    deadline = time.monotonic() + 20
    with intake.client(kind) as client:
        while (answer := client.get(f"/v1/media/{media_id}")).status_code == 503:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
    return answer


def reported(intake: Intake, kind: str, *media: str) -> uuid.UUID:
    with intake.client(kind) as app:
        answer = app.post("/v1/reports", json=body(media=list(media)), headers=key())
    assert answer.status_code == 202, answer.text
    return uuid.UUID(answer.json()["report_id"])


def life(report_id: uuid.UUID, *kinds: str, **media: Sequence[str]) -> list[ev.CaseEvent]:
    """The events of the report's case; `media` by the last part of their kind."""
    events = case_of(report_id, *kinds)
    return [
        e.model_copy(update={"media": tuple(media[name])}) if (name := e.kind.partition(".")[2]) in media else e
        for e in events
    ]


async def test_a_photo_is_read_by_its_app_the_centre_and_the_platform_that_has_the_case(
    intake: Intake, kafka: str
) -> None:
    media_id = sent(intake, "app", 21)["media_id"]
    before = {kind: read(intake, kind, media_id) for kind in ("app", "app2", "platform", "centre", "ops")}
    report_id = reported(intake, "app", media_id)
    await tell_cases(kafka, *life(report_id, "case.opened", "case.filed", opened=[media_id]))
    filed = read(intake, "platform", media_id).status_code
    await tell_cases(kafka, *life(report_id, *LIFE[:3], opened=[media_id])[2:])
    given = read(intake, "platform", media_id)  # at once: what the topic holds is waited for

    assert {"app": 200, "app2": 404, "platform": 404, "centre": 200, "ops": 403} == {
        kind: answer.status_code for kind, answer in before.items()
    }
    assert (404, 200, before["app"].content) == (filed, given.status_code, given.content)
    assert 404 == read(intake, "app2", media_id).status_code


def test_a_foreign_photo_and_an_unknown_one_have_the_same_answer(intake: Intake) -> None:
    foreign, unknown = read(intake, "app2", sent(intake, "app", 22)["media_id"]), read(intake, "app2", "A" * 92)

    assert (404, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.headers["content-type"] == unknown.headers["content-type"]


async def test_a_platform_that_had_the_case_may_still_read_and_one_that_never_had_may_not(
    intake: Intake, kafka: str
) -> None:
    mine, others = (sent(intake, "app", seed)["media_id"] for seed in (23, 24))
    report_id, other_id = reported(intake, "app", mine), reported(intake, "app", others)
    returned = ev.CaseReturned(
        case_id=case_id_of(report_id), seq=4, at=TUESDAY_1600, by="router", generation=1,
        platform=Named(code="P031", name="x"), reason="not_ours",
    )  # fmt: skip
    elsewhere = [
        e.model_copy(update={"platform": Named(code="P016", name="y")}) if isinstance(e, ev.CaseDispatched) else e
        for e in life(other_id, *LIFE[:3], opened=[others])
    ]
    await tell_cases(kafka, *life(report_id, *LIFE[:3], opened=[mine]), returned, *elsewhere)

    assert 200 == until(lambda: read(intake, "platform", mine).status_code, 200)
    assert 404 == read(intake, "platform", others).status_code


async def test_the_after_photo_of_a_reply_is_read_by_the_apps_of_the_case_and_by_no_other(
    intake: Intake, kafka: str
) -> None:
    after = sent(intake, "platform", 25)["media_id"]
    own = read(intake, "platform", after).status_code
    report_id, other_id = reported(intake, "app"), reported(intake, "app2")
    handled = life(report_id, *LIFE, handled=[after], closed=[after])
    await tell_cases(kafka, *handled[:-1])
    early = read(intake, "app", after).status_code
    await tell_cases(kafka, handled[-1])
    later = read(intake, "app", after).status_code
    foreign = read(intake, "app2", after).status_code
    joined = ev.CaseJoined(case_id=case_id_of(report_id), seq=7, at=TUESDAY_1600, by="router", report_id=other_id)
    await tell_cases(kafka, joined)

    assert (200, 404, 200, 404) == (own, early, later, foreign)
    assert 200 == read(intake, "app2", after).status_code


@pytest.mark.parametrize(("unlinked_first", "status"), [(True, 404), (False, 200)])
async def test_a_photo_that_left_the_case_before_the_platform_had_it_is_not_shown(
    intake: Intake, kafka: str, unlinked_first: bool, status: int
) -> None:
    media_id = sent(intake, "app", 26 + unlinked_first)["media_id"]
    report_id = reported(intake, "app")
    opened, _, dispatched = life(report_id, *LIFE[:3])
    shared: dict[str, Any] = {"case_id": opened.case_id, "at": TUESDAY_1600, "by": "router"}
    joined = ev.CaseJoined(**shared, seq=2, report_id=JOINED_BY, media=(media_id,))
    left = ev.CaseUnlinked(
        **shared, seq=3 if unlinked_first else 4, report_id=JOINED_BY, moved_to=uuid.UUID(int=78), media=(media_id,)
    )
    given = dispatched.model_copy(update={"seq": 4 if unlinked_first else 3})
    await tell_cases(kafka, opened, joined, *sorted((left, given), key=lambda event: event.seq))

    assert status == read(intake, "platform", media_id).status_code


@pytest.mark.parametrize("sender", ["platform", "app2"])
def test_a_photo_that_was_served_is_the_same_photo_when_it_is_sent_back(intake: Intake, sender: str) -> None:
    first = sent(intake, "app", 30)
    served = read(intake, "app", first["media_id"]).content
    again = sent(intake, sender, 0, served)

    assert first["sha256"] == again["sha256"]
    assert first["media_id"][:42] == again["media_id"][:42]
    assert (first["width"], first["height"]) == (again["width"], again["height"])
    assert served == read(intake, sender, again["media_id"]).content


def test_the_receipt_of_a_citizens_photo_has_a_likeness_of_its_inner_part_in_place_of_a_point(intake: Intake) -> None:
    citizens, platforms = (likenesses_in(sent(intake, kind, 31)["media_id"]) for kind in ("app", "platform"))

    assert (2, platforms) == (len(citizens), citizens[:1])


def test_a_client_that_sends_too_much_without_citing_it_is_told_to_wait(intake: Intake) -> None:
    strict = intake.beside(MOST_UNCITED_PHOTOS="2", MEDIA_URL=intake.environ["INTAKE_MEDIA_URL"])
    strict.start()
    try:
        kept = [sent(strict, "app3", seed) for seed in (41, 41, 42)]
        with strict.client("app3") as app:
            refused = app.post("/v1/media", content=photo(43), headers=JPEG)
        reported(strict, "app3", kept[0]["media_id"])
        with strict.client("app3") as app:
            taken = until(lambda: app.post("/v1/media", content=photo(43), headers=JPEG).status_code, 201)
        with strict.client("app2") as other:
            others = other.post("/v1/media", content=photo(44), headers=JPEG)
    finally:
        strict.end()

    assert (429, "media_quota") == (refused.status_code, refused.json()["reason"])
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert (201, 201) == (taken, others.status_code)
