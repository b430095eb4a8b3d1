"""The SMS gateway: one HTTP POST for each text, the contact opened just before."""

import json
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from chassis.logs import log
from schemas.events import Sealed
from services.notifier.attempt import Attempt
from services.notifier.callback import post, session
from services.notifier.contact import Contacts, Unopenable


class Texts:
    """Sends texts through one gateway, which is the operator's own and therefore not checked like a callback."""

    def __init__(self, url: str, contacts: Contacts, now: Callable[[], datetime]) -> None:
        """Call inside the running loop."""
        self._url, self._contacts, self._now = url, contacts, now
        self._session = session()

    async def send(self, notice_id: UUID, report_id: UUID, app: str, sealed: Sealed | None, words: str) -> Attempt:
        """One attempt. A contact that cannot be opened, or was erased, is gone: no later try would find it."""
        if sealed is None:
            return Attempt(self._now(), "gone", detail="contact_erased")
        try:
            phone = self._contacts.open(sealed, report_id, app)
        except Unopenable as why:
            log.warning("contact.unopenable", report_id=str(report_id), reason=why.reason)
            return Attempt(self._now(), "gone", detail=why.reason)
        body = json.dumps({"id": str(notice_id), "to": phone, "text": words}, ensure_ascii=False).encode()
        return await post(self._session, self._url, body, {"Idempotency-Key": str(notice_id)}, self._now)

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()
