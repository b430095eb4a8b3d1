"""Input costs no more than its length: no pattern of the product reads it twice, and no loop over it nests."""

import ast
import importlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

from chassis.http.problems import Problem
from chassis.http.strict_json import parse_json
from chassis.logs import redact
from chassis.personal import mask
from chassis.plain_text import cleaned, cleaned_values, folded
from chassis.receipts import Forged, read
from services.intake.report import Report
from services.notifier.address import read_address
from services.notifier.cursor import read_cursor
from tests.steps import steps

ROOT = Path(__file__).parent.parent
FEW = 256
"""A repeat of at most so many costs a constant, however it is read."""
PROVEN = {
    "chassis.http.strict_json._STRING": "an unclosed string reaches to the end, so the search never begins anew in it",
    "services.notifier.address._NAME": "matched from the beginning only, and possessive",
    "services.intake.timeline._BLANK": "what it repeats has no brace, with which it begins",
    "services.intake.city._IN_BRACES": "what it repeats has no brace, with which it begins; read at start only",
}
REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("chassis", "services", "schemas")
    for path in (ROOT / folder).rglob("*.py")
    if path.stem not in ("__main__", "__init__")
)


def patterns() -> Iterator[tuple[str, str | bytes]]:
    """Every pattern of the product by its name: those that modules keep, and those written where they are used."""
    for module in MODULES:
        kept = {n: v.pattern for n, v in vars(importlib.import_module(module)).items() if isinstance(v, re.Pattern)}
        yield from ((f"{module}.{name}", pattern) for name, pattern in kept.items())
        text = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and first.value not in kept.values():
                    assert isinstance(first.value, str | bytes)
                    yield f"{module} line {node.lineno}", first.value


def goes_back(items: Any, last: bool, inside: bool = False) -> bool:
    """Whether an unbounded repeat in `items` may be read twice: something follows it (`last` is False), at which a
    search may fail and begin anew inside it, or repeats it (`inside`)."""
    found = list(items)
    for place, (kind, of) in enumerate(found):
        ends = last and all(after is sre.AT for after, _ in found[place + 1 :])
        if kind in REPEATS:
            endless = of[1] is sre.MAXREPEAT or of[1] > FEW
            taken_back = inside and kind is not sre.POSSESSIVE_REPEAT
            if (endless and (taken_back or not (ends or inside))) or goes_back(of[2], ends, inside or endless):
                return True
        elif any(goes_back(part, ends, inside) for part in parts(kind, of)):
            return True
    return False


def parts(kind: Any, of: Any) -> list[Any]:
    """The patterns inside one of a pattern's items."""
    if kind is sre.BRANCH:
        return list(of[1])
    if kind is sre.SUBPATTERN:
        return [of[3]]
    if kind is sre.ATOMIC_GROUP:
        return [of]
    return [of[1]] if kind in (sre.ASSERT, sre.ASSERT_NOT) else []


@pytest.mark.parametrize(
    ("pattern", "back"),
    [
        ("[a-z]+", False), ("[a-z]+$", False), ("x[a-z]{1,64}y", False), ("[a-z]+y", True), ("(?:ab+)*", True),
        ("(?:a|b)*c", True), ("(?:a|b)*+c", True), ("(?:a++|b)*+", False),
        ("(a+)+", True), ("(a{1,9}){1,9}", False), ("(?=a+b)", True),
    ],
)  # fmt: skip
def test_the_rule_for_patterns_knows_which_go_back(pattern: str, back: bool) -> None:
    assert back == goes_back(parser.parse(pattern), last=True)


def test_no_pattern_goes_back_over_its_input() -> None:
    found = dict(patterns())
    back = {name for name, pattern in found.items() if goes_back(parser.parse(pattern), last=True)}

    assert len(found) > 20
    assert set() == back - set(PROVEN)
    assert set() == set(PROVEN) - back


def refused(body: bytes) -> None:
    with suppress(Problem):
        parse_json(body)


