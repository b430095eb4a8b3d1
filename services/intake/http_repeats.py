"""The same request again under its idempotency key: known before any rule is asked, whatever time has changed since."""

from dataclasses import dataclass
from uuid import UUID

from chassis.http.problems import Problem
from services.intake.fingerprint import Fingerprint
from services.intake.http_tracking import caught_up, model_behind
from services.intake.read_model_digests import Digests
from services.intake.read_model_wait import Wait


@dataclass(frozen=True, slots=True)
class Sent:
    """A request under its key: what it would become (a report, or an event about one), whose it is, what it says."""

    subject_id: UUID
    report_id: UUID
    app: str
    fingerprint: Fingerprint


async def taken_before(sent: Sent, digests: Digests) -> bool:
    """Whether this very request is known. `Problem` 422 idempotency_key_reused if another one came with its key."""
    return _is_repeated(sent, await digests.known(sent.subject_id))


async def taken_after_all(sent: Sent, digests: Digests, wait: Wait) -> bool:
    """The same, to be asked before what only time or the pack speaks against is refused.

    Waits until the model has come as far as the topic. `Problem`: as `taken_before`, and 429 or 503 if nobody can say.
    """
    passed = await caught_up(wait, sent.report_id, sent.app)
    if await surely_taken(sent, digests):
        return True
    if not passed:
        raise model_behind()
    return False


async def surely_taken(sent: Sent, digests: Digests) -> bool:
    """As `taken_before`, but never blind. Raises `Unavailable`."""
    return _is_repeated(sent, await digests.surely_known(sent.subject_id))


def _is_repeated(sent: Sent, known: Fingerprint | None) -> bool:
    if known is not None and not known.is_of(sent.fingerprint):
        raise Problem(422, "idempotency_key_reused", "This key came with another body before.", field="Idempotency-Key")
    return known is not None
