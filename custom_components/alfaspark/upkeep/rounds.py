"""What has to be kept up with each pack: knowing its settings and its import of the day."""

from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from custom_components.alfaspark.packbus.client import SEQUENCES
from custom_components.alfaspark.packbus.frames import Response
from custom_components.alfaspark.packbus.pack import Pack
from custom_components.alfaspark.packbus.settings import CHANGING, SettingsReader
from custom_components.alfaspark.upkeep.import_return import async_hand_back, follow_import

if TYPE_CHECKING:
    from custom_components.alfaspark.coordinator import PackCoordinator
    from custom_components.alfaspark.hub import Hub

_RETRY_S = 10.0
"""After a pack did not tell its settings."""
_NEXT_SETTING_S = 15.0
"""So all 40 are looked at again within ten minutes, in case somebody changed them whom Home Assistant did not hear."""


class Upkeep:
    """Looks after the packs of a hub, once a second."""

    def __init__(self, hub: Hub) -> None:
        """Begin with nothing to do."""
        self._hub = hub
        self._readers: dict[str, SettingsReader] = {}
        self._due_s: dict[str, float] = {}
        self._busy: set[str] = set()

    def read_again(self, serials: Iterable[str]) -> None:
        """Have all settings of some packs read again, within a second."""
        for serial in serials:
            if serial in self._readers:
                self._readers[serial].begin()
            self._due_s[serial] = 0.0

    def overhear(self, pack: Pack, response: Response) -> None:
        """Have the settings of a pack read again that another host may have changed."""
        if response.sequence >= SEQUENCES and response.command in CHANGING:
            self.read_again([pack.serial])

    def follow(self, now_s: float) -> None:
        """Do what is due. `now_s`: monotonic."""
        now = self._hub.time.now()
        for pack in self._hub.packs.values():
            if not pack.is_pack or not pack.available or not pack.data.speaks_our_protocol:
                continue
            if pack.serial in self._busy:
                continue
            # While the time is not known, neither is the day that an import belongs to.
            if now is not None and (import_before := follow_import(pack, now, now_s)) is not None:
                self._start(pack, async_hand_back(pack, import_before))
            elif now_s >= self._due_s.get(pack.serial, 0.0):
                self._start(pack, self._read_settings(pack, now_s))

    def _start(self, pack: PackCoordinator, work: Coroutine[Any, Any, None]) -> None:
        async def do() -> None:
            try:
                await work
            finally:
                self._busy.discard(pack.serial)

        self._busy.add(pack.serial)
        self._hub.send(do(), f"upkeep of {pack.serial}")

    async def _read_settings(self, pack: PackCoordinator, now_s: float) -> None:
        reader = self._readers.get(pack.serial)
        if reader is None:
            reader = self._readers[pack.serial] = SettingsReader(
                pack.data, pack.settings, self._hub.client, pack.async_update_listeners
            )
        if reader.complete:
            self._due_s[pack.serial] = now_s + _NEXT_SETTING_S
            await reader.read_next()
        else:
            self._due_s[pack.serial] = now_s + _RETRY_S
            await reader.read_all()
