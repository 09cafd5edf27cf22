"""Every line of the control socket."""

import random
import time
from typing import Any

import pytest

from custom_components.alfaspark.packbus.frames import Battery, Pulse, Relay, SetRelay, Status

from .simulator import Control, Simulator, SlcanClient

QUIET: dict[str, Any] = {"irradiance": 0, "home_w": 800, "load1_w": 0, "load2_w": 0, "soc": 60}


def payload(line: bytes) -> bytes:
    """Return the data of a base frame."""
    return bytes.fromhex(line[5:].decode())


async def test_the_truth_has_its_shape(control: Control) -> None:
    truth = await control.truth()
    assert set(truth) == {"ok", "time", "grid", "frequency_hz", "packs"}
    assert truth["time"] == "2026-06-01T12:00:05.000+01:00"
    assert (truth["grid"], truth["frequency_hz"]) == (True, 50.0)
    assert len(truth["packs"]) == 3
    powers = {"grid", "home", "solar", "battery", "inverter", "load1", "load2"}
    energies = {"grid", "home", "solar", "battery_charged", "battery_discharged", "load1", "load2"}
    relays = {"grid", "inverter", "load1", "load2"}
    for pack in truth["packs"]:
        assert len(pack["serial"]) == 12
        assert 1 <= pack["node"] <= 126
        assert pack["boots"] == 1
        assert set(pack["powers_w"]) == powers
        assert set(pack["energies_wh"]) == energies
        assert set(pack["relays"]) == set(pack["relay_edges"]) == relays
        assert set(pack["indicators"]) == {"bar", "display", "green", "yellow", "red"}
        assert len(pack["indicators"]["bar"]) == 10
        assert all(len(colour) == 7 and colour[0] == "#" for colour in pack["indicators"]["bar"])
        watts = pack["powers_w"]
        assert watts["grid"] + watts["solar"] == pytest.approx(watts["home"] + watts["battery"], abs=0.01)
        assert watts["home"] == pytest.approx(watts["inverter"] + watts["load1"] + watts["load2"], abs=0.01)


async def test_plant_values_are_fixed_and_given_back(control: Control) -> None:
    await control.do(**QUIET)
    await control.do(pack=1, home_w=1500, load1_w=900, load2_w=2000)
    await control.do(advance_s=3600)
    first, second, _ = (await control.truth())["packs"]
    assert first["powers_w"]["home"] == 800
    assert second["powers_w"] == {
        "grid": pytest.approx(4900),  # 500 W of them into the battery
        "home": 4400,
        "solar": 0,
        "battery": pytest.approx(500),
        "inverter": 1500,
        "load1": 900,
        "load2": 2000,
    }
    assert second["energies_wh"]["load2"] - 2000 == pytest.approx(0, abs=4)
    assert first["soc"] == pytest.approx(60 + 500 / 143.36, abs=0.01)
    await control.do(irradiance=1)
    assert (await control.pack(1))["powers_w"]["solar"] == pytest.approx(5000)
    await control.do(irradiance=None, home_w=None, load1_w=None, load2_w=None)
    assert (await control.pack(1))["powers_w"]["home"] != 4400


async def test_the_grid_fails_returns_and_drifts(running: Simulator, control: Control) -> None:
    bus = await SlcanClient.connect(running.slcan)
    await control.do(**QUIET)
    node = (await control.pack(0))["node"]
    status = f"t{0x280 + node:03X}".encode()
    await control.do(grid=False, advance_s=3)
    truth = await control.truth()
    assert truth["grid"] is False
    assert truth["packs"][0]["powers_w"]["grid"] == 0
    assert truth["packs"][0]["powers_w"]["battery"] == -800
    statuses = [Status.decode(payload(line)) for line in await bus.arrived() if line.startswith(status)]
    assert statuses[-1].grid.name == "ABSENT"
    await control.do(grid=True, frequency_hz=49.8, advance_s=10)
    assert (await control.truth())["frequency_hz"] == 49.8
    loads = [line for line in await bus.arrived() if line.startswith(f"t{0x200 + node:03X}".encode())]
    assert int.from_bytes(payload(loads[-1])[6:8], "little") == pytest.approx(4980, abs=1)
    await control.do(frequency_hz=None, grid=None)
    assert (await control.truth())["frequency_hz"] == 50
    await bus.close()


