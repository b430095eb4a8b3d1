"""What intake is told by its environment: variables that begin with INTAKE_."""

from typing import Annotated

from pydantic import AfterValidator, Field

from chassis.settings import Settings


def _thirty_two_bytes(digits: str) -> str:
    if len(bytes.fromhex(digits)) != 32:
        raise ValueError("must be 64 hex digits")
    return digits


class IntakeSettings(Settings):
    """`contact_public_key` is `<key id>:<base64 of the notifier's public key>`; `media_url` any obstore address.

    `most_uncited_photos` and `most_uncited_megabytes` bound what one client may send in a day without citing it;
    `uncited_days` is how long an uncited photo stays after its receipt has ended, and then stays set aside.
    """

    receipt_key: Annotated[str, AfterValidator(_thirty_two_bytes)]
    media_url: str
    contact_public_key: str = Field(pattern=r"^[A-Za-z0-9._-]+:[A-Za-z0-9+/]{43}=$")
    publish_seconds: float = Field(default=4.0, gt=0, lt=5)
    most_uncited_photos: int = Field(default=2_000, ge=1)
    most_uncited_megabytes: int = Field(default=2_000, ge=1)
    uncited_days: float = Field(default=7.0, ge=1, le=3650)

    @property
    def most_uncited_bytes(self) -> int:
        return self.most_uncited_megabytes * 1_000_000
