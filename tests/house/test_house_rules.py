"""Rules of the house itself: who may import whom, how long things may be, where packages come from."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOOR = {"core": 0, "policy": 1, "generator": 1, "watermark": 1, "provenance": 1, "detector": 2, "reelproof": 3}
FILES = sorted(path for room in FLOOR for path in (ROOT / room).rglob("*.py"))
TORCH_FREE = ("core", "policy", "provenance", "watermark", "detector")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.split(".")[0] for name in names}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def test_imports_go_down_only() -> None:
    """A room imports from itself and from lower floors; the four rooms of floor 1 don't know each other."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in FILES
        for name in imported(path) & FLOOR.keys()
        if name != room_of(path) and FLOOR[name] >= FLOOR[room_of(path)]
    ]
    assert wrong == []


def test_one_module_opens_video_files_and_one_speaks_to_the_job_engine() -> None:
    """PyAV is imported by four modules of core alone (and preloaded in the sandbox), DBOS by reelproof/jobs.py."""
    importers = {
        name: {str(path.relative_to(ROOT)) for path in FILES if name in imported(path)} for name in ("av", "dbos")
    }
    opening = {f"core/{name}.py" for name in ("containers", "packets", "soundtrack", "video")}
    assert importers["av"] <= opening | {"detector/sandbox/child.py"}
    assert importers["dbos"] <= {"reelproof/jobs.py"}


def test_torch_stays_where_tensors_are() -> None:
    """Core, policy, provenance, watermark and detector start without torch."""
    assert [str(path) for path in FILES if room_of(path) in TORCH_FREE and "torch" in imported(path)] == []


def test_files_and_functions_stay_small() -> None:
    """No file over 600 lines, no function over 60."""
    too_long = []
    for path in [*FILES, *sorted((ROOT / "bench").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]:
        text = path.read_text()
        if text.count("\n") > 600:
            too_long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 60:
                    too_long.append(f"{path}:{node.lineno} {node.name} ({lines})")
    assert too_long == []


@pytest.mark.parametrize("room", FLOOR)
def test_each_package_is_the_one_in_this_repository(room: str) -> None:
    """Flat package names must not resolve to somebody else's package."""
    found = importlib.util.find_spec(room)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).is_relative_to(ROOT)


def test_no_exception_is_swallowed_and_nothing_is_printed() -> None:
    """Library code has no `except …: pass`, no print and no assert."""
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                wrong.append(f"{path}:{node.lineno} swallows an exception")
            if isinstance(node, ast.Assert):
                wrong.append(f"{path}:{node.lineno} asserts")
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                wrong.append(f"{path}:{node.lineno} prints")
    assert wrong == []
