"""Subentry flow: a power source, how it is judged, and the checkpoints through which it is watched."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_ENTITY_ID, CONF_HOST, CONF_NAME, CONF_PORT, CONF_URL
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    EntitySelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
)
import probatio

from custom_components.alfaspark.entries import pack_names
from custom_components.alfaspark.outages.model import Kind, Rule

from .setup import (
    ALL_PACKS,
    CONF_CHECKPOINTS,
    CONF_DOWN_PAYLOADS,
    CONF_DOWN_STATES,
    CONF_KIND,
    CONF_NETWORK_SOURCE,
    CONF_PACK,
    CONF_RULE,
    CONF_SILENCE,
    CONF_TOPIC,
    DEFAULT_DOWN_PAYLOADS,
    DEFAULT_SILENCE_S,
    ITSELF,
    LONGEST_SILENCE_S,
    CheckpointSetup,
    SourceKind,
    TargetError,
    http_target,
    is_of_source,
    pasted,
    ping_target,
    silence,
    sources_of,
    tcp_target,
    topic_target,
    whole,
)

_CONF_PASTED = "pasted"
_DEFAULT_RULE = Rule()
_MOST_SHOWN = 20
"""Checkpoints in the menu; all of them would push what can be done off the screen."""

_ALL_NAMES = {Kind.GRID_SENSE: "Grid sense of all packs", Kind.PRESENCE: "Presence of all packs"}
_STEPS = ("http", "tcp", "ping", "mqtt", "entity", "grid_sense", "presence", "paste")


def _seconds(least: int, most: int) -> NumberSelector:
    return NumberSelector(
        NumberSelectorConfig(min=least, max=most, mode=NumberSelectorMode.BOX, unit_of_measurement="s")
    )


def _texts() -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=[], multiple=True, custom_value=True))


_NAME = {probatio.Optional(CONF_NAME): TextSelector()}
_RULE_SECTION = section(
    probatio.Schema(
        {
            probatio.Required("fraction", default=_DEFAULT_RULE.fraction * 100): NumberSelector(
                NumberSelectorConfig(min=0, max=95, step=5, mode=NumberSelectorMode.SLIDER, unit_of_measurement="%")
            ),
            probatio.Required("failures", default=_DEFAULT_RULE.failures): NumberSelector(
                NumberSelectorConfig(min=1, max=20, mode=NumberSelectorMode.BOX)
            ),
            probatio.Required("interval_s", default=_DEFAULT_RULE.interval_s): _seconds(5, 3600),
            probatio.Required("loss_hold_s", default=_DEFAULT_RULE.loss_hold_s): _seconds(0, 3600),
            probatio.Required("restore_hold_s", default=_DEFAULT_RULE.restore_hold_s): _seconds(0, 3600),
        }
    ),
    {"collapsed": True},
)


def _http(values: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    return Kind.HTTP, http_target(values[CONF_URL]), {}


def _tcp(values: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    return Kind.TCP, tcp_target(values[CONF_HOST], int(values.get(CONF_PORT, 0))), {}


def _ping(values: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    return Kind.PING, ping_target(values[CONF_HOST]), {}


def _mqtt(values: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    options = {CONF_SILENCE: silence(int(values[CONF_SILENCE])), CONF_DOWN_PAYLOADS: list(values[CONF_DOWN_PAYLOADS])}
    return Kind.MQTT, topic_target(values[CONF_TOPIC]), options


def _entity(values: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    return Kind.ENTITY, values[CONF_ENTITY_ID], {CONF_DOWN_STATES: list(values[CONF_DOWN_STATES])}


_FORMS: dict[
    str, tuple[dict[probatio.Marker, Any], Callable[[Mapping[str, Any]], tuple[Kind, str, dict[str, Any]]]]
] = {
    "http": ({probatio.Optional(CONF_URL): TextSelector()}, _http),
    "tcp": (
        {
            probatio.Optional(CONF_HOST): TextSelector(),
            probatio.Optional(CONF_PORT): NumberSelector(
                NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)
            ),
        },
        _tcp,
    ),
    "ping": ({probatio.Optional(CONF_HOST): TextSelector()}, _ping),
    "mqtt": (
        {
            probatio.Optional(CONF_TOPIC): TextSelector(),
            probatio.Required(CONF_SILENCE, default=DEFAULT_SILENCE_S): _seconds(0, LONGEST_SILENCE_S),
            probatio.Required(CONF_DOWN_PAYLOADS, default=list(DEFAULT_DOWN_PAYLOADS)): _texts(),
        },
        _mqtt,
    ),
    "entity": (
        {
            probatio.Optional(CONF_ENTITY_ID): EntitySelector(),
            probatio.Required(CONF_DOWN_STATES, default=[]): _texts(),
        },
        _entity,
    ),
}


class SourceSubentryFlow(ConfigSubentryFlow):
    """Adds or changes a power source. A change is applied at once; nothing is reloaded."""

    def __init__(self) -> None:
        """Start with a source that has nothing."""
        self._title = ""
        self._data: dict[str, Any] = {}
        """All but the checkpoints."""
        self._changes: dict[str, CheckpointSetup | None] = {}
        """Checkpoints that are to be added, by key; None: to be removed."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the name, the kind and the rule of a new source."""
        if user_input is None:
            return self._show_source("user", {})
        self._take_source(user_input)
        return await self.async_step_menu()

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Take what the source has, and offer to change it."""
        subentry = self._get_reconfigure_subentry()
        self._title = subentry.title
        self._data = {key: value for key, value in subentry.data.items() if key != CONF_CHECKPOINTS}
        return await self.async_step_menu()

    async def async_step_menu(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show what the source has, and what can be done with it."""
        checkpoints = self._checkpoints
        has_packs = bool(pack_names(self.hass))
        offered = [step for step in _STEPS if has_packs or step not in (Kind.GRID_SENSE, Kind.PRESENCE)]
        # As code, because the menu is Markdown, in which a topic or an empty point is something else.
        shown = [f"- `{_label(checkpoint)}`" for checkpoint in checkpoints[:_MOST_SHOWN]]
        if more := len(checkpoints) - len(shown):
            shown.append(f"- ... (+{more})")
        return self.async_show_menu(
            step_id="menu",
            menu_options=[*offered, *(["remove"] if checkpoints else []), "source", "save"],
            description_placeholders={
                "source": self._title,
                "count": str(len(checkpoints)),
                "checkpoints": "\n".join(shown),
            },
        )

    @property
    def _checkpoints(self) -> list[CheckpointSetup]:
        """What the source will have; an action may have changed something else of it meanwhile."""
        held = [] if self.source == SOURCE_USER else self._get_reconfigure_subentry().data[CONF_CHECKPOINTS]
        by_key: dict[str, CheckpointSetup | None] = {each.key: each for each in map(CheckpointSetup.from_dict, held)}
        for key, changed in self._changes.items():
            before = by_key.get(key)
            is_paused = before is not None and before.is_paused
            by_key[key] = changed and replace(changed, is_paused=is_paused)
        return [checkpoint for checkpoint in by_key.values() if checkpoint is not None]

    async def async_step_source(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for name, kind and rule again."""
        if user_input is None:
            rule = {**self._data[CONF_RULE]}
            if "fraction" in rule:
                rule["fraction"] = round(rule["fraction"] * 100)
            return self._show_source("source", {CONF_NAME: self._title, **self._data, CONF_RULE: rule})
        self._take_source(user_input)
        return await self.async_step_menu()

    async def async_step_save(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Take the source over as it is now."""
        data = {**self._data, CONF_CHECKPOINTS: [checkpoint.as_dict() for checkpoint in self._checkpoints]}
        if self.source == SOURCE_USER:
            return self.async_create_entry(title=self._title, data=data)
        subentry = self._get_reconfigure_subentry()
        return self.async_update_and_abort(self._get_entry(), subentry, title=self._title, data=data)

    async def async_step_http(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a device that answers HTTP."""
        return await self._add("http", user_input)

    async def async_step_tcp(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a device with an open TCP port."""
        return await self._add("tcp", user_input)

    async def async_step_ping(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a device that answers ping."""
        return await self._add("ping", user_input)

    async def async_step_mqtt(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the topic on which devices publish their life."""
        return await self._add("mqtt", user_input)

    async def async_step_entity(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for an entity of Home Assistant."""
        return await self._add("entity", user_input)

    async def async_step_grid_sense(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask whose grid sense."""
        return await self._add_pack("grid_sense", Kind.GRID_SENSE, user_input)

    async def async_step_presence(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask whose presence on its bus."""
        return await self._add_pack("presence", Kind.PRESENCE, user_input)

    async def async_step_paste(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for many at once, a line each."""
        schema = probatio.Schema(
            {
                probatio.Required(CONF_KIND, default=Kind.HTTP.value): SelectSelector(
                    SelectSelectorConfig(options=[Kind.HTTP.value, Kind.PING.value], translation_key="pasted_kind")
                ),
                probatio.Optional(_CONF_PASTED): TextSelector(TextSelectorConfig(multiline=True)),
            }
        )
        errors, placeholders = {}, {"line": "", "entered": ""}
        if user_input is not None:
            if not user_input.get(_CONF_PASTED, "").strip():
                return await self.async_step_menu()
            try:
                self._take(*pasted(user_input[_CONF_PASTED], Kind(user_input[CONF_KIND])))
                return await self.async_step_menu()
            except TargetError as error:
                errors[_CONF_PASTED] = error.reason if error.reason == "bad_line" else f"{error.reason}_in_line"
                placeholders = {"line": str(error.line), "entered": error.entered}
        return self._show_form("paste", schema, user_input, errors, placeholders)

    async def async_step_remove(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which checkpoints to remove."""
        if user_input is None:
            options = [SelectOptionDict(value=found.key, label=_label(found)) for found in self._checkpoints]
            schema = probatio.Schema(
                {
                    probatio.Optional(CONF_CHECKPOINTS): SelectSelector(
                        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
                    )
                }
            )
            return self._show_form("remove", schema, None, {}, {})
        self._changes |= dict.fromkeys(user_input.get(CONF_CHECKPOINTS, ()))
        return await self.async_step_menu()

    def _show_source(self, step_id: str, values: Mapping[str, Any]) -> SubentryFlowResult:
        own = self.context.get("subentry_id")
        others = [
            SelectOptionDict(value=source.id, label=source.name)
            for source in sources_of(self._get_entry())
            if source.id != own
        ]
        offered = [SelectOptionDict(value=ITSELF, label=ITSELF), *others]
        network = SelectSelector(
            SelectSelectorConfig(options=offered, mode=SelectSelectorMode.DROPDOWN, translation_key="network_source")
        )
        if values.get(CONF_NETWORK_SOURCE) not in [option["value"] for option in offered]:
            # None was chosen, or it was removed.
            values = {**values, CONF_NETWORK_SOURCE: None}
        schema = probatio.Schema(
            {
                probatio.Required(CONF_NAME): TextSelector(),
                probatio.Required(CONF_KIND, default=SourceKind.OTHER.value): SelectSelector(
                    SelectSelectorConfig(options=[kind.value for kind in SourceKind], translation_key="source_kind")
                ),
                probatio.Optional(CONF_NETWORK_SOURCE): network,
                probatio.Required(CONF_RULE): _RULE_SECTION,
            }
        )
        return self._show_form(step_id, schema, values, {}, {})

    def _take_source(self, values: Mapping[str, Any]) -> None:
        rule = values[CONF_RULE]
        self._title = whole(values[CONF_NAME]).strip() or values[CONF_KIND]
        self._data |= {
            CONF_KIND: values[CONF_KIND],
            CONF_NETWORK_SOURCE: values.get(CONF_NETWORK_SOURCE),
            CONF_RULE: {**rule, "fraction": rule["fraction"] / 100, "failures": int(rule["failures"])},
        }

    async def _add(self, step_id: str, values: dict[str, Any] | None) -> SubentryFlowResult:
        fields, read = _FORMS[step_id]
        errors, entered = {}, ""
        if values is not None:
            # The first field is what is looked at. Without it the owner wants back: closing the dialog would lose all.
            if not str(values.get(str(next(iter(fields))), "")).strip():
                return await self.async_step_menu()
            try:
                kind, target, options = read(values)
                if kind is Kind.ENTITY:
                    self._refuse_own(target)
                name = whole(values.get(CONF_NAME, "")).strip() or target
                self._take(CheckpointSetup(kind, target, name, options=options))
                return await self.async_step_menu()
            except TargetError as error:
                errors, entered = {"base": error.reason}, error.entered
        return self._show_form(step_id, probatio.Schema({**fields, **_NAME}), values, errors, {"entered": entered})

    def _refuse_own(self, entity_id: str) -> None:
        """Raise TargetError for an entity of this very source."""
        if is_of_source(self.hass, entity_id, self.context.get("subentry_id")):
            raise TargetError("own_entity", entity_id)

    async def _add_pack(self, step_id: str, kind: Kind, values: dict[str, Any] | None) -> SubentryFlowResult:
        names = pack_names(self.hass)
        if values is not None:
            if serial := values.get(CONF_PACK):
                self._take(CheckpointSetup(kind, serial, names.get(serial, _ALL_NAMES[kind])))
            return await self.async_step_menu()
        offered = {ALL_PACKS: "All energy packs", **names}
        options = [SelectOptionDict(value=serial, label=name) for serial, name in offered.items()]
        selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))
        return self._show_form(step_id, probatio.Schema({probatio.Optional(CONF_PACK): selector}), None, {}, {})

    def _take(self, *added: CheckpointSetup) -> None:
        """Add checkpoints; of two that look at the same thing the later one stays."""
        self._changes |= {checkpoint.key: checkpoint for checkpoint in added}

    def _show_form(
        self,
        step_id: str,
        schema: probatio.Schema,
        values: Mapping[str, Any] | None,
        errors: dict[str, str],
        placeholders: dict[str, str],
    ) -> SubentryFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, values),
            errors=errors,
            description_placeholders={"source": self._title, **placeholders},
        )


def _label(checkpoint: CheckpointSetup) -> str:
    """Return what tells a checkpoint from the others for its owner."""
    is_named = checkpoint.name != checkpoint.target and checkpoint.kind not in (Kind.GRID_SENSE, Kind.PRESENCE)
    return f"{checkpoint.name} ({checkpoint.target})" if is_named else checkpoint.name
