"""Sealing: what only the notifier may read leaves the door in a libsodium sealed box."""

import base64
from uuid import UUID

import orjson
from nacl.public import PublicKey, SealedBox

from schemas.events import Sealed


class Sealer:
    """Seals for one public key, `<key id>:<base64>`. Opening needs the private key, which intake never has."""

    def __init__(self, public_key: str) -> None:
        self._key_id, _, key = public_key.partition(":")
        self._box = SealedBox(PublicKey(base64.b64decode(key)))

    def seal(self, report_id: UUID, app: str, **secret: str) -> Sealed:
        """`secret` with report_id and app inside, because a sealed box has no associated data to bind it to them."""
        plain = orjson.dumps({"report_id": str(report_id), "app": app, **secret})
        return Sealed(key_id=self._key_id, box=base64.b64encode(self._box.encrypt(plain)).decode())
