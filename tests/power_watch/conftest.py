"""Power sources for tests. The power watch itself is a fixture of all tests."""

from functools import partial
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigSubentryData
import pytest

from custom_components.alfaspark.outages import own_network
from custom_components.alfaspark.power_watch.observers import network
from custom_components.alfaspark.power_watch.setup import CONF_CHECKPOINTS, CONF_KIND, CONF_RULE, SUBENTRY_SOURCE

QUICK = {"failures": 1, "interval_s": 1, "restore_hold_s": 0}
"""A rule that decides at once."""


def source(title: str, checkpoints: list[dict[str, Any]], kind: str = "other", **rule: float) -> ConfigSubentryData:
    """Return a power source as its subentry holds it."""
    data = {CONF_KIND: kind, CONF_RULE: {**QUICK, **rule}, CONF_CHECKPOINTS: checkpoints}
    return ConfigSubentryData(data=data, subentry_type=SUBENTRY_SOURCE, title=title, unique_id=None)


class Machine:
    """What Linux says of this machine's network, in files that a test writes. Its gateway is loopback."""

    def __init__(self, root: Path) -> None:
        """Have a cable, and a gateway that answers."""
        self.root = root
        self._interface = root / "sys/class/net/eth0"
        self._interface.mkdir(parents=True)
        (root / "proc/net").mkdir(parents=True)
        self.plug_in()

    def plug_in(self, gateway: str = "0100007F") -> None:
        """Have a link, and a gateway at that address, as the kernel writes it; without one there is only the link."""
        (self._interface / "operstate").write_text("up\n")
        (self._interface / "carrier").write_text("1\n")
        route = f"eth0\t00000000\t{gateway}\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" if gateway else ""
        (self.root / "proc/net/route").write_text(f"Iface\tDestination\tGateway\n{route}")

    def pull_out(self) -> None:
        """Lose the link."""
        (self._interface / "operstate").write_text("down\n")
        (self._interface / "carrier").write_text("0\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Take what Linux says into the test's hands, and look at it often; nothing else is changed."""
    made = Machine(tmp_path / "root")
    monkeypatch.setattr(network, "check_network", partial(own_network.check_network, root=made.root))
    monkeypatch.setattr(network, "_NETWORK_INTERVAL_S", 0.2)
    return made
