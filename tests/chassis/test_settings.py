"""Settings: frozen, complete, and a misspelt variable stops the boot."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from chassis.settings import Misset, Settings, read

FIT = {
    "X_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
    "X_DATABASE_URL": "postgresql://x",
    "X_CLIENTS_PATH": "clients.json",
    "X_CITY_PATH": "city",
    "X_PORT": "8080",
    "PATH": "not ours",
}


def test_what_is_given_is_read_and_cannot_be_changed() -> None:
    settings = read(Settings, "X", FIT)

    assert (8080, Path("clients.json"), "127.0.0.1") == (settings.port, settings.clients_path, settings.host)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


def test_where_clients_find_the_service_is_no_setting_of_it() -> None:
    assert read(Settings, "X", FIT) == read(Settings, "X", {**FIT, "X_URL": "http://127.0.0.1:8102"})


def test_a_secret_is_read_from_its_file_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://secret\n")
    given = {k: v for k, v in FIT.items() if k != "X_DATABASE_URL"} | {"X_DATABASE_URL_FILE": str(tmp_path / "url")}

    assert read(Settings, "X", given).database_url == "postgresql://secret"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"X_PROT": "1"}, "X_PROT: is unknown; is it misspelt?"),
        ({"X_PORT": "eighty"}, "X_PORT: "),
        ({"X_DATABASE_URL_FILE": "/nowhere/at/all"}, "X_DATABASE_URL_FILE: cannot be read (No such file or directory)"),
        ({"X_PORT": None}, "X_PORT: is missing"),
    ],
)
def test_what_is_unknown_unfit_or_missing_stops_the_boot_by_name(change: dict[str, str | None], fault: str) -> None:
    given = {k: v for k, v in {**FIT, **change}.items() if v is not None}

    with pytest.raises(Misset) as caught:
        read(Settings, "X", given)

    assert [fault] == [f[: len(fault)] for f in caught.value.faults]
    assert "settings: " + "; ".join(caught.value.faults) == caught.value.code
