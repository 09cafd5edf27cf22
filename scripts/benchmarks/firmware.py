"""What the firmware's core costs: instructions, memory and code, and how well it measures beside the usual way."""

import asyncio
from collections.abc import Iterable
import os
from pathlib import Path
import re
import subprocess

from .registry import BenchError, Result
from .worker import ROOT

_BUILD = ROOT / "build" / "bench"
_CORE = ROOT / "firmware" / "components" / "core"
_FEW, _MANY = 2000, 6000
_ARM = ("arm-none-eabi-g++", "-std=gnu++20", "-mcpu=cortex-m3", "-mthumb", "-fno-exceptions", f"-I{_CORE / 'include'}")
_ARM_CODE = (*_ARM, "-Os", "-Wall", "-Wextra", "-Werror", "-fno-rtti", "-ffunction-sections")
_PACK_OF_ITS_OWN = '#include "alfaspark/pack.hpp"\nchar pack[sizeof(alfaspark::Pack)];\n'
_BLOCKS_PER_S = _TICKS_PER_S = 200
_FRAMES_PER_S = 4150
_SAMPLES = 160


async def run() -> Result:
    """Measure all of it."""
    return await asyncio.to_thread(_measure)


def _measure() -> Result:
    bench = _build()
    block, tick, frame, usual = (_instructions(bench, part) for part in ("block", "tick", "frame", "usual"))
    second = _BLOCKS_PER_S * block + _TICKS_PER_S * tick + _FRAMES_PER_S * frame
    pack_bytes, pointer_bytes = map(int, _output(bench, "ram", "0").split())
    text_bytes, data_bytes = _code_bytes()
    errors = {name: (float(mean), float(worst)) for name, mean, worst in map(str.split, _accuracy(bench))}
    (mean, worst), (usual_mean, usual_worst) = errors["own"], errors["usual"]
    return Result(
        {
            "rms_error_pct": worst,
            "adc_block_instructions": block,
            "tick_instructions": tick,
            "frame_instructions": frame,
            "pack_ram_bytes": _arm_pack_bytes(),
            "core_code_bytes": text_bytes,
        },
        [
            "Instructions: x86-64, optimised, valgrind; ADC block of 5 ms with 4 x 40 samples, tick of 5 ms, telemetry frame",
            (
                f"of a second with {_FRAMES_PER_S} frames ({second} instructions) blocks take "
                f"{_BLOCKS_PER_S * block / second:.0%}, ticks {_TICKS_PER_S * tick / second:.0%}, "
                f"frames {_FRAMES_PER_S * frame / second:.0%}"
            ),
            f"a Pack has {pack_bytes} bytes with {8 * pointer_bytes} bit; static data of the core: {data_bytes} bytes",
            "RMS, sine, flattened and rectifier currents, 45 to 65 Hz, 5 to 100 % of full scale, with a bias:",
            f"  mean error {mean:.4f} % (usual way {usual_mean:.4f} %), worst {worst:.4f} % ({usual_worst:.4f} %),",
            f"  instructions a sample {block / _SAMPLES:.1f} ({usual / _SAMPLES:.1f})",
        ],
    )


def _build() -> Path:
    _BUILD.mkdir(parents=True, exist_ok=True)
    _command("cmake", "-S", ROOT / "firmware", "-B", _BUILD, "-DALFASPARK_BENCH=ON")
    _command("cmake", "--build", _BUILD, "--target", "alfaspark-bench")
    return _BUILD / "alfaspark-bench"


def _instructions(bench: Path, part: str) -> int:
    """Instructions of one, as the difference of two runs, so that start and end do not count."""
    return (_counted(bench, part, _MANY) - _counted(bench, part, _FEW)) // (_MANY - _FEW)


def _counted(bench: Path, part: str, count: int) -> int:
    report = _output("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", bench, part, str(count))
    found = re.search(r"Collected : (\d+)", report)
    if found is None:
        raise BenchError(f"valgrind counted nothing: {report}")
    return int(found[1])


def _accuracy(bench: Path) -> Iterable[str]:
    return _output(bench, "accuracy", "0").splitlines()


def _arm_pack_bytes() -> int:
    source, built = _BUILD / "pack.cpp", _BUILD / "pack.o"
    source.write_text(_PACK_OF_ITS_OWN)
    _command(*_ARM, "-c", source, "-o", built)
    sizes = [line.split() for line in _output("arm-none-eabi-nm", "-S", built).splitlines()]
    return next(int(size, 16) for _, size, _, name in sizes if name == "pack")


def _code_bytes() -> tuple[int, int]:
    """Text with constants, and static data, of the whole core for a 32-bit processor, before linking."""
    folder = _BUILD / "arm"
    folder.mkdir(exist_ok=True)
    objects = []
    for source in sorted((_CORE / "src").rglob("*.cpp")):
        objects.append(folder / f"{'_'.join(source.relative_to(_CORE / 'src').parts)}.o")
        _command(*_ARM_CODE, "-c", source, "-o", objects[-1])
    totals = _output("arm-none-eabi-size", "-t", *objects).splitlines()[-1].split()
    return int(totals[0]), int(totals[1]) + int(totals[2])


def _command(*words: str | os.PathLike[str]) -> None:
    _output(*words)


def _output(*words: str | os.PathLike[str]) -> str:
    """What a program prints. Raises BenchError with it if the program fails."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{Path(words[0]).name} failed:\n{done.stdout}")
    return done.stdout
