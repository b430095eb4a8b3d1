"""Opening a contact: our own boxes for this report only, old keys by id, and no word of it where it does not belong."""

import base64
import json
from typing import Any

import pytest
from nacl.public import PrivateKey, SealedBox

from chassis.settings import Misset, read
from schemas.events import Sealed
from schemas.ids import report_id_of
from services.notifier.contact import Contacts, Unopenable
from services.notifier.settings import NotifierSettings
from tests.notifier.conftest import Lines

OLD, NEW, FOREIGN = (PrivateKey(bytes([n]) * 32) for n in (1, 2, 3))
REPORT, OTHER = report_id_of("jinyang", "r-1"), report_id_of("jinyang", "r-2")
PHONE = "0351-4227788"


def text(key: PrivateKey) -> str:
    return base64.b64encode(bytes(key)).decode()


CONTACTS = Contacts(f"k1:{text(OLD)}; k2:{text(NEW)};")


def sealed(key: PrivateKey, key_id: str, said: Any) -> Sealed:
    box = SealedBox(key.public_key).encrypt(json.dumps(said).encode())
    return Sealed(key_id=key_id, box=base64.b64encode(box).decode())


def mine(**change: Any) -> dict[str, Any]:
    return {"report_id": str(REPORT), "app": "jinyang", "phone": PHONE} | change


@pytest.mark.parametrize(("key", "key_id"), [(OLD, "k1"), (NEW, "k2")])
def test_a_box_opens_with_the_key_it_names_old_or_new(key: PrivateKey, key_id: str) -> None:
    assert PHONE == CONTACTS.open(sealed(key, key_id, mine()), REPORT, "jinyang")


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (sealed(NEW, "k3", mine()), "key_unknown"), (sealed(NEW, "", mine()), "key_unknown"),
        (sealed(NEW, "k1", mine()), "box_unfit"), (sealed(FOREIGN, "k2", mine()), "box_unfit"),
        (Sealed(key_id="k2", box=""), "box_unfit"), (Sealed(key_id="k2", box="AAAA"), "box_unfit"),
        (Sealed(key_id="k2", box="no base64!"), "box_unfit"), (Sealed(key_id="k2", box="是"), "box_unfit"),
        (sealed(NEW, "k2", mine(report_id=str(OTHER))), "sealed_for_another"),
        (sealed(NEW, "k2", mine(app="fenhe")), "sealed_for_another"),
        (sealed(NEW, "k2", {"phone": PHONE}), "sealed_for_another"), (sealed(NEW, "k2", [PHONE]), "sealed_for_another"),
        (sealed(NEW, "k2", PHONE), "sealed_for_another"),
        (sealed(NEW, "k2", mine(phone=None)), "phone_missing"), (sealed(NEW, "k2", mine(phone=139)), "phone_missing"),
    ],
)  # fmt: skip
def test_any_other_box_is_refused_by_reason_and_says_nothing_of_what_is_in_it(box: Sealed, reason: str) -> None:
    with pytest.raises(Unopenable) as why:
        CONTACTS.open(box, REPORT, "jinyang")

    assert reason == why.value.reason == str(why.value)


def test_a_changed_byte_is_seen() -> None:
    box = bytearray(base64.b64decode(sealed(NEW, "k2", mine()).box))
    box[-1] ^= 1

    with pytest.raises(Unopenable, match="box_unfit"):
        CONTACTS.open(Sealed(key_id="k2", box=base64.b64encode(box).decode()), REPORT, "jinyang")


def test_an_opening_is_logged_without_the_phone(logged: Lines) -> None:
    CONTACTS.open(sealed(NEW, "k2", mine()), REPORT, "jinyang")
    (line,) = logged.read()

    assert ("contact.opened", str(REPORT), "jinyang") == (line["event"], line["report_id"], line["app"])
    assert PHONE not in logged.text


def test_without_keys_nothing_opens() -> None:
    with pytest.raises(Unopenable, match="key_unknown"):
        Contacts("").open(sealed(NEW, "k2", mine()), REPORT, "jinyang")


def test_a_gateway_without_private_keys_stops_the_start() -> None:
    environ = {
        "NOTIFIER_KAFKA_BOOTSTRAP": "k:1", "NOTIFIER_DATABASE_URL": "d", "NOTIFIER_CLIENTS_PATH": "c",
        "NOTIFIER_CITY_PATH": "p", "NOTIFIER_PORT": "1", "NOTIFIER_SMS_URL": "http://gateway.example/",
    }  # fmt: skip

    with pytest.raises(Misset, match="contact_private_keys"):
        read(NotifierSettings, "NOTIFIER", environ)
    assert read(NotifierSettings, "NOTIFIER", environ | {"NOTIFIER_CONTACT_PRIVATE_KEYS": f"k1:{text(OLD)}"}).sms_url
