"""The configuration of a Home Assistant that needs no onboarding, written by Home Assistant's own code."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from homeassistant import config_entries, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN
from homeassistant.auth.providers.trusted_networks import CONFIG_SCHEMA as TRUSTED_NETWORKS_SCHEMA
from homeassistant.components import onboarding
from homeassistant.components.http import config as http_config
from homeassistant.components.onboarding.const import STEPS as ONBOARDING_STEPS
from homeassistant.config_entries import ConfigEntries, ConfigEntry
from homeassistant.const import CONF_DEVICE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.storage import Store

DOMAIN = "alfaspark"

# Who can open a connection to this machine's own loopback address is taken for the owner. Nobody else can log in.
_TRUSTED_NETWORKS = {"type": "trusted_networks", "trusted_networks": ["127.0.0.1"], "allow_bypass_login": True}

_CONFIGURATION = """\
homeassistant:
  auth_providers:
    - type: trusted_networks
      trusted_networks: 127.0.0.1
      allow_bypass_login: true

energy:
frontend:
history:
logbook:
recorder:
sun:

logger:
  default: warning
  logs:
    custom_components.alfaspark: info
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """What Home Assistant shall be before its first start."""

    config_dir: Path
    port: int
    integration: Path
    adapter_url: str
    time_zone: str


async def write(installation: Installation) -> str:
    """Write the configuration into an empty folder; a token for its API, valid for some days."""
    installation.config_dir.mkdir(parents=True, exist_ok=True)
    (installation.config_dir / "configuration.yaml").write_text(_CONFIGURATION)
    components = installation.config_dir / "custom_components"
    components.mkdir()
    (components / DOMAIN).symlink_to(installation.integration)

    # Never started: it only lends its stores, which know the names and versions of their files.
    hass = HomeAssistant(str(installation.config_dir))
    loader.async_setup(hass)
    try:
        await hass.config.async_update(
            location_name="AlfaSpark",
            latitude=38.72,
            longitude=-9.14,
            elevation=50,
            currency="EUR",
            country="PT",
            language="en",
            time_zone=installation.time_zone,
        )
        await onboarding.OnboardingStorage(
            hass, onboarding.STORAGE_VERSION, onboarding.STORAGE_KEY, private=True
        ).async_save({"done": list(ONBOARDING_STEPS)})
        await _write_http(hass, installation.port)
        await _write_entry(hass, installation.adapter_url)
        return await _write_owner(hass)
    finally:
        # Stores that save late do so now.
        await hass.async_stop(force=True)


async def _write_http(hass: HomeAssistant, port: int) -> None:
    """Bind to loopback. A configuration in YAML would be taken on trial and reverted after five minutes."""
    store: Store[dict[str, object]] = Store(
        hass, http_config.STORAGE_VERSION, http_config.STORAGE_KEY, minor_version=http_config.STORAGE_MINOR_VERSION
    )
    stable = http_config.HTTP_STORAGE_SCHEMA({"server_host": ["127.0.0.1"], "server_port": port})
    stable |= {"use_x_forwarded_for": False, "trusted_proxies": []}
    await store.async_save(
        {http_config.KEY_STABLE: stable, http_config.KEY_PENDING: None, http_config.KEY_YAML_MIGRATION_DONE: True}
    )


async def _write_entry(hass: HomeAssistant, adapter_url: str) -> None:
    """Add the slcan adapter, as the config flow would."""
    entry = ConfigEntry(
        domain=DOMAIN,
        title=f"CAN adapter {adapter_url.rpartition('/')[2]}",
        data={"interface": "slcan", CONF_DEVICE: adapter_url},
        options={},
        version=1,
        minor_version=1,
        source=config_entries.SOURCE_USER,
        unique_id=f"slcan:{adapter_url}",
        discovery_keys=MappingProxyType({}),
        subentries_data=None,
    )
    store: Store[dict[str, object]] = Store(
        hass,
        config_entries.STORAGE_VERSION,
        config_entries.STORAGE_KEY,
        minor_version=config_entries.STORAGE_VERSION_MINOR,
    )
    await store.async_save({"entries": [entry.as_dict()]})


async def _write_owner(hass: HomeAssistant) -> str:
    # The store of users looks into the registries, and these into the entries.
    hass.config_entries = ConfigEntries(hass, {})
    await hass.config_entries.async_initialize()
    dr.async_setup(hass)
    await dr.async_load(hass)
    await er.async_load(hass)
    auth = await auth_manager_from_config(hass, [TRUSTED_NETWORKS_SCHEMA(_TRUSTED_NETWORKS)], [])
    owner = await auth.async_create_user("Owner", group_ids=[GROUP_ID_ADMIN])
    token = await auth.async_create_refresh_token(
        owner,
        client_name="The house's own checks",
        token_type=TOKEN_TYPE_LONG_LIVED_ACCESS_TOKEN,
        access_token_expiration=timedelta(days=7),
    )
    return auth.async_create_access_token(token)
