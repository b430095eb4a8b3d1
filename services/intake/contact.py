"""Seals what only the notifier may open: a reporter's phone, and the words a mask has taken away."""

import base64
from uuid import UUID

import orjson
from nacl.public import PublicKey, SealedBox

from schemas.events import Sealed


class Sealer:
    """Seals for one public key, given as `<key id>:<base64>`. A sealed box has no associated data, so that the
    report and the app it belongs to stand inside and are compared after opening."""

    def __init__(self, public_key: str) -> None:
        self._key_id, _, encoded = public_key.partition(":")
        self._box = SealedBox(PublicKey(base64.b64decode(encoded, validate=True)))

    def seal(self, report_id: UUID, app: str, **secrets: str) -> Sealed:
        """The box over a JSON object of `report_id`, `app` and the secrets."""
        plain = orjson.dumps({"report_id": str(report_id), "app": app, **secrets})
        return Sealed(key_id=self._key_id, box=base64.b64encode(self._box.encrypt(plain)).decode())
