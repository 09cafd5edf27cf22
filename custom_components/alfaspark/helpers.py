"""What keeps packs from carrying out a command, in words that Home Assistant can translate."""

from collections.abc import Iterable, Mapping

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .packbus.client import CommandDropped, CommandRefused, CommandTimeout, CommandUnsupported
from .packbus.frames import Result
from .packbus.parameters import PARAMETER_ORDERS, Parameter, ParameterOrder


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


def calibration_failed(pack_name: str, error: Exception) -> HomeAssistantError:
    """Return what to raise for a CommandError or AdapterError of a calibration, where *out of range* means the current."""
    match error:
        case CommandRefused(result=Result.OUT_OF_RANGE):
            key = "calibration_implausible"
        case CommandRefused(result=Result.BUSY):
            key = "calibration_no_reading"
        case _:
            return command_failed(pack_name, error)
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders={"pack": pack_name}
    )


def broadcast_failed(problems: Iterable[HomeAssistantError]) -> HomeAssistantError:
    """Return what to raise for a command to all packs that some of them did not carry out; each with its reason."""
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="broadcast_incomplete",
        # Home Assistant takes the full stop from the end of a message.
        translation_placeholders={"problems": ". ".join(dict.fromkeys(map(str, problems)))},
    )


def pack_absent(pack_name: str) -> HomeAssistantError:
    """Return what to say of a known pack that is not there while a command goes to all."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="pack_absent", translation_placeholders={"pack": pack_name}
    )


def no_pack() -> HomeAssistantError:
    """Return what to raise for a command to all packs while none was ever heard."""
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="no_pack")


def check_parameter_order(
    packs: Iterable[tuple[str, Mapping[Parameter, int]]], parameter: Parameter, value: int
) -> None:
    """Raise ServiceValidationError where a parameter would come too close to the one that it must stay above or below.

    `packs` are the names of those that shall take it, each with the parameters it is known to hold; the error names all in
    which it would be wrong. A pack would refuse it too, but cannot say because of which.
    """
    packs = tuple(packs)
    for order in PARAMETER_ORDERS:
        if parameter not in (order.lower, order.upper):
            continue
        wrong = [name for name, known in packs if not _is_kept({**known, parameter: value}, order)]
        if wrong:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key=f"order_{order.lower.name.lower()}",
                translation_placeholders={"pack": ", ".join(wrong)},
            )


def _is_kept(values: Mapping[Parameter, int], order: ParameterOrder) -> bool:
    """Return whether two parameters are far enough apart, or one is not known."""
    if order.lower not in values or order.upper not in values:
        return True
    return values[order.lower] + order.by <= values[order.upper]