async def test_what_cannot_be_given_is_not_served(control: Control) -> None:
    await control.do(irradiance=0, home_w=9000, load1_w=0, load2_w=0, soc=50, grid=False)
    powers = (await control.pack(0))["powers_w"]
    assert powers["battery"] == pytest.approx(-100 * 54.4)
    assert powers["home"] == pytest.approx(100 * 54.4)
    await control.do(soc=0)
    assert (await control.pack(0))["powers_w"]["home"] == 0


async def test_the_bms_reads_what_it_is_told_and_fails_as_it_is_told(running: Simulator, control: Control) -> None:
    bus = await SlcanClient.connect(running.slcan)
    before = await control.pack(0)
    battery = f"t{0x100 + before['node']:03X}".encode()

    async def last() -> Battery:
        return [Battery.decode(payload(line)) for line in await bus.arrived() if line.startswith(battery)][-1]

    await control.do(pack=0, battery_v=51.2, battery_a=-3.5)
    await control.do(advance_s=10)
    reading = await last()
    assert reading.voltage_v == pytest.approx(51.2)
    assert reading.current_a == pytest.approx(-3.5)
    assert (await control.pack(0))["battery_v"] == pytest.approx(before["battery_v"], abs=0.1)
    for behaviour in ("silent", "crc", "exception", "garbage"):
        await control.do(pack=0, bms=behaviour, advance_s=20)
        assert (await last()).voltage_v is None, behaviour
        await control.do(pack=0, bms="ok", advance_s=20)
        assert (await last()).voltage_v is not None
    await control.do(battery_v=None, battery_a=None, advance_s=20)
    assert (await last()).voltage_v == pytest.approx((await control.pack(0))["battery_v"], abs=0.06)
    await bus.close()


async def test_supply_restart_storage_and_button(control: Control) -> None:
    await control.do(advance_s=30)
    before = await control.pack(0)
    assert before["storage_writes"] > 0
    await control.do(pack=0, restart="soft", advance_s=5)
    after = await control.pack(0)
    assert after["boots"] == 2
    assert after["relay_edges"] == before["relay_edges"]
    assert after["node"] == before["node"]

    await control.do(pack=0, power=False)
    dark = await control.pack(0)
    assert dark["node"] is None
    assert dark["master"] is False
    # Without supply the house keeps its power.
    assert dark["relays"] == {"grid": True, "inverter": True, "load1": True, "load2": True}
    assert dark["indicators"] == {
        "bar": ["#000000"] * 10,
        "display": "   ",
        "green": False,
        "yellow": False,
        "red": False,
    }
    await control.do(advance_s=5)
    await control.do(pack=0, power=True)
    await control.do(advance_s=5)
    back = await control.pack(0)
    assert (back["boots"], back["node"]) == (3, before["node"])
    assert back["relays"] == before["relays"]

    await control.do(pack=0, storage="corrupt", restart="soft", advance_s=5)
    assert (await control.pack(0))["indicators"]["yellow"] is True
    await control.do(pack=0, storage="erase", restart="soft", advance_s=5)
    assert (await control.pack(0))["boots"] == 5
    await control.do(pack=0, button=0.5, advance_s=1)


async def test_a_long_press_is_a_factory_reset(running: Simulator, control: Control) -> None:
    bus = await SlcanClient.connect(running.slcan)
    node = (await control.pack(0))["node"]
    opening = SetRelay(relay=Relay.LOAD2, closed=False).encode(1)
    await bus.send(f"t{node:03X}4{opening.hex()}\r".encode())
    await control.do(advance_s=20)
    assert (await control.pack(0))["relays"]["load2"] is False
    await control.do(pack=0, button=12, advance_s=30)
    await control.do(pack=0, restart="soft", advance_s=10)
    assert (await control.pack(0))["relays"]["load2"] is True
    await bus.close()


