"""What the owner has set up: power sources and their checkpoints, as their config subentries hold them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
import re
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry, ConfigSubentry, ConfigSubentryData
from homeassistant.const import CONF_NAME, CONF_TYPE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.outages import probe_targets
from custom_components.alfaspark.outages.model import Kind, Rule
from custom_components.alfaspark.outages.probe_names import is_address

SUBENTRY_SOURCE: Final = "source"
"""Type of the config subentries that are power sources."""

CONF_CHECKPOINTS: Final = "checkpoints"
CONF_DOWN_PAYLOADS: Final = "down_payloads"
CONF_DOWN_STATES: Final = "down_states"
CONF_KIND: Final = "kind"
CONF_NETWORK_SOURCE: Final = "network_source"
CONF_PACK: Final = "pack"
CONF_PAUSED: Final = "paused"
CONF_RULE: Final = "rule"
CONF_SILENCE: Final = "silence_s"
CONF_TOPIC: Final = "topic"

ALL_PACKS: Final = "all"
"""Stands for every energy pack, also those that come later."""
ITSELF: Final = "itself"
"""Stands for a source that powers the network through which its own checkpoints are reached."""
DEFAULT_SILENCE_S: Final = 900
"""An MQTT device that says nothing for so long is down. 0: silence proves nothing, as it only tells what changes."""
DEFAULT_DOWN_PAYLOADS: Final = ("offline", "Offline", "false", "lost", '{"state":"offline"}')
"""What wills say: Home Assistant and ESPHome, Tasmota, Shelly, Homie, Zigbee2MQTT."""


SHORTEST_SILENCE_S: Final = 5
LONGEST_SILENCE_S: Final = 86_400

_LOGIN: Final = re.compile(r"(?:[a-z]*://)?[^/?#]*@", re.IGNORECASE)
_PORT: Final = re.compile(r"[0-9]{1,5}")
_LONGEST_TOPIC: Final = 16_000
"""Characters; MQTT takes 65,535 bytes."""


class SourceKind(StrEnum):
    """What feeds the home."""

    UTILITY = "utility"
    GENERATOR = "generator"
    UPS = "ups"
    SOLAR = "solar"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CheckpointSetup:
    """A checkpoint as the owner has set it up."""

    kind: Kind
    target: str
    """What it looks at: serial or `all`, URL, host:port, host, topic, or entity id."""
    name: str
    is_paused: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else its kind knows: `silence_s`, `down_payloads`, `down_states`."""

    @property
    def key(self) -> str:
        """What tells it from the other checkpoints of its source; stays when it is renamed or added again."""
        return f"{self.kind}:{self.target}"

    @property
    def is_group(self) -> bool:
        """Whether it stands for many that are found through it: all packs, or the topics of a wildcard."""
        return self.target == ALL_PACKS or (
            self.kind is Kind.MQTT and not {"+", "#"}.isdisjoint(self.target.split("/"))
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes."""
        data = {CONF_TYPE: self.kind.value, "target": self.target, CONF_NAME: self.name, **self.options}
        return data | ({CONF_PAUSED: True} if self.is_paused else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the checkpoint that stored data describes."""
        known = (CONF_TYPE, "target", CONF_NAME, CONF_PAUSED)
        options = {key: value for key, value in data.items() if key not in known}
        return cls(Kind(data[CONF_TYPE]), data["target"], data[CONF_NAME], data.get(CONF_PAUSED, False), options)


@dataclass(frozen=True, slots=True)
class SourceSetup:
    """A power source as the owner has set it up."""

    id: str
    """Of its config subentry."""
    name: str
    kind: SourceKind
    rule: Rule
    network_source_id: str | None
    """The source that powers the network through which its checkpoints are reached."""
    checkpoints: tuple[CheckpointSetup, ...]

    @classmethod
    def from_subentry(cls, subentry: ConfigSubentry) -> Self:
        """Return the source of a config subentry."""
        data = subentry.data
        network_id = data.get(CONF_NETWORK_SOURCE)
        return cls(
            id=subentry.subentry_id,
            name=subentry.title,
            kind=SourceKind(data[CONF_KIND]),
            rule=Rule(**data[CONF_RULE]),
            network_source_id=subentry.subentry_id if network_id == ITSELF else network_id,
            checkpoints=tuple(CheckpointSetup.from_dict(checkpoint) for checkpoint in data[CONF_CHECKPOINTS]),
        )


def sources_of(entry: ConfigEntry) -> Iterator[SourceSetup]:
    """Return the power sources of the power watch."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_SOURCE):
        yield SourceSetup.from_subentry(subentry)


def utility() -> ConfigSubentryData:
    """Return the source that exists from the start: the utility, seen by the grid sense of every pack."""
    sense = CheckpointSetup(Kind.GRID_SENSE, ALL_PACKS, "Grid sense of all packs")
    return ConfigSubentryData(
        data={CONF_KIND: SourceKind.UTILITY.value, CONF_RULE: {}, CONF_CHECKPOINTS: [sense.as_dict()]},
        subentry_type=SUBENTRY_SOURCE,
        title="Utility",
        unique_id=None,
    )


class TargetError(ValueError):
    """What was entered is no target of its kind; `reason` is the key of a translated error."""

    def __init__(self, reason: str, entered: str, line: int | None = None) -> None:
        """Say what is meant, and in which line of a pasted list, which begins with 1."""
        super().__init__(f"{reason} {entered}")
        self.reason = reason
        self.entered = entered
        self.line = line


def http_target(text: str) -> str:
    """Return the URL that a host, host:port or URL means. Raises TargetError.

    A login is refused: whoever asks for it has power, and a password would be in names, alerts and exports.
    """
    entered = text.strip()
    if login := _LOGIN.match(entered):
        raise TargetError("login_in_url", entered[login.end() :])
    if is_address(entered) and ":" in entered:
        entered = f"[{entered}]"
    try:
        return str(probe_targets.parse_url(entered))
    except probe_targets.TargetError as error:
        raise TargetError("bad_url", text) from error


def tcp_target(host: str, port: int) -> str:
    """Return host and port as one word. Raises TargetError."""
    host = ping_target(host)
    if not 0 < port < 65536:
        raise TargetError("bad_port", f"{host}:{port}")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ping_target(text: str) -> str:
    """Return a host's name or address. Raises TargetError."""
    try:
        return probe_targets.parse_host(text)
    except probe_targets.TargetError as error:
        raise TargetError("bad_host", text) from error


def pasted(text: str, kind: Kind) -> Sequence[CheckpointSetup]:
    """Return the checkpoints of a pasted list, a line `name:host` each; empty lines and those with # are left out.

    A host alone is of the kind that is given (http or ping), one with a port is TCP, a URL is HTTP.
    Raises TargetError with the first line that cannot be read.
    """
    checkpoints = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (entered := line.strip()) or entered.startswith("#"):
            continue
        name, _, target = (part.strip() for part in whole(entered).partition(":"))
        if not name or not target or target.startswith("//"):
            raise TargetError("bad_line", entered, number)
        try:
            checkpoints.append(_pasted_one(name, target, kind))
        except TargetError as error:
            raise TargetError(error.reason, entered, number) from error
    return checkpoints


def _pasted_one(name: str, target: str, kind: Kind) -> CheckpointSetup:
    host, _, port = target.rpartition(":")
    if "/" in target:
        return CheckpointSetup(Kind.HTTP, http_target(target), name)
    if host and not is_address(target.strip("[]")):
        return CheckpointSetup(Kind.TCP, tcp_target(host, int(port) if _PORT.fullmatch(port) else 0), name)
    if kind is Kind.HTTP:
        return CheckpointSetup(Kind.HTTP, http_target(target), name)
    return CheckpointSetup(Kind.PING, ping_target(target), name)


def topic_target(text: str) -> str:
    """Return an MQTT topic filter. Raises TargetError."""
    topic = text.strip()
    levels = topic.split("/")
    whole = all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
    if not topic or not whole or "#" in levels[:-1] or len(topic) > _LONGEST_TOPIC or not topic.isprintable():
        raise TargetError("bad_topic", text)
    return topic


def silence(seconds: int) -> int:
    """Return after how long an MQTT device that says nothing is down; 0: never. Raises TargetError."""
    if seconds and not SHORTEST_SILENCE_S <= seconds <= LONGEST_SILENCE_S:
        raise TargetError("bad_silence", str(seconds))
    return seconds


def is_of_source(hass: HomeAssistant, entity_id: str, source_id: str | None) -> bool:
    """Whether an entity shows how a source is, so that the source would be watched by itself."""
    entity = er.async_get(hass).async_get(entity_id) if source_id is not None else None
    return entity is not None and entity.platform == DOMAIN and entity.config_subentry_id == source_id


def whole(text: str) -> str:
    """Return a text that can be stored and sent: half of a surrogate pair becomes a question mark."""
    return text.encode(errors="replace").decode()
