"""Secrets of a local system: made once, readable by their owner alone, each service told only its own."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest
from nacl.public import PrivateKey, PublicKey, SealedBox

from chassis.keys import Keys
from stack import keys
from stack.failed import Unfit
from stack.prepare import SERVICES
from stack.secrets import APPS, STAFF, Secrets

PLATFORMS = ("P001", "P016")
NAMES = {"receipt.key", "contact.public", "contact.private", "keys.json"}


@pytest.fixture
def made(tmp_path: Path) -> Secrets:
    secrets = Secrets(tmp_path / "secrets", tmp_path / "clients.json")
    secrets.make(PLATFORMS)
    return secrets


def modes(folder: Path) -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in (folder, *folder.rglob("*"))}


def files(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_file_is_its_owners_alone(made: Secrets, tmp_path: Path) -> None:
    assert {"secrets": 0o700} | dict.fromkeys(NAMES, 0o600) == modes(tmp_path / "secrets")
    assert 0o600 == stat.S_IMODE((tmp_path / "clients.json").stat().st_mode)


def test_a_second_run_keeps_what_is_there(made: Secrets, tmp_path: Path) -> None:
    before = files(tmp_path)
    again = Secrets(tmp_path / "secrets", tmp_path / "clients.json")
    again.make(PLATFORMS)

    assert before == files(tmp_path)
    assert made.keys == again.keys


@pytest.mark.parametrize("lost", ["receipt.key", "keys.json"])
def test_what_was_lost_is_made_anew_and_the_rest_is_kept(made: Secrets, tmp_path: Path, lost: str) -> None:
    before = files(tmp_path / "secrets")
    (tmp_path / "secrets" / lost).unlink()
    Secrets(tmp_path / "secrets", tmp_path / "clients.json").make(PLATFORMS)
    after = files(tmp_path / "secrets")

    assert before.keys() == after.keys()
    assert [lost] == [path.name for path in before if before[path] != after[path]]


def test_damaged_keys_are_said_to_be_damaged_and_what_to_do(made: Secrets, tmp_path: Path) -> None:
    (tmp_path / "secrets/keys.json").write_text('{"APP_KEY": "ssp', "utf-8")

    with pytest.raises(Unfit, match=r"keys\.json cannot be read .*Remove it: all keys are then issued anew\."):
        Secrets(tmp_path / "secrets", tmp_path / "clients.json").make(PLATFORMS)


def test_everybody_has_a_key_that_the_services_admit_as_what_they_are(made: Secrets, tmp_path: Path) -> None:
    services = Keys(tmp_path / "clients.json")
    wanted = {label: ("app", name) for label, name in APPS.items()}
    wanted |= {label: (kind, name) for label, (name, kind) in STAFF.items()}
    wanted |= {f"PLATFORM_KEY_{code}": ("platform", code) for code in PLATFORMS}
    clients = {label: services.client_of(f"Bearer {key}") for label, key in made.keys.items()}

    assert wanted == {label: client and (client.kind, client.name) for label, client in clients.items()}


def test_what_is_sealed_with_the_public_key_is_opened_with_the_private_one(made: Secrets, tmp_path: Path) -> None:
    public_id, public = (tmp_path / "secrets/contact.public").read_text("ascii").strip().split(":")
    private_id, private = (tmp_path / "secrets/contact.private").read_text("ascii").strip().split(":")
    sealed = SealedBox(PublicKey(base64.b64decode(public))).encrypt(b"13800001234")

    assert public_id == private_id
    assert b"13800001234" == SealedBox(PrivateKey(base64.b64decode(private))).decrypt(sealed)


def test_the_receipt_key_has_32_bytes(made: Secrets, tmp_path: Path) -> None:
    assert 32 == len(bytes.fromhex((tmp_path / "secrets/receipt.key").read_text("ascii").strip()))


def test_each_service_is_told_only_what_it_needs(made: Secrets, tmp_path: Path) -> None:
    told = {service: made.settings_of(service, tmp_path / "media") for service in SERVICES}
    paths = {service: {Path(v).name for k, v in of.items() if k.endswith("_FILE")} for service, of in told.items()}

    assert {
        "intake": {"receipt.key", "contact.public"},
        "router": {"receipt.key"},
        "notifier": {"contact.private"},
    } == paths


def test_compose_gets_passwords_addresses_and_keys_that_agree_and_keeps_them(made: Secrets, tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    first = Secrets(folder, folder / "clients/clients.json")
    first.make(PLATFORMS)
    first.make_for_compose()
    before = files(folder)
    again = Secrets(folder, folder / "clients/clients.json")
    again.make(PLATFORMS)
    again.make_for_compose()
    passwords = {s: (folder / f"{s}.password").read_text("ascii").strip() for s in ("postgres", *SERVICES)}
    env = dict(line.split("=", 1) for line in (folder / "keys.env").read_text("ascii").splitlines())

    assert before == files(folder)
    assert 4 == len(set(passwords.values()))
    for service in SERVICES:
        url = (folder / f"{service}.url").read_text("ascii").strip()
        assert f"postgresql://{service}:{passwords[service]}@postgres/suishoupai" == url
    assert first.keys == env == json.loads((folder / "keys.json").read_text("utf-8"))


def test_for_compose_the_folder_is_closed_and_each_file_belongs_to_the_container_that_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    (folder / "clients").mkdir(parents=True)
    (folder / "clients/keys.env").write_text("APP_KEY=of an older version\n", "ascii")
    secrets = Secrets(folder, folder / "clients/clients.json")
    secrets.make(PLATFORMS)
    secrets.make_for_compose()
    found = modes(folder)
    owners = {p.name: p.stat().st_uid for p in folder.rglob("*")}
    as_root = os.geteuid() == 0

    assert (0o700, 0o600) == (found.pop("compose"), found.pop("keys.json"))
    assert (0o700 if as_root else 0o755) == found.pop("clients")
    assert {0o600 if as_root else 0o644} == set(found.values())
    assert not (folder / "clients/keys.env").exists()
    assert (os.getuid(), 999 if as_root else os.getuid()) == (owners.pop("keys.json"), owners.pop("postgres.password"))
    assert {10001 if as_root else os.getuid()} == set(owners.values())


def test_no_file_that_every_service_can_read_holds_a_key(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    secrets = Secrets(folder, folder / "clients/clients.json")
    secrets.make(PLATFORMS)
    secrets.make_for_compose()
    text = "".join(path.read_text("utf-8") for path in (folder / "clients").rglob("*"))

    assert text.count("sha256") == len(secrets.keys)
    assert not [label for label, key in secrets.keys.items() if key in text]


def test_a_changed_client_list_stays_readable_for_who_could_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "compose"
    secrets = Secrets(folder, folder / "clients/clients.json")
    secrets.make(PLATFORMS)
    secrets.make_for_compose()
    before = (folder / "clients/clients.json").stat()
    keys.issue(folder / "clients/clients.json", "new", "app")
    after = (folder / "clients/clients.json").stat()

    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)
