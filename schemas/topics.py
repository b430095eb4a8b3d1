"""The one table of topics: it creates them, documents them and tests them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas import cases, notices, reports
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: the field its key comes from, its only writer, its readers, how long it is kept (None: for ever)."""

    name: str
    key: str
    writer: str
    readers: tuple[str, ...]
    kinds: Mapping[str, type[Event]]
    kept: timedelta | None

    @property
    def parked(self) -> str:
        return f"{self.name}.parked"


REPORTS = Topic("reports", "report_id", "intake", ("router", "notifier", "intake"), reports.KINDS, timedelta(days=30))
CASES = Topic("cases", "case_id", "router", ("intake", "notifier"), cases.KINDS, None)
NOTICES = Topic("notices", "report_id", "notifier", ("intake",), notices.KINDS, timedelta(days=30))
TOPICS = (REPORTS, CASES, NOTICES)


def creation_table(partitions: int, replication: int, min_insync: int) -> dict[str, dict[str, str]]:
    """Every topic to create, parked ones included, with its Kafka settings as text.

    `replication` 1 means a single broker: every record is then flushed to disk before it is acknowledged.
    Partitions are chosen once: a later change moves keys and breaks their order.
    """
    table = {}
    for topic in TOPICS:
        kept = -1 if topic.kept is None else int(topic.kept.total_seconds() * 1000)
        for name, retention in ((topic.name, kept), (topic.parked, -1)):
            table[name] = {
                "partitions": str(partitions),
                "replication": str(replication),
                "retention.ms": str(retention),
                "min.insync.replicas": str(min_insync),
                "cleanup.policy": "delete",
                "max.message.bytes": "1048576",
            } | ({"flush.messages": "1"} if replication == 1 else {})
    return table
