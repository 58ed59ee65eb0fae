"""Rules of style that no other tool checks. They read the source and import nothing of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = sorted(
    file
    for folder in ("services", "shared", "deploy")
    for file in (ROOT / folder).rglob("*.py")
    if "migrations" not in file.parts
)
SHORT = {str(file.relative_to(ROOT)): file for file in CODE}
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "managers"}
SERVICES = ("intake", "routing", "oversight")
LAYERS = ("api", "domain", "store", "events")
SHARED_TESTED_ELSEWHERE = {
    "__init__",
    "clock",  # every test that lets time pass
    "contracts",  # test_contracts
    "database",  # test_worker, test_idempotency
    "problems",  # test_access, and every test of an API
    "service",  # the world
    "telemetry",  # test_worker
}

MOST_OF_A_FUNCTION = 25
MOST_OF_A_FILE = 250
NAMELESS = {"bound"}  # the fields of a log line

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _tree(name: str) -> ast.Module:
    return ast.parse(SHORT[name].read_text("utf-8"))


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _docstrings(tree: ast.AST) -> set[int]:
    """The lines of all docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            lines.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def _code_lines(name: str, first: int = 1, last: int | None = None) -> int:
    """Lines from `first` to `last` that are neither blank nor comment nor docstring."""
    lines = SHORT[name].read_text("utf-8").splitlines()
    silent = _docstrings(_tree(name))
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in silent
        for number, line in enumerate(lines, 1)
        if first <= number <= (last or len(lines))
    )


@pytest.mark.parametrize("name", SHORT)
def test_a_file_can_be_read_in_one_sitting(name: str) -> None:
    assert _code_lines(name) <= MOST_OF_A_FILE, "a layer that grows becomes a package, split by capability"


@pytest.mark.parametrize("name", SHORT)
def test_a_function_fits_on_a_screen(name: str) -> None:
    long = {
        function.name: count
        for function in _functions(_tree(name))
        if (count := _code_lines(name, function.body[0].lineno, function.end_lineno)) > MOST_OF_A_FUNCTION
    }
    assert not long


@pytest.mark.parametrize("name", SHORT)
def test_no_module_is_named_after_nothing(name: str) -> None:
    assert not BANNED & set(Path(name).with_suffix("").parts)


@pytest.mark.parametrize("name", SHORT)
def test_a_public_function_names_what_it_takes(name: str) -> None:
    """`**` is for what a library calls; we call by names."""
    vague = [
        function.name
        for node in _tree(name).body
        for function in ([node] if isinstance(node, Function) else [])
        if function.args.kwarg and not function.name.startswith("_")
    ]
    assert set(vague) <= NAMELESS


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_imported_inside_a_function(name: str) -> None:
    hidden = [
        function.name
        for function in _functions(_tree(name))
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    ]
    assert not hidden, "an import inside a function hides a dependency, usually a cycle"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_of_a_service_has_its_tests(service: str, layer: str) -> None:
    folder = ROOT / "services" / service
    assert (folder / f"{layer}.py").exists() or (folder / layer / "__init__.py").exists()
    tests = ROOT / "tests" / service
    assert (tests / f"test_{layer}.py").exists() or list(tests.glob(f"test_{layer}_*.py"))


def test_each_module_that_is_shared_has_its_tests() -> None:
    modules = {file.stem for file in (ROOT / "shared").glob("*.py")} - SHARED_TESTED_ELSEWHERE
    tested = {file.stem.removeprefix("test_") for file in (ROOT / "tests/shared").glob("test_*.py")}
    assert modules <= tested, modules - tested


def test_wiring_stands_at_the_end_of_the_message_door() -> None:
    for service in SERVICES:
        last = _tree(f"services/{service}/events.py").body[-1]
        assert isinstance(last, ast.AnnAssign)
        assert isinstance(last.target, ast.Name)
        assert last.target.id == "CONSUMES"


@pytest.mark.parametrize("service", SERVICES)
def test_the_names_of_petitioners_fields_stay_in_intake(service: str) -> None:
    """Identity never travels: only intake's code knows that a document number exists."""
    if service == "intake":
        return
    for name in (n for n in SHORT if n.startswith(f"services/{service}/")):
        assert "id_number" not in SHORT[name].read_text("utf-8"), name
