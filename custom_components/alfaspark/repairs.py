"""Repairs that Home Assistant can carry out when the owner says so."""

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.core import HomeAssistant
import probatio

from .energy_panel.preferences import async_add_packs, missing_packs


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow for an issue; there is one kind that can be fixed."""
    assert data is not None
    return AddToEnergyPanel(str(data["entry_id"]))


class AddToEnergyPanel(RepairsFlow):
    """Adds packs to the Energy panel, after the owner has seen what that adds."""

    def __init__(self, entry_id: str) -> None:
        """Add the packs of a config entry."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin with the question; Home Assistant calls this with data of its own."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """List what is added, and add it when the owner agrees."""
        packs = missing_packs(self.hass, self._entry_id, (await async_get_manager(self.hass)).data)
        if not packs:
            return self.async_abort(reason="nothing_to_add")
        if user_input is not None:
            await async_add_packs(self.hass, self._entry_id)
            return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "packs": "\n".join(f"- **{pack.name}**: {', '.join(pack.energy_names)}" for pack in packs)
            },
        )
