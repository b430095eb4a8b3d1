"""The patches are kept alive: each applies to the tree as it is, and the test that it names is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.mutants.__main__ import ROOT, read

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_patch_applies_and_names_a_test(path: Path) -> None:
    file, _, function = read(path).test.partition("[")[0].partition("::")
    applied = subprocess.run(
        ["patch", "-p1", "-s", "-f", "--dry-run", "-i", path], cwd=ROOT, capture_output=True, check=False
    )

    assert (0, b"") == (applied.returncode, applied.stdout)
    assert re.search(rf"^(async )?def {function}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


def test_there_are_bugs_enough() -> None:
    assert len(PATCHES) >= 20
