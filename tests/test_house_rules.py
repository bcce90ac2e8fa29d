"""Rules of the house that no linter keeps: size, errors that are documented, units in names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "labiac"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_MODULE = 400
MAX_FUNCTION = 50
UNITLESS = {"timeout", "delay", "interval", "duration", "ram"}
"""Words that say nothing without a unit: ``timeout_s``, ``memory_mib``."""


def functions(module: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(module.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def name_of(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_can_be_read_in_one_go(module):
    assert len(module.read_text().splitlines()) <= MAX_MODULE


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_function_fits_a_screen(module):
    for function in functions(module):
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= MAX_FUNCTION, f"{function.name} has {lines} lines"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_public_function_says_which_errors_it_raises(module):
    for function in functions(module):
        raised = {
            node.exc.func.id
            for node in ast.walk(function)
            if isinstance(node, ast.Raise)
            and isinstance(node.exc, ast.Call)
            and isinstance(node.exc.func, ast.Name)
            and node.exc.func.id.endswith("Error")
        }
        # What a command's docstring says is its help on the screen: it speaks to users.
        command = any(".command" in ast.unparse(each) for each in function.decorator_list)
        if raised and not function.name.startswith("_") and not command:
            said = ast.get_docstring(function) or ""
            missing = {error for error in raised if error not in said}
            assert not missing, f"{function.name} raises {missing} and does not say so"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_quantity_has_its_unit_in_its_name(module):
    for function in functions(module):
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        bare = UNITLESS & {argument.arg for argument in arguments}
        assert not bare, f"{function.name}({', '.join(bare)}) has no unit"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_value_ever_meets_a_shell(module):
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"os.system", "os.popen", "eval", "exec"}, called
            assert not any(keyword.arg == "shell" for keyword in node.keywords), called
