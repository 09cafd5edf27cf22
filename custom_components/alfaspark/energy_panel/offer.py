"""Offers the owner to add packs to the Energy panel: as a repair, so that nothing changes unasked."""

from functools import partial
import logging

from homeassistant.components.energy.data import EnergyManager, async_get_manager
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.debounce import Debouncer
from homeassistant.util.hass_dict import HassKey

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.energy_panel.preferences import missing_packs

_LOGGER = logging.getLogger(__name__)

_ENERGY_DOMAIN = "energy"
_CALM_S = 1.0
"""A pack's entities are registered one after the other; they are looked at when that is over."""

_OFFERS: HassKey[dict[str, PanelOffer]] = HassKey(f"{DOMAIN}_panel_offers")


def issue_id(entry_id: str) -> str:
    """Return the id of the offer for the packs of a config entry."""
    return f"energy_panel_{entry_id}"


async def async_offer_panel(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Offer to add the packs of a config entry, while it is loaded and whenever the panel shows one of them nowhere.

    Does nothing where Home Assistant has no Energy panel.
    """
    if _ENERGY_DOMAIN not in hass.config.components:
        return
    manager = await async_get_manager(hass)
    if _OFFERS not in hass.data:
        hass.data[_OFFERS] = {}
        # There is no way to stop listening: one listener serves all entries for good.
        manager.async_listen_updates(partial(_preferences_changed, hass))
    offer = PanelOffer(hass, entry, manager)
    offer.async_begin()


@callback
def async_forget_offer(hass: HomeAssistant, entry_id: str) -> None:
    """Forget the offer of a config entry that is removed, and that it was ignored."""
    ir.async_delete_issue(hass, DOMAIN, issue_id(entry_id))


async def _preferences_changed(hass: HomeAssistant) -> None:
    for offer in hass.data[_OFFERS].values():
        offer.async_check()


class PanelOffer:
    """The offer for the packs of one config entry: an issue that comes and goes with its reason."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, manager: EnergyManager) -> None:
        """Prepare; nothing is offered yet."""
        self._hass = hass
        self._entry = entry
        self._manager = manager
        self._calm = Debouncer(hass, _LOGGER, cooldown=_CALM_S, immediate=False, function=self.async_check)

    @callback
    def async_begin(self) -> None:
        """Look at the panel now, and whenever the panel or the entities change, until the entry is unloaded."""
        self._hass.data[_OFFERS][self._entry.entry_id] = self
        self._entry.async_on_unload(self._end)
        self._entry.async_on_unload(
            self._hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._entities_changed)
        )
        self.async_check()

    @callback
    def _end(self) -> None:
        """Take the offer back, unless it is ignored: it would be forgotten that it is."""
        self._calm.async_shutdown()
        del self._hass.data[_OFFERS][self._entry.entry_id]
        issue = ir.async_get(self._hass).async_get_issue(DOMAIN, issue_id(self._entry.entry_id))
        if issue is not None and issue.dismissed_version is None:
            ir.async_delete_issue(self._hass, DOMAIN, issue.issue_id)

    @callback
    def _entities_changed(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if event.data["entity_id"].startswith("sensor."):
            self._calm.async_schedule_call()

    @callback
    def async_check(self) -> None:
        """Offer what the panel does not show, or nothing."""
        entry_id = self._entry.entry_id
        packs = missing_packs(self._hass, entry_id, self._manager.data)
        if not packs:
            ir.async_delete_issue(self._hass, DOMAIN, issue_id(entry_id))
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue_id(entry_id),
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key="energy_panel",
            translation_placeholders={"packs": ", ".join(pack.name for pack in packs)},
            data={"entry_id": entry_id},
        )
