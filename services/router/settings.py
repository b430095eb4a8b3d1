"""What the router is told by its environment, `ROUTER_…`."""

from typing import Annotated

from pydantic import AfterValidator

from chassis import settings


def _key(text: str) -> str:
    if len(bytes.fromhex(text)) != 32:
        raise ValueError("must be 32 bytes in hex")
    return text


class RouterSettings(settings.Settings):
    """`receipt_key` is shared with intake, which signs the photos that platforms cite."""

    receipt_key: Annotated[str, AfterValidator(_key)]
    port: int = 8002