async def test_sensors_and_relays_fail(running: Simulator, control: Control) -> None:
    await control.do(**QUIET, pack=0)
    await control.do(pack=0, load1_w=660, advance_s=5)
    assert (await control.pack(0))["indicators"]["red"] is False
    for state in ("clip", "open"):
        await control.do(pack=0, ct={"channel": 1, "state": state}, advance_s=5)
        assert (await control.pack(0))["indicators"]["red"] is (state == "clip"), state
        await control.do(pack=0, ct={"channel": 1, "state": "ok"}, advance_s=10)
    bus = await SlcanClient.connect(running.slcan)
    node = (await control.pack(0))["node"]
    await control.do(pack=0, ct={"channel": 2, "state": "stuck_relay"})
    await bus.send(f"t{node:03X}4{SetRelay(relay=Relay.LOAD1, closed=False).encode(1).hex()}\r".encode())
    await control.do(advance_s=10)
    stuck = await control.pack(0)
    assert stuck["relays"]["load1"] is True
    assert stuck["powers_w"]["load1"] == 660
    assert stuck["indicators"]["red"] is True
    await control.do(pack=0, ct={"channel": 2, "state": "ok"})
    assert (await control.pack(0))["relays"]["load1"] is False
    assert (await control.pack(0))["powers_w"]["load1"] == 0
    await bus.close()


async def test_a_bad_bus_and_its_pieces(running: Simulator, control: Control) -> None:
    await control.do(advance_s=20)
    assert [pack["master"] for pack in (await control.truth())["packs"]].count(True) == 1
    await control.do(pack=0, segment=1)
    await control.do(advance_s=200)
    assert [pack["master"] for pack in (await control.truth())["packs"]].count(True) == 2
    await control.do(pack=0, segment=0, advance_s=60)
    assert [pack["master"] for pack in (await control.truth())["packs"]].count(True) == 1
    await control.do(pack=1, bus_off=True)
    assert (await control.pack(1))["node"] is None
    await control.do(advance_s=20)
    assert (await control.pack(1))["node"] is not None

    bus = await SlcanClient.connect(running.slcan)
    await control.do(advance_s=100)
    whole = len(await bus.arrived())
    await control.do(bus={"drop": 0.5}, advance_s=100)
    assert 0.3 * whole < len(await bus.arrived()) < 0.7 * whole
    await control.do(bus={"drop": 0, "corrupt": 0.02}, advance_s=100)
    assert len(await bus.arrived()) == pytest.approx(whole, rel=0.1)
    await control.do(bus={"corrupt": 1}, advance_s=100)
    assert await bus.arrived() == []
    assert [pack["node"] for pack in (await control.truth())["packs"]] == [None] * 3
    await control.do(bus={"corrupt": None, "drop": None}, advance_s=120)
    assert None not in [pack["node"] for pack in (await control.truth())["packs"]]
    await bus.close()


async def test_a_lone_pack_without_acknowledgement_is_not_heard_until_somebody_listens(
    running: Simulator, control: Control
) -> None:
    await control.do(bus={"ack": False}, advance_s=30)
    bus = await SlcanClient.connect(running.slcan)
    await control.do(pack=0, segment=1, advance_s=30)
    seen = {int(line[1:4], 16) & 0x7F for line in await bus.arrived() if line.startswith(b"t")}
    numbers = {pack["node"] for pack in (await control.truth())["packs"][1:]}
    assert seen == numbers
    await control.do(pack=0, segment=0, advance_s=30)
    seen = {int(line[1:4], 16) & 0x7F for line in await bus.arrived() if line.startswith(b"t")}
    assert numbers < seen
    await bus.close()


async def test_pulses_are_counted(running: Simulator, control: Control) -> None:
    bus = await SlcanClient.connect(running.slcan)
    await control.do(pulse={"pack": 2, "channel": 1, "count": 25, "interval_ms": 360}, advance_s=30)
    pulse = f"t{0x480 + (await control.pack(2))['node']:03X}".encode()
    pulses = [Pulse.decode(payload(line)) for line in await bus.arrived() if line.startswith(pulse)]
    counted = [frame for frame in pulses if frame.channel == 1][-1]
    assert counted.count == 25
    assert {frame.count for frame in pulses if frame.channel == 0} == {0}
    await bus.close()


