"""Live in the house until Ctrl-C, or check it and leave; `scripts/demo` calls this."""

import argparse
import asyncio
import contextlib
from functools import partial
import os
import signal
import sys
import time
from typing import Any

from . import HouseError
from .check import check
from .house import BUILD, PACKS, ROOT, House


async def _live(house: House) -> None:
    """Wait for Ctrl-C. Raises HouseError if something of the house ends by itself."""
    print("Ctrl-C ends it.", flush=True)
    try:
        raise await house.death()
    except asyncio.CancelledError:
        # Wanted; what is left to do is to leave in order.
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        # A terminal that was closed cannot be told.
        with contextlib.suppress(OSError):
            print("\nEnding Home Assistant and the packs ...", flush=True)


def _tell(done: asyncio.Task[Any], what: str) -> None:
    """Say what is there now, or why it is not; the rest of the house does not depend on it."""
    if done.cancelled():
        return
    if (error := done.exception()) is None:
        print(what, flush=True)
    else:
        print(f"This is not so: {what} {error!r}", file=sys.stderr, flush=True)


async def _run(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    print(f"Starting {PACKS} simulated energy packs and Home Assistant ...", flush=True)
    async with House() as house:
        print(f"Set-up took {arguments.setup_s:.0f} s, the start {time.monotonic() - began:.0f} s.")
        if arguments.check:
            pictures = await check(house, BUILD / "demo")
            print(f"All is well: {PACKS} packs with live values.")
            for picture in pictures:
                print(f"Screenshot: {picture.relative_to(ROOT)}")
        else:
            print(f"\n    {house.url}\n\nLogs: {house.folder.relative_to(ROOT)}")
            print(f"The grid fails with:  {house.simulator.command(grid=False)}")
            print(f"and comes back with:  {house.simulator.command(grid=True)}")
            house.past.add_done_callback(partial(_tell, what="The Energy panel shows yesterday and today."))
            house.past_joined.add_done_callback(partial(_tell, what="In it, the live hours go on where the past ends."))
            await _live(house)


async def _main(arguments: argparse.Namespace) -> int:
    task = asyncio.create_task(_run(arguments))
    signalled = False

    def end() -> None:
        """Break off, once: a second signal must not keep anything from being ended."""
        nonlocal signalled
        if not signalled:
            task.cancel()
        signalled = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await task
    except asyncio.CancelledError:
        print("scripts/demo: broken off", file=sys.stderr)
        return 130
    except HouseError as error:
        print(f"\nscripts/demo: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run with the arguments of the command line; the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Three simulated energy packs and a Home Assistant that shows them, on this machine only.",
    )
    parser.add_argument("--check", action="store_true", help="verify it, take screenshots and end")
    parser.set_defaults(setup_s=float(os.environ.get("ALFASPARK_SETUP_S", "0")))
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
