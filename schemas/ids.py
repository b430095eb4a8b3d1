"""Ids are derived, never drawn: a retry, a double and a redelivery all name the same thing."""

from uuid import UUID, uuid5

_REPORT = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0c01")
_CASE = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0c02")
_EVENT = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0c03")
_NOTICE = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0c04")
_TOLD = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0c05")


def report_id_of(app: str, idempotency_key: str) -> UUID:
    """One report for each upstream app and idempotency key, for ever. A client name holds no line break."""
    return uuid5(_REPORT, f"{app}\n{idempotency_key}")


def case_id_of(report_id: UUID) -> UUID:
    """The case that a report opens; a report that joins another case never uses it."""
    return uuid5(_CASE, str(report_id))


def unlinked_case_id_of(case_id: UUID, seq: int) -> UUID:
    """The case that a report opens when event `seq` takes it out of the case it had joined."""
    return uuid5(_CASE, f"{case_id}\n{seq}")


def event_id_of(subject: UUID, kind: str, seq: int = 0) -> UUID:
    """`ce_id` of an event: its subject (report or case), its type and, for a case, its number in the case."""
    return uuid5(_EVENT, f"{subject}\n{kind}\n{seq}")


def notice_id_of(case_id: UUID, seq: int, recipient: str, channel: str) -> UUID:
    """One notice for each event, recipient and channel; also the `webhook-id` of its callback."""
    return uuid5(_NOTICE, f"{case_id}\n{seq}\n{recipient}\n{channel}")


def dedup_key_of(case_id: UUID, seq: int, recipient: str) -> UUID:
    """One for each event and recipient, whatever the channel: the key by which a client drops repeats."""
    return uuid5(_TOLD, f"{case_id}\n{seq}\n{recipient}")
