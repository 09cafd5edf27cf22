"""Which benchmarks there are, what each measures and what it needs of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import shutil


class BenchError(Exception):
    """A benchmark cannot be run or went wrong; the text says why."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that Debian has."""

    name: str
    package: str
    what: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark. The module of its name has `async def run() -> Result`."""

    name: str
    summary: str
    figures: tuple[str, ...]
    """The keys that it adds to the JSON object, always all of them."""
    needs: tuple[Program, ...] = ()
    alone: bool = False
    """It counts processor time, which others would make dearer."""
    waits: bool = False
    """It mostly waits for the clock: others can run beside it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark found out."""

    figures: Mapping[str, float]
    lines: list[str] = field(default_factory=list)
    """What else there is to tell about them."""


_COMPILERS = (
    Program("cmake", "cmake", "CMake"),
    Program("ninja", "ninja-build", "Ninja"),
    Program("c++", "g++", "a C++ compiler"),
    Program("valgrind", "valgrind", "Valgrind"),
    Program(
        "arm-none-eabi-g++", "gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib", "a compiler for a 32-bit processor"
    ),
)
_BROKER = (Program("mosquitto", "mosquitto", "an MQTT broker"),)

BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        "firmware",
        "the core of the firmware: instructions, memory, code, and how well it measures",
        (
            "rms_error_pct",
            "adc_block_instructions",
            "tick_instructions",
            "frame_instructions",
            "pack_ram_bytes",
            "core_code_bytes",
        ),
        _COMPILERS,
    ),
    Benchmark(
        "ingest",
        "a saturated bus, decoded and filtered",
        ("ingest_core_share", "ingest_lost", "ingest_frames_per_s", "ingest_hass_core_share", "ingest_hass_lost"),
        alone=True,
    ),
    Benchmark(
        "telemetry_set",
        "processor time of a telemetry set, beside cantools and Home Assistant's MQTT",
        ("set_cost_us", "set_cost_vs_cantools", "decode_cost_vs_cantools", "set_cost_vs_mqtt"),
        _BROKER,
        alone=True,
    ),
    Benchmark("outage_history", "ten years of outages, opened and summed up", ("history_load_ms",), alone=True),
    Benchmark(
        "probes",
        "1,000 checkpoints that are checked once a minute",
        ("probes_core_share", "probe_loop_block_ms"),
        alone=True,
    ),
    Benchmark("setup_time", "setting the config entry up", ("setup_s", "setup_readings_s")),
    Benchmark(
        "confirm", "from a switch to the confirmed state", ("confirm_p50_ms", "confirm_p99_ms", "confirm_worst_ms")
    ),
    Benchmark(
        "grid_loss",
        "from the frame of a pack whose grid is gone to the alert",
        ("grid_loss_p50_ms", "grid_loss_p99_ms", "grid_loss_worst_ms"),
    ),
    Benchmark(
        "recorder",
        "what is written to the owner's database",
        (
            "recorder_rows_ratio",
            "recorder_rows_vs_every_set",
            "recorder_rows_per_pack_hour",
            "recorder_bytes_per_pack_hour",
        ),
        waits=True,
    ),
    Benchmark("memory", "126 packs for 10 minutes", ("memory_growth_mb", "memory_rss_mb"), waits=True),
)


def chosen(only: str | None) -> tuple[Benchmark, ...]:
    """The benchmark with a name, all without one. Raises BenchError that lists the names if there is none."""
    found = tuple(benchmark for benchmark in BENCHMARKS if only in (None, benchmark.name))
    if not found:
        names = ", ".join(benchmark.name for benchmark in BENCHMARKS)
        raise BenchError(f"there is no benchmark {only}; there are {names}")
    return found


def require(benchmarks: tuple[Benchmark, ...]) -> None:
    """Raise BenchError that says how to install what is missing, if anything is."""
    needed = dict.fromkeys(program for benchmark in benchmarks for program in benchmark.needs)
    # Debian puts daemons where only root looks.
    missing = [program for program in needed if find_program(program.name) is None]
    if missing:
        reasons = "; ".join(program.what for program in missing)
        packages = " ".join(program.package for program in missing)
        raise BenchError(f"missing: {reasons}. Install with: sudo apt install {packages}")


def find_program(name: str) -> str | None:
    """The path of a program, None if it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def checked(benchmark: Benchmark, result: Result) -> Result:
    """The result. Raises BenchError unless it has exactly the figures that were promised."""
    if set(result.figures) != set(benchmark.figures):
        odd = ", ".join(sorted(set(result.figures) ^ set(benchmark.figures)))
        raise BenchError(f"{benchmark.name} promised other figures than it gave: {odd}")
    return result
