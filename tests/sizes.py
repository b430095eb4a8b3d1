"""Prints the sizes of files and functions of the product, the longest first: a habit to look at, not a gate."""

import ast
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
PRODUCT = ("services", "schemas", "chassis", "stack")


def main() -> None:
    """Median, 95th percentile and maximum of files and functions, then the ten longest of each."""
    paths = [p for folder in PRODUCT for p in (ROOT / folder).rglob("*.py") if "migrations" not in p.parts]
    files = sorted(((p.read_text("utf-8").count("\n"), str(p.relative_to(ROOT))) for p in paths), reverse=True)
    functions = sorted((f for p in paths for f in _functions(p)), reverse=True)
    for what, found in (("files", files), ("functions", functions)):
        lines = [size for size, _ in found]
        sys.stdout.write(
            f"{what}: {len(found)}, median {median(lines)}, p95 {lines[len(lines) // 20]}, max {lines[0]}\n"
        )
        sys.stdout.writelines(f"  {size:4} {name}\n" for size, name in found[:10])


def _functions(path: Path) -> list[tuple[int, str]]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    return [
        ((node.end_lineno or 0) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}")
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


if __name__ == "__main__":
    main()
