"""Today's import is handed back to a pack that restarted: it counts in memory that a cut of its supply empties."""

from datetime import datetime, timedelta

from custom_components.alfaspark.coordinator import PackCoordinator
from custom_components.alfaspark.memory import ImportToday
from custom_components.alfaspark.packbus.client import CommandRefused
from custom_components.alfaspark.packbus.frames import AnnounceFlagSet, Function, RestoreImport, Result
from custom_components.alfaspark.packbus.pack import Pack
from custom_components.alfaspark.packbus.parameters import Parameter

_DAY_S = 86_400
_MINUTE_S = 60
_RESOLUTION_KWH = 0.01
_CLOCKS_AGREE_S = 150.0
"""A pack that was not told the time for so long says so."""
_SHOWN_S = 5.0
"""STATUS comes every 2 s."""


def _counted_s(now: datetime, reset_time_min: int) -> float:
    """Return the seconds of local time since the first reset of 1970."""
    offset = now.utcoffset()
    assert offset is not None
    return now.timestamp() + offset.total_seconds() - reset_time_min * _MINUTE_S


def import_day(now: datetime, reset_time_min: int) -> int:
    """Return the day of import counting that a local time belongs to (protocol.md), 0..65535."""
    return int(_counted_s(now, reset_time_min) // _DAY_S) & 0xFFFF


def follow_import(pack: PackCoordinator, now: datetime, now_s: float) -> RestoreImport | None:
    """Remember what a pack says of today; return what is to be handed back to it, if it has forgotten that.

    To be called about once a second, `now_s`: monotonic. A pack that restarted is left alone until it has a clock and
    was heard since.
    """
    status, reset_time_min = pack.data.status, pack.settings.parameters.get(Parameter.IMPORT_RESET_TIME)
    if status is None or reset_time_min is None:
        return None
    remembered = pack.record.import_today
    if remembered is not None and remembered.boot_id != pack.data.boot_id:
        if remembered.import_day == import_day(now, reset_time_min):
            if AnnounceFlagSet.CLOCK_VALID not in pack.data.announce.flags:
                return None
            if not _knows(pack.data, remembered.import_kwh):
                return RestoreImport(remembered.import_kwh, remembered.import_day, pack.data.boot_id)
    if status.grid_import_today_kwh is not None:
        said_at = now - timedelta(seconds=max(0.0, now_s - pack.data.taken_s(Function.STATUS)))
        _remember(pack, status.grid_import_today_kwh, said_at, reset_time_min)
    return None


def _remember(pack: PackCoordinator, import_kwh: float, said_at: datetime, reset_time_min: int) -> None:
    """Remember an import under the day in which the pack said it, if that is certain.

    Its clock may be behind: right after the reset, what has not fallen may still be yesterday's.
    """
    day, before = import_day(said_at, reset_time_min), pack.record.import_today
    since_reset_s = _counted_s(said_at, reset_time_min) % _DAY_S
    is_same_boot = before is not None and before.boot_id == pack.data.boot_id
    if is_same_boot and before is not None and day != before.import_day:
        if import_kwh >= before.import_kwh and since_reset_s < _CLOCKS_AGREE_S:
            return
    pack.record.import_today = ImportToday(import_kwh, day, pack.data.boot_id)


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
