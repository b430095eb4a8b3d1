"""`python -m tests.mutants`: plants each bug in a copy of the tree and runs the test that must fail because of it.

A patch `<name>.patch` begins with the lines `what: <the bug in one sentence>` and `test: <the id of a test>`. The named
tests are first run on the tree as it is and must pass; a mutant that its test does not notice, a patch that does not
apply any more, and a test that ends otherwise than by failing itself (it cannot be collected, or a fixture breaks) are
failures. Names as arguments choose some of the patches.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".test-run/mutants"
AT_ONCE = 2
LONGEST_TEST = 240
"""Seconds; a mutant that hangs its test is noticed as well, but plant none that is meant to: it may eat the memory."""


@dataclass(frozen=True)
class Mutant:
    """One planted bug: its patch, what it breaks, and the test that notices."""

    path: Path
    what: str
    test: str

    @property
    def name(self) -> str:
        return self.path.stem


def read(path: Path) -> Mutant:
    """The mutant in a patch file. Raises `ValueError` when its head is not as it must be."""
    head = dict(line.split(": ", 1) for line in path.read_text("utf-8").splitlines()[:2] if ": " in line)
    if head.keys() != {"what", "test"} or "::" not in head["test"]:
        raise ValueError(f"{path.name}: begins with the lines 'what: …' and 'test: <file>::<function>'")
    return Mutant(path, head["what"], head["test"])


def copy_tree(to: Path) -> None:
    """The files that git tracks or would track, as they are now; what was downloaded is shared."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)
    (to / ".run").mkdir()
    (to / ".run/cache").symlink_to(ROOT / ".run/cache")


def run_tests(tree: Path, tests: Sequence[str]) -> tuple[int | None, str]:
    """Exit code of pytest (None: it took too long) and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            capture_output=True,
            check=False,
            timeout=LONGEST_TEST,
            env={**os.environ, "PYTHONPATH": ""},
        )
    except subprocess.TimeoutExpired as why:
        return None, (why.stdout or b"").decode("utf-8", "replace")
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def survives(mutant: Mutant) -> str | None:
    """Why the mutant counts as not noticed, or None when its test fails because of it."""
    tree = FOLDER / mutant.name
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    try:
        copy_tree(tree)
        applied = subprocess.run(
            ["patch", "-p1", "-s", "-f", "-i", mutant.path], cwd=tree, capture_output=True, check=False
        )
        if applied.returncode:
            return f"the patch does not apply: {applied.stdout.decode()[:300]}"
        code, told = run_tests(tree, [mutant.test])
        if code is None or (code == 1 and f"\nFAILED {mutant.test}" in told):
            return None
        return "the test passes" if code == 0 else f"pytest ended with {code}: {told[-1000:]}"
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def main(names: Sequence[str]) -> int:
    """0 when every mutant is noticed."""
    mutants = [read(path) for path in sorted(Path(__file__).parent.glob("*.patch")) if not names or path.stem in names]
    code, told = run_tests(ROOT, sorted({mutant.test for mutant in mutants}))
    if code != 0:
        sys.stdout.write(f"The named tests do not pass on the tree as it is:\n{told[-3000:]}\n")
        return 1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        alive = 0
        for mutant, why in zip(mutants, pool.map(survives, mutants), strict=True):
            alive += why is not None
            sys.stdout.write(f"{'SURVIVED' if why else 'noticed '}  {mutant.name}: {mutant.what}\n")
            sys.stdout.write(f"          {why}\n" if why else "")
            sys.stdout.flush()
    sys.stdout.write(f"{len(mutants) - alive} of {len(mutants)} mutants noticed\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
