"""What intake is told by its environment: variables that begin with INTAKE_."""

from typing import Annotated

from pydantic import AfterValidator, Field

from chassis.settings import Settings


def _thirty_two_bytes(digits: str) -> str:
    if len(bytes.fromhex(digits)) != 32:
        raise ValueError("must be 64 hex digits")
    return digits


class IntakeSettings(Settings):
    """`contact_public_key` is `<key id>:<base64 of the notifier's public key>`; `media_url` any obstore address."""

    receipt_key: Annotated[str, AfterValidator(_thirty_two_bytes)]
    media_url: str
    contact_public_key: str = Field(pattern=r"^[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=$")
    publish_seconds: float = Field(default=4.0, gt=0, lt=5)
