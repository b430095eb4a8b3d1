"""What a photo's name says by itself."""

import base64
import binascii
import hashlib


def sha256_of(media_id: str) -> str:
    """The hash (hex) that a receipt begins with; of a name that is no receipt, the hash of the name itself."""
    try:
        return base64.urlsafe_b64decode(media_id[:44].encode("ascii"))[:32].hex()
    except (binascii.Error, UnicodeEncodeError):
        return hashlib.sha256(media_id.encode()).hexdigest()
