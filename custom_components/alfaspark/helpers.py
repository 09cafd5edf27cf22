"""What keeps a pack from carrying out a command, in words that Home Assistant can translate."""

from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .packbus.client import CommandDropped, CommandRefused, CommandTimeout, CommandUnsupported
from .packbus.frames import Result


def _translation_key(error: Exception) -> str:
    match error:
        case CommandRefused(result=Result.REFUSED | Result.BUSY, reason=reason) if reason is not None:
            return f"held_{reason.name.lower()}"
        case CommandRefused(result=result):
            return f"command_{result.name.lower()}"
        case CommandUnsupported():
            return "protocol_version"
        case CommandDropped():
            return "no_node_number"
        case CommandTimeout():
            return "no_answer"
        case _:
            return "adapter_down"


def command_failed(pack_name: str, error: Exception) -> HomeAssistantError:
    """Return what to raise for a CommandError or AdapterError of a command to a pack."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key=_translation_key(error),
        translation_placeholders={"pack": pack_name, "error": str(error)},
    )
