"""Write the generated files, or with --check only say which are out of date."""

import argparse
from pathlib import Path
import subprocess
import sys

from scripts.codegen import bms_profiles, cpp_codec, model, python_codec, reference, tables

ROOT = Path(__file__).resolve().parents[2]
PACKBUS = ROOT / "custom_components/alfaspark/packbus"
HEADERS = ROOT / "firmware/components/core/include/alfaspark/generated"


def _tool(name: str, *arguments: str, text: str) -> str:
    # Beside the interpreter first: the version that the lock names.
    beside = Path(sys.executable).with_name(name)
    command = [str(beside) if beside.exists() else name, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def render() -> dict[Path, str]:
    """Return the formatted text of every generated file by its path."""
    protocol = model.load(PACKBUS / "alfaspark.dbc")
    parameters = tables.load_parameters(PACKBUS / "parameters.json")
    batteries = bms_profiles.load(PACKBUS / "bms_profiles.json", protocol, parameters)
    python = {
        PACKBUS / "frames.py": python_codec.render(protocol),
        PACKBUS / "parameters.py": tables.parameters_python(parameters),
        PACKBUS / "bms_profiles.py": bms_profiles.render_python(batteries),
    }
    cpp = {
        HEADERS / "frames.hpp": cpp_codec.render(protocol),
        HEADERS / "parameters.hpp": tables.parameters_cpp(parameters),
        HEADERS / "bms_profiles.hpp": bms_profiles.render_cpp(batteries),
    }
    files = {
        path: _tool("ruff", "format", "--stdin-filename", str(path), "-", text=text) for path, text in python.items()
    }
    files |= {path: _tool("clang-format", f"--assume-filename={path}", text=text) for path, text in cpp.items()}
    files[ROOT / "docs/frames.md"] = reference.render(protocol, parameters)
    return files


def main() -> int:
    """Exit with 1 if --check finds a file that differs from what its source says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is out of date")
    check = parser.parse_args().check
    stale = 0
    for path, text in render().items():
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run scripts/generate", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
