"""Logs: one JSON object a line, and no contact or secret in it."""

import json
import subprocess
import sys

import pytest
from structlog.testing import CapturedCall

from chassis import logs


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"phone": "13800000000"}, {"phone": "[redacted]"}),
        ({"text": "call 13800001234 now"}, {"text": "call 138****1234 now"}),
        ({"deep": {"a": ["13800001234"], "secret": "x"}}, {"deep": {"a": ["138****1234"], "secret": "[redacted]"}}),
        ({"why": "key ssp_app_abcdefghij was wrong"}, {"why": "key ssp_app_[redacted] was wrong"}),
        ({"number": "1401062026112400001"}, {"number": "1401062026112400001"}),
        ({"count": 3}, {"count": 3}),
    ],
)
def test_contacts_and_secrets_are_blacked_out(event: CapturedCall, told: CapturedCall) -> None:
    assert told == logs.redact(None, "info", dict(event))  # type: ignore[arg-type]


PROGRAM = """
import logging
from chassis import logs
logs.configure("trial")
logs.log.info("something.happened", text="two\\nlines\\r\\n{}", phone="13800000000")
logging.getLogger("a.library").warning("heard of %s", "13800001234")
"""


def test_a_line_is_one_json_object_whatever_is_in_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]

    assert [(line["service"], line["event"]) for line in lines] == [
        ("trial", "something.happened"),
        ("trial", "heard of 138****1234"),
    ]
    assert lines[0]["text"] == "two\nlines\r\n{}"
