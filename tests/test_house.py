"""The architecture as a test: who may import whom, what a decision may touch, what must not exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICES = ("intake", "router", "notifier")
OURS = ("services.", "schemas.", "chassis.", "cities.", "stack.", "tests.")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "schemas": ("schemas.",),
    "chassis": ("chassis.",),
    "tests/journeys": ("tests.journeys.", "tests.standins.", "schemas.", "stack."),
    "tests/standins": ("tests.standins.", "schemas.", "stack."),
}
MAY_IMPORT |= {f"services/{s}": (f"services.{s}.", "schemas.", "chassis.") for s in SERVICES}
NOT_PURE = {
    "app", "__main__", "settings", "city", "consumers", "rounds", "act", "ledger", "ledger_reads", "read_model",
    "contact", "darkroom", "photo_store", "callback", "sms", "waking", "rehearse", "recount", "announcing",
}  # fmt: skip
IMPURE_PREFIXES = ("http", "ledger", "read_model", "darkroom", "rounds")
OUTSIDE = {
    "aiokafka",
    "asyncio",
    "asyncpg",
    "chassis",
    "faststream",
    "httpx",
    "os",
    "random",
    "socket",
    "subprocess",
    "time",
}
PURE_CHASSIS = {"chassis.pack", "chassis.personal", "chassis.plain_text", "chassis.receipts"}
FORBIDDEN_FILES = {
    "utils.py", "base.py", "misc.py", "constants.py", "exceptions.py", "types.py", "enums.py", "models.py",
    "services.py",
}  # fmt: skip
FORBIDDEN_ENDINGS = ("Manager", "Service", "Processor", "Factory", "Wrapper", "Impl")
FIELD_WORDS = re.compile(
    r"(report|reporter|citizen|categor|district|verdict|platform|centre|city|dispatch|bounce|arbitration|rework|escalat|notice|recipient)"
)
OF_OURS = sorted(p for folder in ("services", "schemas", "chassis", "stack") for p in (ROOT / folder).rglob("*.py"))
MODULES = [p for p in OF_OURS if "migrations" not in p.relative_to(ROOT).parts]
LONGEST_FILE, LONGEST_CHASSIS_FILE, LONGEST_FUNCTION = 200, 150, 40


def of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Import | ast.ImportFrom)]
    return {f"{getattr(node, 'module', None) or ''}.{a.name}.".lstrip(".") for node in nodes for a in node.names}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_follow_the_arrows(package: str) -> None:
    strays = {
        of(path): stray
        for path in (ROOT / package).rglob("*.py")
        if (stray := {m for m in imports(path) if m.startswith(OURS) and not m.startswith(MAY_IMPORT[package])})
    }

    assert strays == {}


def test_nothing_of_the_product_imports_the_stack_or_the_tests() -> None:
    strays = [
        of(path) for path in OF_OURS if path.parts[-2] != "stack" and any(m.startswith("tests.") for m in imports(path))
    ]

    assert strays == []


@pytest.mark.parametrize("path", sorted((ROOT / "services").glob("*/*.py")), ids=of)
def test_a_decision_touches_nothing_outside(path: Path) -> None:
    if path.stem in NOT_PURE or path.stem.startswith(IMPURE_PREFIXES) or path.stem == "__init__":
        return
    outside = {m.split(".")[0] for m in imports(path) if not m.rstrip(".").startswith(tuple(PURE_CHASSIS))} & OUTSIDE

    assert (set(), False) == (outside, ".now(" in path.read_text("utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=of)
def test_a_file_and_its_functions_stay_short(path: Path) -> None:
    text = path.read_text("utf-8")
    functions = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    too_long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno + 1 > LONGEST_FUNCTION]
    limit = LONGEST_CHASSIS_FILE if path.is_relative_to(ROOT / "chassis") else LONGEST_FILE

    assert (text.count("\n") <= limit, too_long) == (True, [])


@pytest.mark.parametrize("path", OF_OURS, ids=of)
def test_every_file_says_first_what_it_is_about(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))

    assert not tree.body or ast.get_docstring(tree)


def sql_of(path: Path) -> str:
    """Every text in a file, except those that only document it."""
    tree = ast.parse(path.read_text("utf-8"))
    spoken = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    texts = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in spoken)
    return "\n".join(text.value for text in texts if isinstance(text.value, str))


UNNAMED_COLUMNS = re.compile(
    r"(?:\bselect|\breturning|,)\s+(?:\w+\.)?\*(?!\s+from unnest\()"  # what `unnest` has are its arguments
    r"|\binsert into [\w.]+(?: as \w+)?\s+(?:select|values|default)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select * from router.cases", True),
        ("select c.case_id, e.* from router.cases c", True),
        ("delete from router.cases returning *", True),
        ("update router.cases c set state = '' returning c.*", True),
        ("insert into router.cases as c\n select $1", True),
        ("insert into router.cases values ($1)", True),
        ("insert into router.cases (case_id)\n select * from unnest($1::uuid[])", False),
        ("select count(*), 2 * lines from router.cases", False),
    ],
)
def test_a_statement_without_names_of_columns_is_recognised(sql: str, found: bool) -> None:
    assert found is bool(UNNAMED_COLUMNS.search(sql))


@pytest.mark.parametrize("path", MODULES, ids=of)
def test_statements_name_their_columns(path: Path) -> None:
    assert [] == UNNAMED_COLUMNS.findall(sql_of(path))


def test_no_file_answers_what_kind() -> None:
    assert [of(path) for path in OF_OURS if path.name in FORBIDDEN_FILES] == []


def test_no_class_is_named_after_a_pattern_or_inherits_from_a_class_of_a_service() -> None:
    classes = [
        (path, n) for path in OF_OURS for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef)
    ]
    badly_named = [
        f"{of(path)}:{node.name}"
        for path, node in classes
        if node.name.endswith(FORBIDDEN_ENDINGS) or node.name.startswith(("Abstract", "Base"))
    ]

    assert badly_named == []


def test_the_chassis_knows_no_word_of_the_field() -> None:
    words = {
        f"{of(path)}: {name}"
        for path in (ROOT / "chassis").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in [getattr(node, "name", None) or getattr(node, "id", None) or getattr(node, "arg", None)]
        if isinstance(name, str) and FIELD_WORDS.search(name.lower()) and name != "city_path"
    }

    assert set() == words


@pytest.mark.parametrize("path", OF_OURS, ids=of)
def test_nothing_is_swallowed_and_nothing_is_left_for_later(path: Path) -> None:
    text = path.read_text("utf-8")
    loop = {f"chassis/kafka/{name}.py" for name in ("consumer", "batch", "witnesses")}
    allowed = of(path) in loop | {"chassis/http/direct.py", "chassis/postgres/halving.py"}
    swallowing = [] if allowed else re.findall(r"except (?:Base)?Exception\b|except:", text)

    assert (swallowing, re.findall(r"TODO|FIXME|XXX|NotImplementedError", text)) == ([], [])
