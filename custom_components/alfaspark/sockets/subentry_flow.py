"""Subentry flow: which smart sockets give way for a pack, and in which order."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import Platform
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio

from custom_components.alfaspark.const import DOMAIN
from custom_components.alfaspark.entries import pack_names
from custom_components.alfaspark.hub import AlfaSparkConfigEntry
from custom_components.alfaspark.sockets.keeper import CONF_PACK, CONF_SOCKETS, SUBENTRY_SOCKETS

_DOMAINS = [Platform.SWITCH.value, "input_boolean"]


class SocketsSubentryFlow(ConfigSubentryFlow):
    """Chooses the sockets of a pack. A change is applied at once; the entry is not reloaded."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a pack that has no sockets yet, and for its sockets."""
        entry: AlfaSparkConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        packs = pack_names(self.hass, entry.runtime_data)
        if not packs:
            return self.async_abort(reason="no_pack")
        taken = {subentry.unique_id for subentry in entry.subentries.values()}
        free = {serial: name for serial, name in packs.items() if serial not in taken}
        if not free:
            return self.async_abort(reason="already_configured")
        schema = probatio.Schema({probatio.Required(CONF_PACK): _pack_selector(free), **self._sockets_schema().schema})
        errors = self._problems(user_input)
        if user_input is None or errors:
            return self._show_form("user", schema, user_input, errors)
        serial = user_input[CONF_PACK]
        data = {CONF_PACK: serial, CONF_SOCKETS: self._stored(user_input[CONF_SOCKETS])}
        return self.async_create_entry(title=free[serial], data=data, unique_id=serial)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the sockets again; the pack stays."""
        subentry = self._get_reconfigure_subentry()
        errors = self._problems(user_input)
        if user_input is None or errors:
            shown = user_input or {CONF_SOCKETS: self._shown(subentry.data[CONF_SOCKETS])}
            return self._show_form("reconfigure", self._sockets_schema(), shown, errors, subentry.title)
        return self.async_update_and_abort(
            self._get_entry(), subentry, data_updates={CONF_SOCKETS: self._stored(user_input[CONF_SOCKETS])}
        )

    def _sockets_schema(self) -> probatio.Schema:
        """Offer all switches but those of packs, whose relays eco sheds by itself."""
        own = [entity.entity_id for entity in er.async_get(self.hass).entities.values() if entity.platform == DOMAIN]
        selector = EntitySelector(
            EntitySelectorConfig(domain=_DOMAINS, exclude_entities=sorted(own), multiple=True, reorder=True)
        )
        return probatio.Schema({probatio.Required(CONF_SOCKETS): selector})

    def _problems(self, user_input: dict[str, Any] | None) -> dict[str, str]:
        """Return what cannot be: no socket, one twice, or one that gives way for another pack."""
        if user_input is None:
            return {}
        sockets = self._stored(user_input[CONF_SOCKETS])
        if not sockets:
            return {CONF_SOCKETS: "no_socket"}
        if not self._chosen_for_others().isdisjoint(sockets):
            return {CONF_SOCKETS: "socket_taken"}
        return {}

    def _chosen_for_others(self) -> set[str]:
        own = self.context.get("subentry_id")
        return {
            socket
            for entry in self.hass.config_entries.async_entries(DOMAIN)
            for subentry in entry.get_subentries_of_type(SUBENTRY_SOCKETS)
            if subentry.subentry_id != own
            for socket in subentry.data[CONF_SOCKETS]
        }

    def _stored(self, entity_ids: list[str]) -> list[str]:
        """Return ids that survive renaming, each once."""
        registry = er.async_get(self.hass)
        ids = (entity.id if (entity := registry.async_get(entity_id)) else entity_id for entity_id in entity_ids)
        return list(dict.fromkeys(ids))

    def _shown(self, stored: list[str]) -> list[str]:
        """Return the entity ids that the sockets have now, without those that do not exist any more."""
        registry = er.async_get(self.hass)
        entity_ids = (er.async_resolve_entity_id(registry, socket) for socket in stored)
        return [entity_id for entity_id in entity_ids if entity_id is not None]

    @callback
    def _show_form(
        self,
        step_id: str,
        schema: probatio.Schema,
        values: dict[str, Any] | None,
        errors: dict[str, str],
        pack: str = "",
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors,
            description_placeholders={"pack": pack},
        )


def _pack_selector(packs: dict[str, str]) -> SelectSelector:
    options = [SelectOptionDict(value=serial, label=name) for serial, name in packs.items()]
    return SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))
