"""Keys of clients: printed once, stored as a hash, gone for the services within a second of being revoked."""

import json
import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.keys import Keys
from stack import keys

PATIENCE = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run/clients.json"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def known(services: Keys, key: str) -> str | None:
    client = services.client_of(f"Bearer {key}")
    return f"{client.kind} {client.name}" if client else None


def test_an_issued_key_is_listed_by_its_hash_and_admitted(path: Path) -> None:
    key = keys.issue(path, "jinyang", "app", datetime(2099, 1, 1, tzinfo=UTC))
    entries = keys.read(path)

    assert [("jinyang", "app", datetime(2099, 1, 1, tzinfo=UTC))] == [(e.name, e.kind, e.expires_at) for e in entries]
    assert "app jinyang" == known(Keys(path), key)


def test_no_key_is_in_the_file_in_clear(path: Path) -> None:
    issued = [keys.issue(path, "jinyang", "app"), keys.issue(path, "P016", "platform")]
    # The secret part may itself contain "_", so it is what follows the second one.
    secrets = [key.split("_", 2)[2] for key in issued]
    text = path.read_text("utf-8")

    assert [43, 43] == [len(secret) for secret in secrets]
    assert 2 == text.count('"sha256"')
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize("kind", keys.KINDS)
def test_a_key_says_its_kind_and_is_never_the_same(path: Path, kind: str) -> None:
    issued = {keys.issue(path, "somebody", kind) for _ in range(3)}

    assert 3 == len(issued)
    assert {f"ssp_{kind}_"} == {key[: len(kind) + 5] for key in issued}
    assert {43} == {len(key) - len(kind) - 5 for key in issued}


def test_a_client_may_hold_two_keys_while_it_changes_them_and_loses_both_at_once(path: Path) -> None:
    old, new = keys.issue(path, "jinyang", "app"), keys.issue(path, "jinyang", "app")
    other = keys.issue(path, "fenhe", "app")
    both = [known(Keys(path), key) for key in (old, new)]
    revoked = keys.revoke(path, "jinyang")

    assert (["app jinyang", "app jinyang"], 2) == (both, revoked)
    assert [None, None, "app fenhe"] == [known(Keys(path), key) for key in (old, new, other)]


def test_a_running_service_knows_what_was_issued_and_what_was_revoked(path: Path) -> None:
    first = keys.issue(path, "jinyang", "app")
    services = Keys(path)
    assert known(services, first)

    second = keys.issue(path, "fenhe", "app")
    until(lambda: known(services, second) is not None)
    keys.revoke(path, "jinyang")
    until(lambda: known(services, first) is None)

    assert "app fenhe" == known(services, second)


def test_the_file_is_replaced_and_never_written_in_place(path: Path) -> None:
    keys.issue(path, "jinyang", "app")
    with path.open("rb") as seen_by_a_reader:
        keys.issue(path, "fenhe", "app")
        before = json.load(seen_by_a_reader)
    names = [e["name"] for e in before["clients"]]

    assert (["jinyang"], ["jinyang", "fenhe"]) == (names, [e.name for e in keys.read(path)])
    assert [path] == list(path.parent.iterdir())


def test_the_file_is_its_owners_alone_unless_somebody_opened_it(path: Path) -> None:
    keys.issue(path, "jinyang", "app")
    at_first = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o644)  # as for containers, whose user is another
    keys.issue(path, "fenhe", "app")
    keys.revoke(path, "jinyang")

    assert (0o600, 0o644) == (at_first, stat.S_IMODE(path.stat().st_mode))


def test_of_many_that_change_the_file_at_once_none_is_lost(path: Path) -> None:
    for n in range(8):
        keys.issue(path, f"old-{n}", "app")
    with ThreadPoolExecutor(8) as threads:
        issued = [threads.submit(keys.issue, path, f"new-{n}", "app") for n in range(8)]
        revoked = [threads.submit(keys.revoke, path, f"old-{n}") for n in range(8)]
    services = Keys(path)

    assert [1] * 8 == [future.result() for future in revoked]
    assert [f"app new-{n}" for n in range(8)] == [known(services, future.result()) for future in issued]
    assert {f"new-{n}" for n in range(8)} == {e.name for e in keys.read(path)}


@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("jinyang", "citizen", "kind 'citizen' is none of app, platform, centre, ops"),
        ("jinyang", "platform", "jinyang is already a client of another kind"),
        ("two words", "app", "'two words' is no name for a client"),
        ("", "app", "'' is no name for a client"),
    ],
)
def test_what_cannot_be_issued_is_refused_and_changes_nothing(path: Path, name: str, kind: str, why: str) -> None:
    keys.issue(path, "jinyang", "app")
    before = path.read_bytes()
    with pytest.raises(keys.Refused) as caught:
        keys.issue(path, name, kind)

    assert (why, before) == (str(caught.value)[: len(why)], path.read_bytes())


def test_whoever_is_not_a_client_cannot_be_revoked(path: Path) -> None:
    with pytest.raises(keys.Refused, match="there is no "):
        keys.revoke(path, "jinyang")
    keys.issue(path, "fenhe", "app")
    with pytest.raises(keys.Refused, match="no client is called jinyang"):
        keys.revoke(path, "jinyang")

    assert ["fenhe"] == [e.name for e in keys.read(path)]


def test_a_whole_set_is_issued_in_one_write_and_replaces_what_was_there(path: Path) -> None:
    old = keys.issue(path, "old", "app")
    issued = keys.issue_all(path, {"APP_KEY": ("jinyang", "app"), "PLATFORM_KEY_P001": ("P001", "platform")})
    services = Keys(path)

    assert [None, "app jinyang", "platform P001"] == [
        known(services, key) for key in (old, issued["APP_KEY"], issued["PLATFORM_KEY_P001"])
    ]
