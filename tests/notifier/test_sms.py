"""Texts about a result: the phone is opened at the moment of sending, and stands in no log and in no table."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from nacl.public import PrivateKey, SealedBox

from schemas.events import Sealed
from schemas.reports import ReportReceived
from services.notifier.contact import Contacts
from services.notifier.rounds import Rounds
from services.notifier.sms import Texts
from tests.notifier.conftest import Lines, Notifier, Receiver, Story, at_work, listening, report, says, until, utc
from tests.standins import sms

KEY = PrivateKey(bytes([7]) * 32)
CONTACTS = f"k1:{base64.b64encode(bytes(KEY)).decode()}"
PHONE, LANDLINE = "13912345678", "0351-4227788"
SECOND = timedelta(seconds=1)


def sealed(number: int, phone: str) -> Sealed:
    said = {"report_id": str(report(number).report_id), "app": "jinyang", "phone": phone}
    box = SealedBox(KEY.public_key).encrypt(json.dumps(said).encode())
    return Sealed(key_id="k1", box=base64.b64encode(box).decode())


def with_phone(number: int, phone: str) -> ReportReceived:
    return report(number, contact=sealed(number, phone))


async def closing(notifier: Notifier, *reports: ReportReceived) -> None:
    notifier.texts = True
    await notifier.tell(*reports)
    for story in map(Story, reports):
        await notifier.tell(story.opened(), story.filed(), story.closed("已更换井盖 {phone}"))


@asynccontextmanager
async def texting(notifier: Notifier, url: str) -> AsyncIterator[Rounds]:
    texts = Texts(url, Contacts(CONTACTS), notifier.clock)
    try:
        async with at_work(notifier, texts) as rounds:
            yield rounds
    finally:
        await texts.close()


async def settled(notifier: Notifier, *states: str) -> list[Any]:
    async def ask() -> list[Any]:
        return await notifier.notices("sms")

    return await until(ask, lambda found: [n["state"] for n in found] == list(states))


async def test_the_gateway_gets_the_phone_and_the_words_once_and_nothing_else_does(
    notifier: Notifier, logged: Lines
) -> None:
    gateway = sms.Gateway()
    async with sms.listening(gateway) as url, texting(notifier, url):
        await closing(notifier, with_phone(1, PHONE), with_phone(2, LANDLINE), report(3))
        told = await settled(notifier, "delivered", "delivered")
    lines = logged.read()
    kept = repr(await notifier.everything())

    assert [{"id": n["notice_id"], "to": phone, "text": "已结案：已更换井盖 {phone}"}
            for n, phone in zip(told, (PHONE, LANDLINE), strict=True)] == sorted(
        gateway.sent, key=lambda sent: [n["notice_id"] for n in told].index(sent["id"])
    )  # fmt: skip
    assert {str(report(n).report_id) for n in (1, 2)} == {
        line["report_id"] for line in lines if line["event"] == "contact.opened"
    }
    for text in (logged.text, kept):
        assert str(report(1).report_id) in text
        assert not [phone for phone in (PHONE, LANDLINE, "4227788", "12345678") if phone in text]


async def test_a_gateway_that_is_away_gets_the_same_text_later_and_no_log_line_has_the_phone(
    notifier: Notifier, logged: Lines
) -> None:
    gateway = Receiver(says(503))
    async with listening(gateway) as url, texting(notifier, url) as rounds:
        await closing(notifier, with_phone(1, LANDLINE))
        await until(lambda: settled(notifier, "due"), lambda found: found[0]["attempts"] == 1)
        gateway.answer = says(200)
        notifier.clock.at += 6 * SECOND
        rounds.wake()
        (told,) = await settled(notifier, "delivered")
    failed = [line for line in logged.read() if line["event"] == "notice.failed"]

    assert 2 == told["attempts"]
    assert {(told["notice_id"], gateway.heard[0].body)} == {
        (h.headers["idempotency-key"], h.body) for h in gateway.heard
    }
    assert [("sms", "unavailable", "503")] == [(line["lane"], line["outcome"], line["detail"]) for line in failed]
    assert LANDLINE in gateway.heard[0].body.decode()
    assert LANDLINE not in logged.text


async def test_a_contact_that_was_erased_or_swapped_is_gone_and_nobody_is_texted(
    notifier: Notifier, logged: Lines
) -> None:
    gateway = sms.Gateway()
    await closing(notifier, with_phone(1, PHONE), report(2, contact=sealed(1, LANDLINE)), with_phone(3, PHONE))
    await notifier.database.execute(
        "update notifier.reporters set contact_box = null, contact_key = null where report_id = $1",
        report(1).report_id,
    )
    async with sms.listening(gateway) as url, texting(notifier, url):
        told = await settled(notifier, "gone", "gone", "delivered")
    lines = [line for line in logged.read() if line["event"] == "contact.unopenable"]

    assert ["contact_erased", "sealed_for_another", "200"] == [n["detail"] for n in told]
    assert [(PHONE, told[2]["notice_id"])] == [(sent["to"], sent["id"]) for sent in gateway.sent]
    assert [(str(report(2).report_id), "sealed_for_another")] == [(line["report_id"], line["reason"]) for line in lines]
    assert LANDLINE not in logged.text


async def test_without_a_gateway_nothing_is_texted_and_the_feed_has_it(notifier: Notifier) -> None:
    await notifier.tell(with_phone(1, PHONE))
    story = Story(report(1))
    await notifier.tell(story.opened(), story.filed(), story.closed())

    assert [] == await notifier.notices("sms")
    assert [utc(story.closed().at - timedelta(minutes=1))] == [
        item["at"] for item in await notifier.feed(2) if item["event"] == "case.closed"
    ]
