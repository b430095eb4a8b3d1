"""The published contracts: examples parse for ever, schemas are frozen, topics have one writer."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from chassis.kafka import parking
from schemas import cases, events, notices, parked, reports, topics
from schemas.published import schema_of

ROOT = Path(__file__).parents[2] / "schemas"
KINDS = {**reports.KINDS, **cases.KINDS, **notices.KINDS}
EXAMPLES = sorted((ROOT / "examples").glob("*/*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_example_parses_for_ever(path: Path) -> None:
    event = events.read(KINDS, path.parent.name, path.read_bytes())

    assert json.loads(path.read_text("utf-8")).items() <= json.loads(event.model_dump_json()).items()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_type_has_an_example(kind: str) -> None:
    assert [path for path in EXAMPLES if path.parent.name == kind]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_published_schema_is_what_the_model_says(kind: str) -> None:
    published = json.loads((ROOT / "published" / f"{kind}.v1.json").read_text("utf-8"))

    assert published == schema_of(KINDS[kind])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_consumer_ignores_what_it_does_not_know_and_a_producer_forbids_it(path: Path) -> None:
    body = json.loads(path.read_text("utf-8")) | {"from_the_future": {"deep": [1]}}

    assert events.read(KINDS, path.parent.name, json.dumps(body).encode())
    with pytest.raises(ValidationError, match="from_the_future"):
        KINDS[path.parent.name].model_validate(body)


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("report.invented", b"{}", "unknown_type"),
        ("report.received", b"{", "unfit_body"),
        ("report.received", b"{}", "unfit_body"),
        ("report.received", b"\xff", "unfit_body"),
        ("case.closed", b"[]", "unfit_body"),
    ],
)
def test_what_is_not_an_event_has_a_stable_reason(kind: str, body: bytes, reason: str) -> None:
    with pytest.raises(events.Unknown) as caught:
        events.read(KINDS, kind, body)

    assert reason == str(caught.value)


def test_every_kind_belongs_to_one_topic() -> None:
    listed = [kind for topic in topics.TOPICS for kind in topic.kinds]

    assert sorted(KINDS) == sorted(listed)


def test_no_event_of_a_case_can_carry_a_contact() -> None:
    fields = {name for model in cases.KINDS.values() for name in model.model_fields}

    assert set() == fields & {"contact", "phone", "reporter_ref", "original_text", "app"}


def test_topics_on_one_broker_are_flushed_before_they_are_acknowledged() -> None:
    single, cluster = topics.creation_table(6, 1, 1), topics.creation_table(24, 3, 2)

    assert {"reports", "cases", "notices", "reports.parked", "cases.parked", "notices.parked"} == set(single)
    assert ({"1"}, {None}) == (
        {t.get("flush.messages") for t in single.values()},
        {t.get("flush.messages") for t in cluster.values()},
    )
    assert (single["cases"]["retention.ms"], single["reports"]["retention.ms"]) == ("-1", "2592000000")


def test_parking_uses_the_header_names_of_the_contract() -> None:
    source = Path(parking.__file__).read_text("utf-8")

    assert all(
        f'"{name}"' in source
        for name in (parked.FROM, parked.GROUP, parked.REASON, parked.DETAIL, parked.HEADERS, parked.SETTLED_GROUP)
    )