def unfit(claimed: Any) -> None:
    with suppress(ValueError):
        Report.model_validate(claimed)


def forged(text: str) -> None:
    with suppress(Forged):
        read(b"key", text)


def keys(n: int) -> bytes:
    return b",".join(b'"k%d":0' % i for i in range(n))


GROWING: dict[str, Callable[[int], Callable[[], object]]] = {
    "an unclosed string of quotes": lambda n: lambda: refused(b'{"a":"' + b'\\"' * n + b"[" * 33),
    "an unclosed string of backslashes": lambda n: lambda: refused(b'{"a":"' + b"\\" * (2 * n + 1) + b"[" * 33),
    "many empty strings": lambda n: lambda: refused(b"[" * 33 + b'""' * n),
    "many brackets": lambda n: lambda: refused(b"[" + b"[]," * n + b"0]"),
    "the last key twice": lambda n: lambda: refused(b"{" + keys(n) + b',"k%d":1}' % (n - 1)),
    "a long key over many NaN": lambda n: lambda: refused(b'{"' + b"k" * n + b'":[' + b"0," * n + b"NaN]}"),
    "many numbers that are none": lambda n: lambda: refused(b"[" + b"NaN," * n + b"0]"),
    "many halves": lambda n: lambda: refused(b"[" + b'"\\ud83d\\ude00",' * n + b'"\\ud83d"]'),
    "a number of many digits": lambda n: lambda: refused(b'{"n":' + b"9" * n + b"}"),
    "a report with unknown fields": lambda n: lambda: unfit(json.loads(b"{" + keys(n) + b"}")),
    "words to mask": lambda n: lambda: mask("1" * n),
    "single digits with gaps": lambda n: lambda: mask("1 " * n),
    "groups of three digits": lambda n: lambda: mask("138-" * n),
    "pairs of digits": lambda n: lambda: mask("13/" * n),
    "area codes": lambda n: lambda: mask("0351 " * n),
    "plus signs": lambda n: lambda: mask("+1 23" * n),
    "brackets": lambda n: lambda: mask("(" * n + ")138" * n),
    "numbers to mask": lambda n: lambda: mask("13800001234, " * n),
    "identity numbers to mask": lambda n: lambda: mask("11010519491231002X " * n),
    "Chinese numerals": lambda n: lambda: mask("一三八" * n),
    "circled numbers": lambda n: lambda: mask("⑬" * n),
    "invisible characters": lambda n: lambda: cleaned("\u200e\u200d\ufe0f☀" * n),
    "texts to clean": lambda n: lambda: cleaned_values(["\u200b"] * n),
    "words with an at sign": lambda n: lambda: mask("a@" * n),
    "words with gaps": lambda n: lambda: mask("13" + " " * n + "800"),
    "words to compare": lambda n: lambda: folded("\u200b a" * n),
    "an address": lambda n: lambda: read_address("https://" + "a." * n, local_mode=False),
    "a cursor": lambda n: lambda: read_cursor("MS4x" * n),
    "a receipt": lambda n: lambda: forged("A" * n),
    "a line of the log": lambda n: lambda: redact(None, "", {"why": ["ssp_a" * n, "1" * n, "whsec_" * n]}),
}


@pytest.mark.parametrize("growing", GROWING)
def test_what_is_twice_as_long_costs_no_more_than_twice_as_much(growing: str) -> None:
    call = GROWING[growing]
    call(8)()  # what is made on the first call only costs nothing later
    once, twice = steps(call(1000)), steps(call(2000))

    assert twice <= 2.2 * once + 200  # the numbers in the words grow by a digit


def test_a_search_within_a_loop_is_seen() -> None:
    def nested(n: int) -> Callable[[], object]:
        names = [str(i) for i in range(n)]
        return lambda: [name for name in names if names.count(name) > 1]

    assert steps(nested(200)) > 3 * steps(nested(100))
