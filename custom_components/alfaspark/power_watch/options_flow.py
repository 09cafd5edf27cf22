"""Options of the power watch: whom to tell what, in which words, and the sign of life for another house."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.notify.const import DOMAIN as NOTIFY
from homeassistant.config_entries import ConfigFlowResult, OptionsFlow
from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TemplateSelector,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
import probatio

from custom_components.alfaspark.const import DOMAIN

from .alerts.alert import AlertKind
from .alerts.options import (
    CONF_LIFE,
    CONF_LIFE_ENABLED,
    CONF_LIFE_TLS,
    CONF_LIFE_TOPIC,
    CONF_LIMIT,
    CONF_STARTUP,
    CONF_SUSPECT,
    CONF_TARGETS,
    CONF_TEXTS,
    DEFAULT_LIFE_PORT,
    DEFAULT_LIFE_TOPIC,
    DEFAULT_LIMIT,
)
from .alerts.texts import DEFAULT_TEXTS, render, sample
from .setup import TargetError, ping_target, topic_target

_TEXTS = section(
    probatio.Schema({probatio.Optional(kind.value): TemplateSelector() for kind in AlertKind}), {"collapsed": True}
)
_LIFE = section(
    probatio.Schema(
        {
            probatio.Required(CONF_LIFE_ENABLED, default=False): BooleanSelector(),
            probatio.Optional(CONF_HOST): TextSelector(),
            probatio.Required(CONF_PORT, default=DEFAULT_LIFE_PORT): NumberSelector(
                NumberSelectorConfig(min=1, max=65535, mode=NumberSelectorMode.BOX)
            ),
            probatio.Optional(CONF_USERNAME): TextSelector(TextSelectorConfig(autocomplete="off")),
            probatio.Optional(CONF_PASSWORD): TextSelector(
                TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
            ),
            probatio.Required(CONF_LIFE_TLS, default=False): BooleanSelector(),
            probatio.Required(CONF_LIFE_TOPIC, default=DEFAULT_LIFE_TOPIC): TextSelector(),
        }
    ),
    {"collapsed": True},
)
SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_TARGETS, default=list): EntitySelector(
            EntitySelectorConfig(multiple=True, domain=NOTIFY)
        ),
        probatio.Required(CONF_STARTUP, default=True): BooleanSelector(),
        probatio.Required(CONF_SUSPECT, default=False): BooleanSelector(),
        probatio.Required(CONF_LIMIT, default=DEFAULT_LIMIT): NumberSelector(
            NumberSelectorConfig(min=1, max=60, mode=NumberSelectorMode.BOX)
        ),
        probatio.Required(CONF_TEXTS): _TEXTS,
        probatio.Required(CONF_LIFE): _LIFE,
    }
)


class PowerWatchOptionsFlow(OptionsFlow):
    """Asks for the options. They are applied without a reload."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for everything; what is wrong is said before it is needed."""
        if user_input is None:
            return self._show(self._shown_options(), {}, {})
        own = {
            kind.value: text
            for kind in AlertKind
            if (text := user_input[CONF_TEXTS].get(kind.value, "").strip()) and text != DEFAULT_TEXTS[kind].strip()
        }
        for kind, text in own.items():
            _, problem = render(self.hass, sample(AlertKind(kind)), text)
            if problem is not None:
                placeholders = {"text": await self._text_name(kind), "error": problem.error}
                return self._show(user_input, {"base": "text_failed"}, placeholders)
        try:
            life = self._life(user_input[CONF_LIFE])
        except TargetError as error:
            return self._show(user_input, {"base": error.reason}, {})
        return self.async_create_entry(
            data={**user_input, CONF_LIMIT: int(user_input[CONF_LIMIT]), CONF_TEXTS: own, CONF_LIFE: life}
        )

    async def _text_name(self, kind: str) -> str:
        """Return the label of a text's field, as the form shows it."""
        words = await async_get_translations(self.hass, self.hass.config.language, "options", {DOMAIN})
        return words.get(f"component.{DOMAIN}.options.step.init.sections.{CONF_TEXTS}.data.{kind}", kind)

    def _life(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of the sign of life; one that is off may be incomplete. Raises TargetError."""
        life = {**values, CONF_PORT: int(values[CONF_PORT])}
        stored = self.config_entry.options.get(CONF_LIFE, {})
        if not life.get(CONF_PASSWORD) and life.get(CONF_USERNAME) and CONF_PASSWORD in stored:
            life[CONF_PASSWORD] = stored[CONF_PASSWORD]
        if life[CONF_LIFE_ENABLED]:
            life[CONF_HOST] = ping_target(life.get(CONF_HOST, ""))
            life[CONF_LIFE_TOPIC] = topic_target(life[CONF_LIFE_TOPIC])
            if not {"+", "#"}.isdisjoint(life[CONF_LIFE_TOPIC]):
                raise TargetError("bad_topic", life[CONF_LIFE_TOPIC])
        return life

    def _shown_options(self) -> dict[str, Any]:
        """Return what the form shows: the stored options, default texts to be changed, and no password."""
        options = self.config_entry.options
        life = {key: value for key, value in options.get(CONF_LIFE, {}).items() if key != CONF_PASSWORD}
        texts = {kind.value: text for kind, text in DEFAULT_TEXTS.items()} | options.get(CONF_TEXTS, {})
        return {**options, CONF_TEXTS: texts, CONF_LIFE: life}

    def _show(
        self, values: Mapping[str, Any], errors: dict[str, str], placeholders: dict[str, str]
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(SCHEMA, values),
            errors=errors,
            description_placeholders={"text": "", "error": "", **placeholders},
        )
