"""What is sealed at the door opens for the notifier alone, and says to which report it belongs."""

import base64
import binascii
import json
from uuid import UUID

import pytest
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from schemas.events import Sealed
from services.intake.contact import Sealer

NOTIFIER, STRANGER = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))
REPORT_ID = UUID("b0ac4ba7-e08c-589e-9a41-18937c5ecbbd")


def told(key: PrivateKey) -> str:
    return f"k1:{base64.b64encode(bytes(key.public_key)).decode()}"


def opened(sealed: Sealed, key: PrivateKey = NOTIFIER) -> dict[str, str]:
    read: dict[str, str] = json.loads(SealedBox(key).decrypt(base64.b64decode(sealed.box, validate=True)))
    return read


def test_the_notifier_opens_what_was_sealed_and_reads_whose_it_is() -> None:
    sealed = Sealer(told(NOTIFIER)).seal(REPORT_ID, "demo-app", phone="13800001234", text="井盖")

    assert "k1" == sealed.key_id
    assert {
        "report_id": str(REPORT_ID), "app": "demo-app", "phone": "13800001234", "text": "井盖",
    } == opened(sealed)  # fmt: skip


def test_nobody_else_opens_it() -> None:
    sealed = Sealer(told(NOTIFIER)).seal(REPORT_ID, "demo-app", phone="13800001234")

    with pytest.raises(CryptoError):
        opened(sealed, STRANGER)


def test_a_changed_box_does_not_open() -> None:
    sealed = Sealer(told(NOTIFIER)).seal(REPORT_ID, "demo-app", phone="13800001234")
    box = bytearray(base64.b64decode(sealed.box))
    box[-1] ^= 1

    with pytest.raises(CryptoError):
        opened(Sealed(key_id="k1", box=base64.b64encode(box).decode()))


def test_the_same_phone_never_looks_the_same_and_never_stands_in_the_box() -> None:
    sealer = Sealer(told(NOTIFIER))
    boxes = [sealer.seal(REPORT_ID, "demo-app", phone="13800001234").box for _ in range(20)]

    assert 20 == len(set(boxes))
    assert [] == [box for box in boxes if b"13800001234" in base64.b64decode(box)]


@pytest.mark.parametrize("key", ["", "k1", "k1:", "k1:AAAA", "k1:no base64", told(NOTIFIER)[:-4]])
def test_a_key_that_is_none_stops_the_start(key: str) -> None:
    with pytest.raises((ValueError, binascii.Error)):
        Sealer(key)