async def test_virtual_time_passes_fast_and_can_be_set(control: Control) -> None:
    began = time.monotonic()
    await control.do(advance_s=3600)
    assert time.monotonic() - began < 60
    assert (await control.truth())["time"] == "2026-06-01T13:00:05.000+01:00"
    await control.do(local_time="2026-03-29T04:59:50+01:00", advance_s=20)
    assert (await control.truth())["time"] == "2026-03-29T05:00:10.000+01:00"


async def test_an_answer_with_the_truth_is_of_the_moment_after(control: Control) -> None:
    answer = await control.ask(home_w=1234, irradiance=0, load1_w=0, load2_w=0, advance_s=60, get="truth")
    assert answer["time"] == "2026-06-01T12:01:05.000+01:00"
    assert answer["packs"][0]["powers_w"]["home"] == 1234


def any_line(rng: random.Random) -> dict[str, Any]:
    """Return some valid keys of the table with any valid values."""
    values: dict[str, Any] = {
        "grid": rng.random() < 0.6,
        "frequency_hz": rng.choice([None, 49.5, 50, 60]),
        "irradiance": rng.choice([None, 0, rng.random()]),
        "home_w": rng.choice([None, 0, rng.uniform(0, 20000)]),
        "load1_w": rng.choice([None, 0, 900]),
        "load2_w": rng.choice([None, 0, 2000]),
        "soc": rng.choice([0, 100, rng.uniform(0, 100)]),
        "battery_v": rng.choice([None, None, 20, 55]),
        "battery_a": rng.choice([None, None, 5]),
        "bms": rng.choice(["ok", "ok", "silent", "crc", "exception", "garbage"]),
        "ct": {"channel": rng.randrange(4), "state": rng.choice(["ok", "ok", "clip", "open", "stuck_relay"])},
        "bus": {"drop": rng.choice([0, 0.1]), "corrupt": rng.choice([0, 0.05, 1]), "ack": rng.random() < 0.7},
        "segment": rng.choice([0, 0, 1, 15]),
        "storage": rng.choice(["erase", "corrupt"]),
        "power": rng.random() < 0.7,
        "restart": rng.choice(["soft", "watchdog", "brownout"]),
        "bus_off": True,
        "button": rng.uniform(0.01, 15),
        "pulse": {
            "pack": rng.randrange(3),
            "channel": rng.randrange(2),
            "count": rng.randrange(50),
            "interval_ms": 100,
        },
        "local_time": "2026-10-25T00:30:00+01:00",
    }
    line = {key: values[key] for key in rng.sample(sorted(values), rng.randrange(1, 5))}
    if rng.random() < 0.8:
        line["pack"] = rng.randrange(3)
    return line


async def test_it_lives_through_anything_that_may_be_asked(control: Control) -> None:
    rng = random.Random(5)
    for _ in range(300):
        line = any_line(rng) | {"advance_s": rng.choice([0.001, 0.3, 2, 20]), "get": "truth"}
        truth = await control.ask(**line)
        assert truth.get("ok") is True, (line, truth)
        for pack in truth["packs"]:
            power, energy = pack["powers_w"], pack["energies_wh"]
            assert power["grid"] + power["solar"] == pytest.approx(power["home"] + power["battery"], abs=0.01)
            stored = energy["battery_charged"] - energy["battery_discharged"]
            assert energy["grid"] + energy["solar"] == pytest.approx(energy["home"] + stored, abs=0.01)
            assert 0 <= pack["soc"] <= 100
            assert power["load1"] == 0 or pack["relays"]["load1"]
            assert power["load2"] == 0 or pack["relays"]["load2"]
            assert power["inverter"] == 0 or pack["relays"]["inverter"]
            assert power["grid"] == 0 or (pack["relays"]["grid"] and truth["grid"])
    everything_well = {
        "power": True,
        "segment": 0,
        "bus": {"drop": 0, "corrupt": 0, "ack": True},
        "bms": "ok",
        "grid": True,
    }
    await control.do(**everything_well, battery_v=None, advance_s=180)
    packs = (await control.truth())["packs"]
    assert len({pack["node"] for pack in packs} - {None}) == 3
    assert [pack["master"] for pack in packs].count(True) == 1
