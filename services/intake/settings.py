"""What intake is told, `INTAKE_…` in the environment."""

import base64

from pydantic import Field, field_validator

from chassis.settings import Settings


class IntakeSettings(Settings):
    """`media_url` is an obstore address; keys are hex or base64 and come from files in production."""

    media_url: str
    receipt_key: bytes = Field(min_length=32, max_length=32)
    contact_public_key: str
    publish_seconds: float = Field(default=4.0, gt=0, lt=5)

    @field_validator("receipt_key", mode="before")
    @classmethod
    def _from_hex(cls, text: object) -> bytes:
        return bytes.fromhex(str(text))

    @field_validator("contact_public_key")
    @classmethod
    def _is_a_key(cls, text: str) -> str:
        key_id, _, key = text.partition(":")
        if not key_id or len(base64.b64decode(key, validate=True)) != 32:
            raise ValueError("must be <key id>:<base64 of 32 bytes>")
        return text
