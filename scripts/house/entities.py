"""Which of Home Assistant's entities is which reading of which pack."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import HouseError
from .api import Api
from .storage import DOMAIN


@dataclass(frozen=True, slots=True)
class Entities:
    """The integration's enabled entities, by what their unique ids say. Nobody has to know how they are named."""

    hub: str
    """Identifies the adapter's entry, as a serial number does a pack."""
    utility: str | None
    """Identifies the power source that comes with the first pack; None while it is not there."""
    names: dict[str, str]
    """Device names by serial number."""
    ids: dict[str, str]
    """Entity ids by unique id."""

    def of(self, owner: str, key: str) -> str:
        """The entity id of a reading of a pack (its serial number) or of the hub. Raises HouseError if there is none."""
        try:
            return self.ids[f"{owner}_{key}"]
        except KeyError:
            raise HouseError(f"Home Assistant has no entity {key} of {self.names.get(owner, owner)}") from None

    def of_all(self, owners: Sequence[str], keys: Sequence[str]) -> list[str]:
        """The entity ids of some readings of some packs."""
        return [self.of(owner, key) for owner in owners for key in keys]


async def find(api: Api) -> Entities:
    """What Home Assistant's registries know now."""
    devices = await api.call("config/device_registry/list")
    entities = await api.call("config/entity_registry/list")
    entries = await api.call("config_entries/get", domain=DOMAIN)
    watches = {entry["entry_id"] for entry in entries if "source" in entry["supported_subentry_types"]}
    sources = [
        identifier
        for device in devices
        for domain, identifier in device["identifiers"]
        if domain == DOMAIN and watches.intersection(device["config_entries"]) and identifier not in watches
    ]
    return Entities(
        hub=next(entry["entry_id"] for entry in entries if entry["entry_id"] not in watches),
        utility=sources[0] if sources else None,
        names={
            identifier: device["name_by_user"] or device["name"]
            for device in devices
            for domain, identifier in device["identifiers"]
            if domain == DOMAIN
        },
        ids={
            entity["unique_id"]: entity["entity_id"]
            for entity in entities
            if entity["platform"] == DOMAIN and entity["disabled_by"] is None
        },
    )
