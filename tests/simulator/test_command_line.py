"""Options, the line that says it is ready, files, and a clean end."""

import asyncio
import json
from pathlib import Path
import re
import signal
import socket

import pytest

from .simulator import NOON, SlcanClient, launch, simulator

QUIET = ("--speed", "0", "--start", NOON)


async def test_ready_is_one_line_of_json(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with simulator("--packs", "2", "--gateways", "1", "--pty", str(link), *QUIET) as house:
        assert set(house.ready) == {"slcan", "pty", "control", "packs"}
        assert re.fullmatch(r"socket://127\.0\.0\.1:\d+", house.ready["slcan"])
        assert re.fullmatch(r"127\.0\.0\.1:\d+", house.ready["control"])
        assert house.ready["pty"] == str(link)
        assert link.resolve().is_char_device()
        assert [list(pack) for pack in house.ready["packs"]] == [["serial"]] * 3
        assert [pack["serial"] for pack in house.ready["packs"]] == [
            pack["serial"] for pack in (await house.control.truth())["packs"]
        ]
    assert not link.is_symlink()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_cleanly_whatever_it_does(how: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with simulator("--pty", str(link), *QUIET) as house:
        client = await SlcanClient.connect(house.slcan)
        await house.control.send(b'{"advance_s": 10000000}\n')
        await asyncio.sleep(0.3)
        assert await house.stop(how) == (0, b"")
        await client.close()
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--nonsense"], "there is no option --nonsense"),
        (["--packs"], "--packs needs a value"),
        (["--packs", "many"], "--packs takes a whole number 0 to 126"),
        (["--packs", "0"], "take 1 to 126"),
        (["--packs", "100", "--gateways", "100"], "take 1 to 126"),
        (["--speed", "-1"], "--speed takes a number"),
        (["--speed", "fast"], "--speed takes a number"),
        (["--start", "yesterday"], "yesterday is not a time like 2026-06-01T06:00:00+01:00"),
        (["--serials", "a0b1c2d3e4f5,xyz"], "--serials takes serials of 12 hexadecimal digits"),
        (["--serials", "a0b1c2d3e4f5,a0b1c2d3e4f5"], "each serial once"),
        (["--serials", "a0b1c2d3e4f5", "--packs", "2"], "each of the 2"),
        (["--slcan", "nowhere"], "nowhere is not HOST:PORT"),
        (["--control", "127.0.0.1:99999"], "127.0.0.1:99999 is not HOST:PORT"),
    ],
)
async def test_a_bad_option_is_explained(options: list[str], complaint: str) -> None:
    process = await launch(*options)
    out, errors = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert complaint in errors.decode()
    assert errors.count(b"\n") == 1


async def test_what_the_system_refuses_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no link")
    (tmp_path / "scenario").write_text('{"at_s": 1, "grid": false}\n{"at_s": 2, "gird": false}\n')
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        for options, complaint in [
            (["--slcan", f"127.0.0.1:{port}"], f"cannot listen on 127.0.0.1:{port}: Address already in use"),
            (["--control", f"127.0.0.1:{port}"], "Address already in use"),
            (["--slcan", "no.such.host.invalid:1"], "cannot listen on no.such.host.invalid:1"),
            (["--pty", str(tmp_path / "file")], "something else than a link"),
            (["--pty", str(tmp_path / "no" / "where")], "No such file or directory"),
            (["--bms", str(tmp_path / "ttyNone")], "cannot open the serial device"),
            (["--scenario", str(tmp_path / "none")], "cannot be read"),
            (["--scenario", str(tmp_path / "scenario")], 'scenario, line 2: there is no "gird"'),
            (["--storage", str(tmp_path / "file")], "--storage"),
        ]:
            process = await launch(*options)
            out, errors = await process.communicate()
            assert (process.returncode, out) == (1, b""), options
            assert complaint in errors.decode(), options
    assert (tmp_path / "file").read_text() == "no link"


async def test_help_says_every_option() -> None:
    process = await launch("--help")
    out, _ = await process.communicate()
    assert process.returncode == 0
    for option in [
        "packs",
        "seed",
        "speed",
        "start",
        "scenario",
        "slcan",
        "pty",
        "control",
        "bms",
        "equal-numbers",
        "serials",
        "gateways",
        "storage",
    ]:
        assert f"--{option}" in out.decode()


async def test_a_seed_is_the_same_house_again() -> None:
    truths = []
    for seed in ("5", "5", "6"):
        async with simulator("--seed", seed, *QUIET) as house:
            truths.append(await house.control.ask(advance_s=100, get="truth"))
    assert truths[0] == truths[1]
    assert truths[0]["packs"][0]["serial"] != truths[2]["packs"][0]["serial"]


async def test_serials_can_be_given() -> None:
    async with simulator("--serials", "a0b1c2d3e4f5,A0B1C2000001", *QUIET) as house:
        assert [pack["serial"] for pack in house.ready["packs"]] == ["a0b1c2d3e4f5", "a0b1c2000001"]


async def test_packs_that_want_one_number_settle() -> None:
    async with simulator("--packs", "16", "--equal-numbers", *QUIET) as house:
        await house.control.do(advance_s=30)
        nodes = {pack["node"] for pack in (await house.control.truth())["packs"]}
        assert len(nodes) == 16
        assert None not in nodes


async def test_flash_outlives_the_simulator_and_every_run_is_a_new_boot(tmp_path: Path) -> None:
    options = ("--packs", "2", "--seed", "1", "--storage", str(tmp_path / "flash"), *QUIET)
    nodes, boot_ids = [], []
    for equal in (["--equal-numbers"], []):
        async with simulator(*options, *equal) as house:
            client = await SlcanClient.connect(house.slcan)
            await house.control.do(advance_s=30)
            packs = (await house.control.truth())["packs"]
            nodes.append([pack["node"] for pack in packs])
            announce = await client.frame(f"t{0x080 + packs[0]['node']:03X}".encode())
            boot_ids.append(announce[5 + 8 : 5 + 12])
            await client.close()
    assert nodes[0] == nodes[1]
    assert boot_ids[0] != boot_ids[1]


async def test_a_scenario_happens_at_its_times(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.jsonl"
    lines = [
        {"at_s": 0, "irradiance": 0, "home_w": 700, "soc": 70},
        {"at_s": 20, "grid": False},
        {"at_s": 10, "pack": 1, "power": False},
        {"at_s": 30, "grid": True, "pack": 1, "power": True},
    ]
    scenario.write_text("\n\n".join(json.dumps(line) for line in lines))
    async with simulator("--packs", "2", "--scenario", str(scenario), *QUIET) as house:
        seen = []
        for _ in range(4):
            truth = await house.control.ask(advance_s=9, get="truth")
            seen.append((truth["grid"], truth["packs"][1]["boots"], truth["packs"][1]["node"] is not None))
            assert truth["packs"][0]["powers_w"]["inverter"] == 700
    assert seen == [(True, 1, True), (True, 1, False), (False, 1, False), (True, 2, True)]


async def test_virtual_time_keeps_its_pace() -> None:
    async with simulator("--packs", "1", "--speed", "20", "--start", NOON) as house:
        began = asyncio.get_running_loop().time()
        first = (await house.control.truth())["time"]
        await asyncio.sleep(1.5)
        last = (await house.control.truth())["time"]
        took_s = asyncio.get_running_loop().time() - began

    def seconds(time: str) -> float:
        return int(time[14:16]) * 60 + float(time[17:23])

    assert seconds(last) - seconds(first) == pytest.approx(20 * took_s, rel=0.1)
