"""What happens to a power source, in an English sentence: Home Assistant translates neither Activity nor a trigger's words."""

from datetime import datetime

from .alerts.texts import duration_words, time_words
from .news import PowerEvent, PowerNews


def sentence(news: PowerNews, now: datetime) -> str:
    """Return what happened, to be read after the source's name. `now`: local, to leave out the date of today."""
    start = time_words(news.start_s, now)
    match news.event:
        case PowerEvent.LOST:
            return f"lost power at {start}{_seen_by(news)}"
        case PowerEvent.RESTORED:
            return _restored(news, start, now)
        case PowerEvent.SUSPECTED:
            return f"may have lost power at {start}{_seen_by(news)}"
        case PowerEvent.CLEARED:
            return f"has power: what looked like a loss was none{_seen_by(news)}"
        case PowerEvent.UNKNOWN:
            return f"may have power or not: nobody can tell since {start}"


def _restored(news: PowerNews, start: str, now: datetime) -> str:
    if news.end_s is None or news.duration_s is None:
        return "has power again"
    end, lasted = time_words(news.end_s, now), duration_words(news.duration_s)
    given = "" if news.battery_wh is None else f"; the batteries gave {news.battery_wh / 1000:.2f} kWh"
    if news.end_is_estimate:
        return f"has power again, since some time after {end}: it was away from {start}, for at least {lasted}{given}"
    return f"has power again since {end}: it was away from {start}, for {lasted}{given}"


def _seen_by(news: PowerNews) -> str:
    return f" (seen by: {', '.join(news.evidence)})" if news.evidence else ""
