"""Today's import is handed back to a pack that restarted: it counts in memory that a cut of its supply empties."""

from datetime import datetime

from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.memory import ImportToday
from custom_components.alfaspark.packbus.client import CommandRefused
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, RestoreImport, Result
from custom_components.alfaspark.packbus.pack import Pack
from custom_components.alfaspark.packbus.parameters import Parameter

_DAY_S = 86_400
_MINUTE_S = 60
_RESOLUTION_KWH = 0.01
_SHOWN_S = 5.0
"""STATUS comes every 2 s."""


def import_day(now: datetime, reset_time_min: int) -> int:
    """Return the day of import counting that a local time belongs to (protocol.md), 0..65535."""
    offset = now.utcoffset()
    assert offset is not None
    local_s = now.timestamp() + offset.total_seconds()
    return int((local_s - reset_time_min * _MINUTE_S) // _DAY_S) & 0xFFFF


def follow_import(pack: PackCoordinator, now: datetime) -> RestoreImport | None:
    """Remember what a pack says of today; return what is to be handed back to it, if it has forgotten that.

    To be called about once a second. A pack that restarted is left alone until it has a clock and was heard since.
    """
    status, reset_time_min = pack.data.status, pack.settings.parameters.get(Parameter.IMPORT_RESET_TIME)
    if status is None or reset_time_min is None:
        return None
    today, remembered = import_day(now, reset_time_min), pack.record.import_today
    if remembered is not None and remembered.boot_id != pack.data.boot_id and remembered.import_day == today:
        if AnnounceFlagSet.CLOCK_VALID not in pack.data.announce.flags:
            return None
        if not _knows(pack.data, remembered.import_kwh):
            return RestoreImport(remembered.import_kwh, remembered.import_day, pack.data.boot_id)
    if status.grid_import_today_kwh is not None:
        pack.record.import_today = ImportToday(status.grid_import_today_kwh, today, pack.data.boot_id)
    return None


async def async_hand_back(pack: PackCoordinator, import_before: RestoreImport) -> None:
    """Hand the import of the day back to a pack, and wait until it shows it.

    Raises CommandError where the pack does not take it, AdapterError while the adapter is down.
    """
    try:
        await pack.async_request(import_before)
    except CommandRefused as refusal:
        if refusal.result is not Result.BUSY:  # busy: its clock is not there yet
            # Not tried again: the pack knows better, it was reset since.
            pack.record.import_today = None
        raise
    pack.record.import_today = ImportToday(
        import_before.before_boot_kwh, import_before.import_day, import_before.boot_id
    )
    await pack.async_shown(lambda data: _knows(data, import_before.before_boot_kwh), _SHOWN_S)


def _knows(pack: Pack, import_kwh: float) -> bool:
    shown_kwh = pack.status.grid_import_today_kwh if pack.status else None
    return shown_kwh is not None and shown_kwh > import_kwh - _RESOLUTION_KWH / 2
