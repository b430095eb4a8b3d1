"""Signatures as Standard Webhooks 1.0.0 has them, compared with its own library."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifier.signature import PREFIX, headers_of, secret_of

TUESDAY_1000 = datetime(2026, 11, 24, 2, 0, 0, 999_999, tzinfo=UTC)
NOTICE = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0cff")
OURS, OLD, FOREIGN = (secret_of(bytes([n]) * 32) for n in (1, 2, 3))
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.binary(min_size=24, max_size=64), st.uuids(), INSTANTS, st.text())
def test_the_library_signs_the_same(key: bytes, notice_id: UUID, at: datetime, body: str) -> None:
    secret = secret_of(key)
    try:
        encoded = body.encode()
    except UnicodeEncodeError:
        return
    headers = headers_of(notice_id, at, encoded, [secret])

    assert Webhook(secret).sign(str(notice_id), at, body) == headers["webhook-signature"]


def test_a_receiver_with_the_library_accepts_it_and_sees_one_changed_byte() -> None:
    body = json.dumps({"text": "已更换井盖"}, ensure_ascii=False).encode()
    headers = headers_of(NOTICE, datetime.now(UTC), body, [OURS])

    assert {"text": "已更换井盖"} == Webhook(OURS).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OURS).verify(body.replace(b"text", b"Text"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OURS).verify(body, headers | {"webhook-id": str(UUID(int=1))})


def test_during_a_rotation_either_secret_verifies_and_no_other() -> None:
    headers = headers_of(NOTICE, datetime.now(UTC), b"{}", [OURS, OLD])

    assert ({}, {}) == (Webhook(OURS).verify(b"{}", headers), Webhook(OLD).verify(b"{}", headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(FOREIGN).verify(b"{}", headers)


def test_the_id_is_the_notices_and_the_timestamp_whole_seconds_of_the_attempt() -> None:
    headers = headers_of(NOTICE, TUESDAY_1000, b"{}", [OURS])

    assert (str(NOTICE), "1795485600") == (headers["webhook-id"], headers["webhook-timestamp"])
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} == set(headers)


def test_a_secret_is_prefixed_base64() -> None:
    assert PREFIX + "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" == OURS
