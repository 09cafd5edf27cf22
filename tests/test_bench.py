"""scripts/bench: what it promises, without measuring anything."""

import importlib.util
from pathlib import Path

import pytest

from custom_components.alfaspark.packbus.bus_load import frame_bits
from scripts.benchmarks.__main__ import main
from scripts.benchmarks.packs import packs_of
from scripts.benchmarks.registry import BENCHMARKS, BenchError, Benchmark, Program, Result, checked, chosen, require
from scripts.benchmarks.traffic import Bus
from scripts.benchmarks.wire import BITRATE_BPS, slcan_line, wire_bits

_PROMISED = {
    "rms_error_pct",
    "adc_block_instructions",
    "tick_instructions",
    "pack_ram_bytes",
    "core_code_bytes",
    "ingest_core_share",
    "ingest_lost",
    "set_cost_vs_mqtt",
    "set_cost_vs_cantools",
    "recorder_rows_ratio",
    "recorder_bytes_per_pack_hour",
    "setup_s",
    "confirm_p99_ms",
    "memory_growth_mb",
    "grid_loss_p99_ms",
    "history_load_ms",
    "probes_core_share",
    "probe_loop_block_ms",
}


def test_an_unknown_name_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "speed"]) == 2
    error = capsys.readouterr().err
    assert "no benchmark speed" in error
    assert all(benchmark.name in error for benchmark in BENCHMARKS)


def test_one_name_chooses_one() -> None:
    assert [benchmark.name for benchmark in chosen("confirm")] == ["confirm"]
    assert chosen(None) == BENCHMARKS


def test_all_figures_are_promised_by_one_benchmark_each() -> None:
    figures = [figure for benchmark in BENCHMARKS for figure in benchmark.figures]
    assert len(figures) == len(set(figures))
    assert set(figures) >= _PROMISED


def test_every_benchmark_has_its_module_and_every_figure_its_method() -> None:
    page = (Path(__file__).parents[1] / "docs/performance.md").read_text()
    for benchmark in BENCHMARKS:
        assert importlib.util.find_spec(f"scripts.benchmarks.{benchmark.name}")
        assert f"## {benchmark.name}" in page
        assert [figure for figure in benchmark.figures if f"`{figure}`" not in page] == []


@pytest.mark.parametrize("figures", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_a_benchmark_gives_what_it_promised(figures: dict[str, float]) -> None:
    with pytest.raises(BenchError, match="promised other figures"):
        checked(Benchmark("some", "", ("a", "b")), Result(figures))


def test_what_is_missing_is_named_with_how_to_get_it() -> None:
    needy = Benchmark("some", "", (), (Program("alfaspark-no-such", "some-package", "a thing"),))
    with pytest.raises(BenchError, match=r"missing: a thing\. Install with: sudo apt install some-package"):
        require((needy,))


# What the simulator's bus says of these frames, whose own tests write them out bit by bit.
@pytest.mark.parametrize(
    ("can_id", "extended", "data", "bits"),
    [
        (0x000, False, "", 53),
        (0x000, False, "0000000000000000", 127),
        (0x7FF, False, "ffffffffffffffff", 126),
        (0x18FFFFFF, True, "a0b1000c01000100", 145),
        (0x185, False, "7800dc05cb0267fd", 116),
        (0x07F, False, "0105", 68),
    ],
)
def test_a_frame_takes_as_long_as_on_the_wire(can_id: int, extended: bool, data: str, bits: int) -> None:
    assert wire_bits(can_id, bytes.fromhex(data), extended=extended) == bits


def test_a_line_is_what_an_adapter_writes() -> None:
    assert slcan_line(0x185, bytes((0xAB, 1)), extended=False) == b"t1852ab01\r"
    assert slcan_line(0x18000001, b"", extended=True) == b"T180000010\r"


def test_a_saturated_bus_is_full_and_a_lived_in_one_is_not() -> None:
    seconds = 4
    loads = []
    for saturated in (True, False):
        bus = Bus(packs_of(20), saturated=saturated)
        bus.start(100.0)
        frames = [frame for step in range(seconds * 100) for frame in bus.through(100.0 + step / 100)]
        bits = sum(frame_bits(extended, len(data)) for _, data, extended in frames)
        loads.append(bits / BITRATE_BPS / seconds)
    assert loads[0] == pytest.approx(1, abs=0.05)
    assert loads[1] == pytest.approx(20 * 7 / 2 * 120 / BITRATE_BPS, rel=0.2)
