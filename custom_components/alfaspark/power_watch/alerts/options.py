"""The owner's options of the power watch: whom to tell what, and the sign of life for another house."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME

from .alert import AlertKind

CONF_LIFE: Final = "life"
CONF_LIFE_ENABLED: Final = "enabled"
CONF_LIFE_TLS: Final = "tls"
CONF_LIFE_TOPIC: Final = "topic"
CONF_LIMIT: Final = "most_per_hour"
CONF_STARTUP: Final = "tell_start"
CONF_SUSPECT: Final = "tell_suspicion"
CONF_TARGETS: Final = "notify"
CONF_TEXTS: Final = "texts"

DEFAULT_LIFE_PORT: Final = 1883
DEFAULT_LIFE_TOPIC: Final = "alfaspark/house/power_watch"
DEFAULT_LIMIT: Final = 6


@dataclass(frozen=True, slots=True)
class LifeOptions:
    """Where to publish the sign of life."""

    host: str
    port: int
    topic: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False


@dataclass(frozen=True, slots=True)
class AlertOptions:
    """Whom to tell what."""

    targets: tuple[str, ...] = ()
    """Entity ids of notify entities."""
    tells_start: bool = True
    tells_suspicion: bool = False
    most_per_hour: int = DEFAULT_LIMIT
    texts: Mapping[AlertKind, str] = field(default_factory=dict)
    """The owner's own templates."""
    life: LifeOptions | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return what the options of the config entry say; what is not there stands at its default."""
        life = options.get(CONF_LIFE, {})
        return cls(
            targets=tuple(options.get(CONF_TARGETS, ())),
            tells_start=options.get(CONF_STARTUP, True),
            tells_suspicion=options.get(CONF_SUSPECT, False),
            most_per_hour=int(options.get(CONF_LIMIT, DEFAULT_LIMIT)),
            texts={AlertKind(kind): text for kind, text in options.get(CONF_TEXTS, {}).items()},
            life=_life(life) if life.get(CONF_LIFE_ENABLED) else None,
        )


def _life(life: Mapping[str, Any]) -> LifeOptions:
    return LifeOptions(
        host=life[CONF_HOST],
        port=int(life[CONF_PORT]),
        topic=life[CONF_LIFE_TOPIC],
        username=life.get(CONF_USERNAME),
        password=life.get(CONF_PASSWORD),
        tls=life.get(CONF_LIFE_TLS, False),
    )
