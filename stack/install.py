"""`python3 -m stack.install`: makes the environment `.venv` from the hashed lock and says how far it is.

Runs on whatever Python is there, so that an old one can be told in a sentence that it is too old.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
FOLDER, LOCK = ".venv", os.path.join("requirements", "dev.txt")
PYTHON = os.path.join(FOLDER, "bin", "python")
REMEDIES = (
    ("No space left on device", "The disk is full: the environment needs 600 MB. Free space and try again."),
    ("Disk quota exceeded", "The disk quota is used up: the environment needs 600 MB. Free space and try again."),
    ("DO NOT MATCH THE HASHES", "The package index serves something else than the lock names. Try again later."),
    ("Permission denied", "This user may not write into .venv. Remove it, or run as its owner."),
    ("onnection", "The package index cannot be reached. Check the network, HTTPS_PROXY and pip's settings."),
    (
        "No matching distribution",
        "The package index cannot be reached. Check the network, HTTPS_PROXY and pip's settings.",
    ),
)


def main() -> int:
    """Returns an exit code; what went wrong is said in one sentence."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        return _say(
            f"Python 3.11 or newer is needed, and {sys.executable} is {found}. Run: make PYTHON=python3.11 venv"
        )
    if ":" in os.getcwd():
        return _say("The path of this folder has a colon, which Python's environments do not allow. Move the folder.")
    if not _made():
        shutil.rmtree(FOLDER, ignore_errors=True)  # of a Python that is gone, or cut off half-way
        if not _made():
            return _say("Python's module venv does not work. Install it (Debian and Ubuntu: apt install python3-venv).")
    return _installed()


def _made() -> bool:
    words = [sys.executable, "-m", "venv", FOLDER]
    made = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    has_pip = [PYTHON, "-m", "pip", "--version"]
    return made and subprocess.run(has_pip, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _installed() -> int:
    with open(LOCK, encoding="utf-8") as file:
        count = sum(1 for line in file if line[:1].isalpha())
    _say(f"Making .venv: {count} packages, about a minute …")
    words = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
    words += ["--require-hashes", "-r", LOCK]
    said: list[str] = []
    seen = 0
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
        for line in pip.stdout or ():
            said.append(line.decode("utf-8", "replace").rstrip())
            if said[-1].startswith("Collecting "):
                seen += 1
                _progress(seen, count)
            elif said[-1].startswith("Installing collected"):
                _say("  installing …")
    return 0 if pip.returncode == 0 else _explain(said)


def _progress(seen: int, count: int) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r  {seen} of {count} fetched" + ("\n" if seen == count else ""))
        sys.stdout.flush()
    elif seen % 20 == 0:
        _say(f"  {seen} of {count} fetched")


def _explain(said: list[str]) -> int:
    text = "\n".join(said)
    remedy = next((remedy for sign, remedy in REMEDIES if sign in text), "pip has failed.")
    errors = [line for line in said if line.startswith("ERROR")] or ["nothing"]
    return _say(f"{remedy} (pip says: {errors[-1][:300]})")


def _say(text: str) -> int:
    sys.stdout.buffer.write((text + "\n").encode("utf-8"))  # also where the locale has no such character
    sys.stdout.flush()
    return 1


if __name__ == "__main__":
    sys.exit(main())
