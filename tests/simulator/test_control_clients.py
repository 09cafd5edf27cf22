"""Clients of the control socket that send nonsense, or behave badly, or are several."""

import asyncio
import json
import random

import pytest

from .simulator import Control, Simulator

BAD_LINES = [
    b"nonsense",
    b"[]",
    b"{",
    b'{"grid": 1}',
    b'{"grid": true, "grid": false}',
    b'{"colour": 1}',
    b'{"pack": 3, "soc": 50}',
    b'{"pack": "0", "soc": 50}',
    b'{"soc": NaN}',
    b'{"soc": -1}',
    b'{"soc": "full"}',
    b'{"home_w": 1e99}',
    b'{"bms": "loud"}',
    b'{"power": "off"}',
    b'{"ct": {"channel": 4, "state": "ok"}}',
    b'{"bus": {"drop": 2}}',
    b'{"bus_off": null}',
    b'{"segment": 99}',
    b'{"pulse": {"pack": 7}}',
    b'{"advance_s": -1}',
    b'{"advance_s": "long"}',
    b'{"local_time": "tomorrow"}',
    b'{"get": "lies"}',
    b"[" * 100_000,
    b'"' + b"x" * 70_000 + b'"',
    b"\x00\xff\xfe",
    '{"gr\u00efd": true}'.encode("latin-1"),
]


@pytest.mark.parametrize("line", BAD_LINES, ids=lambda line: line[:40].decode("latin-1"))
async def test_a_bad_line_is_refused_and_changes_nothing(running: Simulator, line: bytes) -> None:
    control = running.control
    before = await control.truth()
    await control.send(line + b"\n")
    answer = await control.answer()
    assert list(answer) == ["error"]
    assert len(answer["error"]) > 10
    assert await control.truth() == before


async def test_a_line_with_one_bad_key_does_nothing_of_the_others(control: Control) -> None:
    before = await control.truth()
    answer = await control.ask(grid=False, home_w=100, irradiance=0.5, soc=101)
    assert answer == {"error": '"soc" takes a number 0 to 100, or null'}
    assert await control.truth() == before


async def test_random_bytes_never_kill_it(control: Control) -> None:
    rng = random.Random(1)
    for _ in range(300):
        noise = rng.randbytes(rng.randrange(1, 300)).replace(b"\n", b"") or b"x"
        await control.send(noise + b"\n")
        if noise.strip(b" \t\r"):
            assert list(await control.answer()) == ["error"]
    assert (await control.truth())["ok"] is True


async def test_lines_may_come_in_any_pieces(control: Control) -> None:
    for character in b'{"get": "truth"}\n':
        await control.send(bytes([character]))
        await asyncio.sleep(0)
    assert (await control.answer())["ok"] is True
    await control.send(b'\n  \r\n{"home_w": 1}\r\n{"home_w": 2}\n{"x": 1}\n{"advance_s": 1}\n{"home_w": 3}\n')
    assert [list(await control.answer()) for _ in range(5)] == [["ok"], ["ok"], ["error"], ["ok"], ["ok"]]


async def test_two_clients_at_once(running: Simulator, control: Control) -> None:
    other = await Control.connect(running.ready["control"])
    slow = asyncio.create_task(control.ask(advance_s=3600, get="truth"))
    await asyncio.sleep(0.05)
    assert (await other.truth())["time"] < "2026-06-01T13:00:05.000+01:00"
    assert not slow.done()
    # Its own advance comes after the other's.
    after = await other.ask(advance_s=10, get="truth")
    assert slow.done()
    assert (await slow)["time"] == "2026-06-01T13:00:05.000+01:00"
    assert after["time"] == "2026-06-01T13:00:15.000+01:00"
    await other.close()


async def test_a_client_that_goes_in_the_middle_harms_nobody(running: Simulator) -> None:
    for line in (b'{"home_', b'{"advance_s": 100}\n', b'{"get": "truth"}\n' * 2000):
        gone = await Control.connect(running.ready["control"])
        await gone.send(line)
        gone.writer.transport.abort()
    assert (await running.control.truth())["ok"] is True


async def test_a_client_that_closes_its_sending_side_gets_its_answers(running: Simulator) -> None:
    client = await Control.connect(running.ready["control"])
    await client.send(b'{"advance_s": 60}\n{"get": "truth"}\n')
    client.writer.write_eof()
    answers = [json.loads(line) for line in (await client.reader.read()).splitlines()]
    assert [answer["ok"] for answer in answers] == [True, True]
    await client.close()


async def test_who_reads_no_answers_is_not_answered_without_end(running: Simulator) -> None:
    deaf = await Control.connect(running.ready["control"])
    sending = asyncio.create_task(deaf.send(b'{"get": "truth"}\n' * 1_000_000))
    await asyncio.sleep(1)
    assert not sending.done(), "the simulator took everything"
    assert (await running.control.truth())["ok"] is True
    sending.cancel()
    deaf.writer.transport.abort()
