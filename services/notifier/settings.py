"""What the notifier is told by its environment, with the prefix NOTIFIER_."""

from pydantic import model_validator

from chassis.settings import Settings


class NotifierSettings(Settings):
    """The common settings and the notifier's own.

    `contact_private_keys`: `<key id>:<base64 of a libsodium private key>`, separated by `;`, old ones included.
    `local_mode` lets callbacks go to this machine by http. `sms_url` is the gateway; without it nothing is texted.
    """

    contact_private_keys: str = ""
    local_mode: bool = False
    sms_url: str | None = None

    @model_validator(mode="after")
    def _texts_need_keys(self) -> "NotifierSettings":
        if self.sms_url and not self.contact_private_keys:
            raise ValueError("an SMS gateway is of no use without contact_private_keys")
        return self
