"""Today's import is handed back to a pack that restarted: it counts in memory that a cut of its supply empties."""

from dataclasses import replace
from datetime import datetime

from .coordinator import PackCoordinator
from .memory import ImportToday
from .packbus.client import CommandRefused
from .packbus.frames import AnnounceFlagSet, RestoreImport, Result
from .packbus.pack import Pack
from .packbus.parameters import Parameter

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


async def async_follow_import(pack: PackCoordinator, now: datetime) -> bool:
    """Remember what a pack says of today, or hand back to it what it has forgotten; return whether that is settled.

    To be called about once a second. Unsettled is a pack that restarted and has no clock yet, or was not heard since.
    Raises CommandError where a pack does not take its import back, AdapterError while the adapter is down.
    """
    status, reset_time_min = pack.data.status, pack.settings.parameters.get(Parameter.IMPORT_RESET_TIME)
    if status is None or reset_time_min is None:
        return False
    today, remembered = import_day(now, reset_time_min), pack.record.import_today
    if remembered is not None and remembered.boot_id != pack.data.boot_id and remembered.import_day == today:
        if AnnounceFlagSet.CLOCK_VALID not in pack.data.announce.flags:
            return False
        if not _knows(pack.data, remembered.import_kwh):
            return await _async_hand_back(pack, remembered)
    if status.grid_import_today_kwh is not None:
        pack.record.import_today = ImportToday(status.grid_import_today_kwh, today, pack.data.boot_id)
    return True


async def _async_hand_back(pack: PackCoordinator, remembered: ImportToday) -> bool:
    boot_id = pack.data.boot_id
    try:
        await pack.async_request(
            RestoreImport(before_boot_kwh=remembered.import_kwh, import_day=remembered.import_day, boot_id=boot_id)
        )
    except CommandRefused as refusal:
        if refusal.result is Result.BUSY:
            return False  # its clock is not there yet
        # Not tried again: the pack knows better, it was reset since.
        pack.record.import_today = None
        raise
    pack.record.import_today = replace(remembered, boot_id=boot_id)
    await pack.async_shown(lambda data: _knows(data, remembered.import_kwh), _SHOWN_S)
    return True


def _knows(pack: Pack, import_kwh: float) -> bool:
    shown_kwh = pack.status.grid_import_today_kwh if pack.status else None
    return shown_kwh is not None and shown_kwh > import_kwh - _RESOLUTION_KWH / 2
