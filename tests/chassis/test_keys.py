"""Keys: known by their hash, re-read when the file changes, fail closed."""

import json
import os
import time
from pathlib import Path

import pytest
from starlette.requests import Request

from chassis.http.problems import Problem
from chassis.keys import Keys, fingerprint

APP, PLATFORM = f"ssp_app_{'a' * 43}", f"ssp_platform_{'p' * 43}"


def entry(key: str, kind: str, **more: object) -> dict[str, object]:
    return {"name": kind, "kind": kind, "scopes": [], "sha256": fingerprint(key), **more}


def write(path: Path, *entries: dict[str, object]) -> None:
    path.with_suffix(".new").write_text(json.dumps({"clients": list(entries)}))
    os.replace(path.with_suffix(".new"), path)


def request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "clients.json", entry(APP, "app"), entry(PLATFORM, "platform"))
    return tmp_path / "clients.json"


@pytest.mark.parametrize(
    ("authorization", "status", "reason"),
    [
        (None, 401, "key_missing"),
        ("", 401, "key_missing"),
        ("Bearer", 401, "key_wrong"),
        ("Bearer ssp_app_nobody", 401, "key_wrong"),
        (f"Basic {APP}", 401, "key_wrong"),
        (f"Bearer {PLATFORM}", 403, "key_not_for_this"),
    ],
)
def test_who_is_not_admitted_hears_why(path: Path, authorization: str | None, status: int, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        Keys(path).admit(request(authorization), "app")

    assert (status, reason) == (caught.value.status, caught.value.reason)


def test_a_known_key_is_admitted(path: Path) -> None:
    assert Keys(path).admit(request(f"Bearer {APP}"), "app", "centre").name == "app"


def test_an_expired_key_is_wrong(path: Path) -> None:
    write(path, entry(APP, "app", expires_at="2020-01-01T00:00:00Z"))

    assert None is Keys(path).client_of(f"Bearer {APP}")


def test_a_revoked_key_is_wrong_within_a_second_and_a_torn_file_changes_nothing(path: Path) -> None:
    keys = Keys(path)
    assert keys.client_of(f"Bearer {APP}")
    path.write_text('{"clients": [{"name"', encoding="utf-8")
    time.sleep(0.6)
    assert keys.client_of(f"Bearer {APP}")
    write(path, entry(PLATFORM, "platform"))
    time.sleep(0.6)

    assert None is keys.client_of(f"Bearer {APP}")


def test_without_a_file_nobody_is_admitted(tmp_path: Path) -> None:
    assert None is Keys(tmp_path / "nowhere.json").client_of(f"Bearer {APP}")
