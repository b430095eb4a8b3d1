"""Settings: read once from the environment, frozen, and a misspelt variable stops the boot."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

FOR_CLIENTS = ("URL",)
"""`<PREFIX>_URL` is where a service's clients find it, as `.run/env` tells a shell; to the service it says nothing."""


class Misset(SystemExit):
    """The environment is not fit to start with: the process ends with status 1 and names every variable at fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("settings: " + "; ".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """What every service is told. Each subclass field is one variable, `<PREFIX>_<FIELD>`, or `…_FILE` for a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka_bootstrap: str
    database_url: str
    clients_path: Path
    city_path: Path
    host: str = "127.0.0.1"
    port: int
    log_level: str = "INFO"


S = TypeVar("S", bound=Settings)


def read(model: type[S], prefix: str, environ: Mapping[str, str] = os.environ) -> S:
    """The settings of `model` from the variables that begin with `<prefix>_`, but for those `FOR_CLIENTS`.

    `<NAME>_FILE` reads the value from a file, without its last line break. Raises `Misset` with one entry for
    each variable that is unknown, missing, given twice or unfit; values are never repeated in the text.
    """
    given, faults = _given(prefix, environ)
    try:
        settings = model.model_validate(given)
    except ValidationError as why:
        faults += [
            f"{prefix}_{'_'.join(map(str, e['loc'])).upper()}: {_words(e['type'], e['msg'])}" for e in why.errors()
        ]
    if faults:
        raise Misset(faults)
    return settings


def _given(prefix: str, environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    faults: list[str] = []
    for variable, value in environ.items():
        name = variable.removeprefix(f"{prefix}_")
        if name in (variable, *FOR_CLIENTS):
            continue
        if name.endswith("_FILE"):
            name = name.removesuffix("_FILE")
            try:
                value = Path(value).read_text("utf-8").removesuffix("\n")
            except OSError as why:
                faults.append(f"{variable}: cannot be read ({why.strerror})")
                continue
        if name.lower() in given:
            faults.append(f"{variable}: given twice")
        given[name.lower()] = value
    return given, faults


def _words(kind: str, message: str) -> str:
    return {"missing": "is missing", "extra_forbidden": "is unknown; is it misspelt?"}.get(kind, message)
