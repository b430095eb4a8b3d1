"""docker-compose.yml: each container mounts the secrets that it needs, and nothing that holds a client's key."""

import re

from stack.prepare import ROOT

TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
SERVICES = TEXT.partition("\nservices:\n")[2].partition("\nvolumes:\n")[0]
BLOCKS = dict(re.findall(r"(?ms)^  (\w+):\n(.*?)(?=^  \w+:\n|\Z)", SERVICES))
NEEDS = {
    "kafka": set(),
    "postgres": {"postgres.password"},
    "prepare": {"postgres.url", "intake.password", "router.password", "notifier.password"},
    "intake": {"intake.url", "receipt.key", "contact.public"},
    "router": {"router.url", "receipt.key"},
    "notifier": {"notifier.url", "contact.private"},
    "demo": {"keys.env"},
}


def mounted(block: str, what: str) -> set[str]:
    found = re.search(rf"(?m)^    {what}: \[(.*)\]$", block)
    return {name.strip(' "') for name in found[1].split(",")} if found else set()


def test_each_container_mounts_the_secrets_that_it_needs_and_no_other() -> None:
    assert {name: mounted(block, "secrets") for name, block in BLOCKS.items()} == NEEDS


def test_the_only_folder_of_secrets_that_services_mount_holds_hashes() -> None:
    folders = {volume for block in BLOCKS.values() for volume in mounted(block, "volumes") if volume.startswith("./")}

    assert {"./secrets/clients:/run/clients:ro"} == folders


def test_no_secret_is_in_an_environment_or_on_a_command_line() -> None:
    assert not re.search(r"env_file|\$\$\(cat|ssp_|://[^\s/]*:[^\s/]*@", SERVICES)
    assert all(name.endswith("_FILE") for name in re.findall(r"(\w*(?:PASSWORD|SECRET|DATABASE_URL)\w*):", SERVICES))


def test_every_secret_that_is_mounted_is_a_file_in_the_folder_of_secrets() -> None:
    files = dict(re.findall(r"(?m)^  ([\w.]+): \{ file: (\S+) \}", TEXT.rpartition("\nsecrets:\n")[2]))

    assert {name: f"./secrets/{name}" for name in set().union(*NEEDS.values())} == files
