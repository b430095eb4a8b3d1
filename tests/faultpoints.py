"""Runs a service with one crash window armed: `FAULT=<place>:<act>:<n> python -m tests.faultpoints services.router`.

At the n-th time that the place is reached the act happens: kill, exit, stop, or drop (the connection is cut). A line
on standard error says so; without that line a run has proved nothing.
"""

import os
import runpy
import signal
import sys
from collections.abc import Callable

from chassis import faults


def _drop() -> None:
    raise ConnectionResetError("fault")


ACTS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(137),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "drop": _drop,
}


def arm(spec: str) -> None:
    """Makes `chassis.faults.reach` act at one place."""
    armed, act, nth = spec.split(":")
    reached = 0

    def reach(place: str) -> None:
        nonlocal reached
        reached += place == armed
        if place == armed and reached == int(nth):
            os.write(2, f"fault {spec}\n".encode())
            ACTS[act]()

    faults.reach = reach


if __name__ == "__main__":
    arm(os.environ["FAULT"])
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
