"""Counts what a call costs without a clock: the lines that it runs, and the items that its built-ins look at."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

SIZED = (str, bytes, bytearray, list, tuple)
SCANNING = {"count", "index", "find", "rfind", "remove", "insert", "copy", "split", "replace", "translate", "partition"}


def steps(call: Callable[[], object]) -> int:
    """How many steps `call` takes: one for each line of Python, and one for each item that a built-in method looks at.

    A loop over n items that searches a list of n items in each turn therefore costs n * n steps, although the search
    itself is one instruction.
    """
    count = 0

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return on_line

    def on_call(_: FrameType, event: str, called: Any) -> None:
        nonlocal count
        if event == "c_call":
            owner, scans = getattr(called, "__self__", None), called.__name__ in SCANNING
            count += 1 + (len(owner) if scans and isinstance(owner, SIZED) else 0)

    traced, profiled = sys.gettrace(), sys.getprofile()
    sys.settrace(on_line)
    sys.setprofile(on_call)
    try:
        call()
    finally:
        sys.setprofile(profiled)
        sys.settrace(traced)
    return count
