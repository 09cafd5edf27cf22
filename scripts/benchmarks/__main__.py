"""Run the benchmarks; `scripts/bench` calls this."""

import argparse
import asyncio
from collections.abc import Iterable
import importlib
import json
from pathlib import Path
import sys
import time

from .registry import BENCHMARKS, BenchError, Benchmark, Result, checked, chosen, require


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


async def _run(benchmark: Benchmark) -> Result:
    began_s = time.monotonic()
    module = importlib.import_module(f".{benchmark.name}", __package__)
    result = checked(benchmark, await module.run())
    print(f"\n{benchmark.name}: {benchmark.summary} ({time.monotonic() - began_s:.0f} s)")
    for line in result.lines:
        print(f"  {line}")
    for name in benchmark.figures:
        print(f"  {name:<44} {_number(result.figures[name]):>12}", flush=True)
    return result


async def _run_in_turn(benchmarks: Iterable[Benchmark]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for benchmark in benchmarks:
        figures |= (await _run(benchmark)).figures
    return figures


async def _run_all(benchmarks: tuple[Benchmark, ...]) -> dict[str, float]:
    """Run those that count processor time one by one, then those that wait for the clock with the others beside them."""
    figures = await _run_in_turn(benchmark for benchmark in benchmarks if benchmark.alone)
    others = (benchmark for benchmark in benchmarks if not benchmark.alone and not benchmark.waits)
    waiting = [_run_in_turn([benchmark]) for benchmark in benchmarks if benchmark.waits]
    for found in await asyncio.gather(_run_in_turn(others), *waiting):
        figures |= found
    return {name: figures[name] for benchmark in benchmarks for name in benchmark.figures}


def main(arguments: list[str] | None = None) -> int:
    """Run with the arguments of the command line; the exit code: 0, 1 if a benchmark failed, 2 for a bad argument."""
    names = "\n".join(f"  {benchmark.name:<14} {benchmark.summary}" for benchmark in BENCHMARKS)
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Print what AlfaSpark costs and how fast it is (docs/performance.md). Judges nothing.",
        epilog=f"benchmarks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", metavar="NAME", help="run one benchmark")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures as one flat object besides")
    options = parser.parse_args(arguments)
    try:
        benchmarks = chosen(options.only)
        require(benchmarks)
    except BenchError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 2
    # Imported here only: what was asked for may not need it.
    from scripts.house import HouseError  # noqa: PLC0415

    try:
        figures = asyncio.run(_run_all(benchmarks))
    except (BenchError, HouseError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
