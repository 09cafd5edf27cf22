"""A process that writes a history and says after each call what is in the file. Run as a script, by path."""

from pathlib import Path
import sys
import types

ROOT = Path(__file__).parents[2]
START_S = 1_750_000_000


def use_alone() -> None:
    """Make the engine importable without Home Assistant."""
    sys.path.insert(0, str(ROOT))
    for name in ("custom_components", "custom_components.alfaspark"):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT / name.replace(".", "/"))]
        sys.modules[name] = package


def main(path: str, task: str) -> None:
    """Write calls without end (`calls`), or only one (`one`); print what became of each."""
    use_alone()
    from custom_components.alfaspark.outages.history import HistoryUnwritable, PowerHistory

    try:
        history = PowerHistory.open(Path(path))
        history.begin_watching(["grid"], START_S)
        history.end_unobserved("grid", START_S)
        number = 0
        while task == "calls":
            call(history, number)
            print(number, flush=True)  # noqa: T201
            number += 1
    except HistoryUnwritable as error:
        print(f"unwritable: {error}", flush=True)  # noqa: T201
    else:
        print("written", flush=True)  # noqa: T201


def call(history: object, number: int) -> None:
    """Make the call of a number; each of them changes the file."""
    from custom_components.alfaspark.outages.history import PowerHistory

    assert isinstance(history, PowerHistory)
    at_s = START_S + 30 * number
    match number % 6:
        case 0:
            history.begin_outage("grid", at_s, "most_down", [f"plug {number}"])
        case 1:
            history.begin_unobserved("grid", at_s)
        case 2:
            history.end_unobserved("grid", at_s)
        case 3:
            history.end_outage("grid", at_s)
        case _:
            history.heartbeat(at_s)


if __name__ == "__main__":
    main(*sys.argv[1:])
