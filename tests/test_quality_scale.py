"""The quality scale: every rule of 2026.10 is declared, none is left to do, and what can be checked here is true."""

import ast
from pathlib import Path
import re
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
import pytest

from custom_components.alfaspark import const

INTEGRATION = Path(const.__file__).parent
REPOSITORY = Path(__file__).parents[1]

# https://developers.home-assistant.io/docs/core/integration-quality-scale/rules, as hassfest of 2026.10 has them.
RULES = {
    "bronze": """action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
        dependency-transparency docs-actions docs-conditions docs-high-level-description docs-installation-instructions
        docs-removal-instructions docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
        test-before-configure test-before-setup unique-config-entry""",
    "silver": """action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
        entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage""",
    "gold": """devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations
        docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices
        entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations
        icon-translations reconfiguration-flow repair-issues stale-devices""",
    "platinum": "async-dependency inject-websession strict-typing",
}

DECLARED: dict[str, Any] = load_yaml_dict(str(INTEGRATION / "quality_scale.yaml"))["rules"]

PACKBUS = sorted(path for path in (INTEGRATION / "packbus").glob("*.py") if path.stem not in ("frames", "bms_profiles"))


def test_every_rule_is_declared_and_nothing_is_left_to_do() -> None:
    assert list(DECLARED) == [rule for rules in RULES.values() for rule in rules.split()]
    for rule, declaration in DECLARED.items():
        if declaration != "done":
            assert set(declaration) == {"status", "comment"}, rule
            assert declaration["status"] == "exempt", rule
            assert len(declaration["comment"]) > 20, rule


@pytest.mark.parametrize("platform", sorted({*const.PLATFORMS, *const.WATCH_PLATFORMS}))
def test_parallel_updates_is_a_plain_assignment(platform: str) -> None:
    """An annotated one is not seen by hassfest."""
    tree = ast.parse((INTEGRATION / f"{platform}.py").read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    assert any(isinstance(node.targets[0], ast.Name) and node.targets[0].id == "PARALLEL_UPDATES" for node in assigned)


def test_actions_are_registered_whether_an_adapter_is_there_or_not() -> None:
    tree = ast.parse((INTEGRATION / "__init__.py").read_text())
    functions = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
    assert "async_setup_services(hass)" in functions["async_setup"]


type _Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(tree: ast.Module) -> list[_Definition]:
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in ast.walk(tree) if isinstance(node, definitions) and not node.name.startswith("_")]


def _overrides(node: _Definition) -> bool:
    return any(ast.unparse(mark).endswith("override") for mark in node.decorator_list)


@pytest.mark.parametrize("path", PACKBUS, ids=lambda path: path.stem)
def test_public_docstrings_of_packbus_name_what_is_raised(path: Path) -> None:
    """Ruff sees to it that there is one; an error that a function raises itself must be in it."""
    for node in _public(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) or any(
            ast.unparse(mark).endswith("override") for mark in node.decorator_list
        ):
            continue
        raised = {
            name.group(1)
            for inner in ast.walk(node)
            if isinstance(inner, ast.Raise) and inner.exc is not None
            for name in [re.match(r"(\w+)\(", ast.unparse(inner.exc))]
            if name and name.group(1)[0].isupper() and name.group(1) != "AssertionError"
        }
        assert all(error in (ast.get_docstring(node) or "") for error in raised), f"{node.name} raises {raised}"


def test_numbers_carry_their_unit_in_packbus() -> None:
    """A float that crosses a public border says what it counts."""
    unit = re.compile(r"_(s|ms|us|w|wh|kwh|v|mv|a|ma|hz|pct|bps|min|kb|per_s)$|^bits$")
    without = set()
    for path in PACKBUS:
        for node in _public(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) or _overrides(node):
                continue
            for argument in (*node.args.args, *node.args.kwonlyargs):
                if argument.annotation is not None and "float" in ast.unparse(argument.annotation):
                    if not unit.search(argument.arg):
                        without.add(f"{path.stem}.{node.name}({argument.arg})")
    # A value between limits has the unit of its limits.
    assert without <= {"plausibility.allow(value)", "plausibility.judge_step(before)", "plausibility.judge_step(value)"}
