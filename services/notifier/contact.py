"""Opens a contact, at the moment of sending and nowhere else; every opening is logged, what was in it never."""

import base64
import binascii
import json
from uuid import UUID

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from chassis.logs import log
from schemas.events import Sealed


class Unopenable(Exception):
    """No key of ours opens it, or it was sealed for another report. `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Contacts:
    """The private keys by id, given as `<key id>:<base64>` separated by `;`. Old ones stay while data needs them."""

    def __init__(self, private_keys: str) -> None:
        pairs = (entry.strip().partition(":") for entry in private_keys.split(";") if entry.strip())
        self._boxes = {key_id: SealedBox(PrivateKey(base64.b64decode(key, validate=True))) for key_id, _, key in pairs}

    def open(self, sealed: Sealed, report_id: UUID, app: str) -> str:
        """The phone. A box binds nothing by itself, so report and app inside must be these. Raises `Unopenable`."""
        box = self._boxes.get(sealed.key_id)
        if box is None:
            raise Unopenable("key_unknown")
        try:
            said = json.loads(box.decrypt(base64.b64decode(sealed.box, validate=True)))
        except (CryptoError, binascii.Error, ValueError) as why:
            raise Unopenable("box_unfit") from why
        if not isinstance(said, dict) or (said.get("report_id"), said.get("app")) != (str(report_id), app):
            raise Unopenable("sealed_for_another")
        if not isinstance(phone := said.get("phone"), str):
            raise Unopenable("phone_missing")
        log.info("contact.opened", report_id=str(report_id), app=app)
        return phone
