"""The owner's documents name everything that exists, nothing that does not, and every link in them leads somewhere."""

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import re
import struct
from typing import Any
from urllib.parse import quote

from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition, config_validation as cv, script, trigger
from homeassistant.helpers.template import render_complex
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify
import pytest
import yaml

from custom_components.alfaspark.power_watch.alerts.alert import AlertKind
from custom_components.alfaspark.power_watch.alerts.texts import _variables as variables, sample
from scripts.house.screenshots import PICTURES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INTEGRATION = ROOT / "custom_components" / "alfaspark"
PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))

TEXTS: dict[str, Any] = json.loads((INTEGRATION / "translations" / "en.json").read_text())
PARAMETERS: list[dict[str, Any]] = json.loads((INTEGRATION / "packbus" / "parameters.json").read_text())

PLATFORMS = {
    "Binary sensors": "binary_sensor",
    "Buttons": "button",
    "Events": "event",
    "Numbers": "number",
    "Selects": "select",
    "Sensors": "sensor",
    "Switches": "switch",
    "Times": "time",
    "Updates": "update",
}
FORM_PAGES = [page for page in ("setup.md", "outages.md", "alerts.md") if (DOCS / page).exists()]
MOST_BYTES = 200_000
PHONE_PX = 500


def _described(file: str) -> dict[str, dict[str, Any]]:
    """What services.yaml, triggers.yaml or conditions.yaml describes, by name."""
    path = INTEGRATION / file
    if not path.exists():
        return {}
    described: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
    # Keys with a dot in front are only anchors.
    return {name: about or {} for name, about in described.items() if not name.startswith(".")}


ACTIONS = _described("services.yaml")
TRIGGERS = _described("triggers.yaml")
CONDITIONS = _described("conditions.yaml")


def _words(page: str) -> str:
    """The text of a page without the ends of its lines."""
    return " ".join((DOCS / page).read_text().split())


def _without_code(text: str) -> str:
    return re.sub(r"^( *)```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _headings(text: str) -> list[str]:
    return [match[1].strip() for match in re.finditer(r"^#{1,6} (.*)$", _without_code(text), re.MULTILINE)]


@pytest.mark.parametrize("blueprint", sorted((ROOT / "blueprints").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_blueprint_is_documented_with_its_inputs_and_an_import_link(blueprint: Path) -> None:
    # Its own tags, such as !input, mean nothing here.
    text = re.sub(r"!\w+", "", blueprint.read_text())
    about = yaml.safe_load(text)["blueprint"]
    section = next(text for heading, text in _sections("automations.md") if heading == about["name"])
    names = {name for name, _ in _rows(section)}
    inputs = [entry for entry in about["input"].values() if "input" not in entry]
    inputs += [entry for group in about["input"].values() for entry in group.get("input", {}).values()]
    assert names == {entry["name"] for entry in inputs}
    assert f"blueprint_url={quote(about['source_url'], safe='')})" in section
    assert about["source_url"].endswith(str(blueprint.relative_to(ROOT)))


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """Heading and text of each section of a page, whatever its level."""
    parts = re.split(r"^(#{2,6} .*)$", (DOCS / page).read_text(), flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        yield heading.lstrip("# "), text


def _rows(text: str) -> Iterator[tuple[str, str]]:
    """First cell and whole line of each row of the tables in a text, without their heads."""
    head = True
    for line in text.splitlines():
        if not line.startswith("|"):
            head = True
        elif re.fullmatch(r"[|\-: ]+", line):
            head = False
        elif not head:
            yield line.split("|")[1].strip(), line


def _documented_entities() -> dict[str, dict[str, str]]:
    """Rows of docs/entities.md by platform and name; the first words of a section's heading tell the platform."""
    found: dict[str, dict[str, str]] = {platform: {} for platform in PLATFORMS.values()}
    for heading, text in _sections("entities.md"):
        for words, platform in PLATFORMS.items():
            if heading.startswith(words):
                for name, row in _rows(text):
                    found[platform][name] = found[platform].get(name, "") + row
    return found


DOCUMENTED = _documented_entities()


def _name(texts: Mapping[str, Any]) -> str:
    """A name as it is documented: placeholders stand for what differs."""
    return re.sub(r"{\w+}", "...", str(texts["name"]))


@pytest.mark.parametrize("platform", PLATFORMS.values())
def test_every_entity_is_documented_and_nothing_else(platform: str) -> None:
    names = {_name(texts) for texts in TEXTS["entity"].get(platform, {}).values()}
    assert set(DOCUMENTED[platform]) == names


def test_every_platform_is_looked_at() -> None:
    assert set(TEXTS["entity"]) <= set(PLATFORMS.values())


@pytest.mark.parametrize(
    ("platform", "key"),
    [(platform, key) for platform in ("sensor", "select") for key in TEXTS["entity"].get(platform, {})],
)
def test_every_state_that_is_a_word_is_documented(platform: str, key: str) -> None:
    texts = TEXTS["entity"][platform][key]
    row = DOCUMENTED[platform][_name(texts)].lower()
    # What is spelled out elsewhere is linked from the row.
    linked = "".join(_section_of(link).lower() for link in re.findall(r"\]\((#[^)]*)\)", row))
    missing = [state for state in texts.get("state", {}).values() if state.lower() not in row + linked]
    assert missing == []


def _section_of(anchor: str) -> str:
    return next(text for heading, text in _sections("entities.md") if f"#{_anchor(heading)}" == anchor)


@pytest.mark.parametrize("parameter", [parameter["name"] for parameter in PARAMETERS])
def test_every_parameter_is_documented(parameter: str) -> None:
    assert f"`{parameter}`" in (DOCS / "entities.md").read_text()


def _choices(field: Mapping[str, Any]) -> Iterator[str]:
    """The values that a field takes, where they are words."""
    for option in ((field.get("selector") or {}).get("select") or {}).get("options", []):
        yield option["value"] if isinstance(option, dict) else option


def _fields(about: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, field in (about.get("fields") or {}).items():
        if "fields" in (field or {}):  # a section of fields
            yield from _fields(field)
        else:
            yield name, field or {}


ACTION_PAGES = ("actions.md", "outage-actions.md")


@pytest.mark.parametrize(
    ("pages", "described"),
    [(ACTION_PAGES, ACTIONS), (("automations.md",), TRIGGERS), (("automations.md",), CONDITIONS)],
    ids=["actions", "triggers", "conditions"],
)
def test_what_is_described_is_documented_with_its_fields(
    pages: tuple[str, ...], described: dict[str, dict[str, Any]]
) -> None:
    sections = [section for page in pages for section in _sections(page)]
    for name, about in described.items():
        texts = [text for heading, text in sections if f"`alfaspark.{name}`" in heading]
        assert texts, f"no section of {pages} has `alfaspark.{name}` in its heading"
        for field, description in _fields(about):
            for word in (field, *_choices(description)):
                assert any(f"`{word}`" in text for text in texts), f"{pages}: {name} does not name `{word}`"


def test_every_section_of_an_action_trigger_or_condition_has_one() -> None:
    for pages, names in ((ACTION_PAGES, set(ACTIONS)), (("automations.md",), set(TRIGGERS) | set(CONDITIONS))):
        headings = [heading for page in pages for heading, _ in _sections(page)]
        named = {name for heading in headings for name in re.findall(r"`alfaspark\.(\w+)`", heading)}
        assert named == names


def _labels(flow: Mapping[str, Any]) -> Iterator[str]:
    """The labels of all fields and choices of a flow's forms, and of what begins it."""
    yield from flow.get("initiate_flow", {}).values()
    for step in flow.get("step", {}).values():
        for form in (step, *step.get("sections", {}).values()):
            yield from form.get("data", {}).values()
        menu = step.get("menu_options", {})
        yield from menu.values() if isinstance(menu, dict) else ()


FLOWS = (TEXTS["config"], TEXTS.get("options", {}), *TEXTS.get("config_subentries", {}).values())


@pytest.mark.parametrize("label", sorted({label for flow in FLOWS for label in _labels(flow)}))
def test_every_field_and_choice_of_the_forms_is_documented(label: str) -> None:
    assert any(label in _words(page) for page in FORM_PAGES)


@pytest.mark.parametrize("issue", TEXTS.get("issues", {}))
def test_every_repair_is_documented(issue: str) -> None:
    texts = TEXTS["issues"][issue]
    assert all(part.strip() in _words("troubleshooting.md") for part in re.split(r"{\w+}", texts["title"]))


@pytest.mark.parametrize(
    "problem", [*TEXTS["config"]["error"].values(), TEXTS["config"]["abort"]["already_configured"]]
)
def test_everything_that_keeps_a_set_up_from_its_end_is_documented(problem: str) -> None:
    first_words = re.split(r"[.,:]", problem)[0]
    assert first_words in _words("troubleshooting.md")


def test_every_variable_of_an_alert_is_documented_and_no_other() -> None:
    section = next(text for heading, text in _sections("alerts.md") if heading == "Texts")
    documented = {variable for names, _ in _rows(section) for variable in re.findall(r"`(\w+)`", names)}
    assert documented == variables(sample(AlertKind.RESTORED), False).keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    text = _without_code(page.read_text())
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|srcset|href)="([^"]+)"', text)]
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if (
            not target.exists()
            or not target.is_relative_to(ROOT)
            or (anchor and anchor not in {_anchor(heading) for heading in _headings(target.read_text())})
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`((?:scripts|custom_components|tests|docs|firmware|blueprints)/[\w./-]+)`", page.read_text())
    # What a build makes is not in the repository.
    missing = [path for path in named if not (ROOT / path).exists() and not path.endswith(("signing_key.pem", "-data"))]
    assert missing == []


def test_every_page_can_be_reached_from_the_index() -> None:
    links = set(re.findall(r"\]\(([\w-]+\.md)", (DOCS / "README.md").read_text()))
    assert links == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


IMAGES = sorted((DOCS / "images").glob("*"))


def _png_size_px(image: Path) -> tuple[int, int]:
    head = image.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:])
    return width, height


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_images_are_small_pngs_that_a_page_shows(image: Path) -> None:
    assert image.stat().st_size < MOST_BYTES
    assert min(_png_size_px(image)) > 100
    assert any(f"](images/{image.name})" in page.read_text() for page in DOCS.glob("*.md"))


def test_every_image_is_made_by_the_script() -> None:
    assert [image.name for image in IMAGES] == sorted(f"{picture.name}.png" for picture in PICTURES)


def test_there_is_an_image_of_a_phone() -> None:
    assert any(_png_size_px(image)[0] <= PHONE_PX for image in IMAGES)


def _examples() -> Iterator[tuple[str, Any]]:
    """Each YAML example of an automation or script in the documents, with where it stands."""
    for page in sorted(DOCS.glob("*.md")):
        for number, match in enumerate(
            re.finditer(r"^( *)```yaml\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL), 1
        ):
            text = re.sub(rf"^{match[1]}", "", match[2], flags=re.MULTILINE)
            yield f"{page.name} {number}", yaml.safe_load(text)


EXAMPLES = dict(_examples())


def _parts(example: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """The triggers, conditions and actions of an example: an automation, a single condition or a single action."""
    if "triggers" in example:
        return example["triggers"], example.get("conditions", []), example["actions"]
    return [], [example] if "condition" in example else [], [example] if "action" in example else []


PARTS = {where: _parts(example) for where, example in EXAMPLES.items() if any(_parts(example))}


def test_there_are_examples_of_everything() -> None:
    for kind, known, part in (("trigger", TRIGGERS, 0), ("condition", CONDITIONS, 1)):
        shown = yaml.safe_dump([parts[part] for parts in PARTS.values()])
        assert known.keys() == set(re.findall(rf"{kind}: alfaspark\.(\w+)", shown))


@pytest.fixture
async def services(hass: HomeAssistant, enable_custom_integrations: None) -> None:
    """Have the integration's actions, triggers and conditions, as without any adapter."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "alfaspark", {})
    await hass.async_block_till_done()


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("where", PARTS)
async def test_home_assistant_takes_each_example(hass: HomeAssistant, where: str) -> None:
    triggers, conditions, actions = PARTS[where]
    taken = await trigger.async_validate_trigger_config(hass, cv.TRIGGER_SCHEMA(triggers))
    assert len(taken) == len(triggers)
    await condition.async_validate_conditions_config(hass, cv.CONDITIONS_SCHEMA(conditions))
    await script.async_validate_actions_config(hass, cv.SCRIPT_SCHEMA(actions))


def _calls(example: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The actions of the integration that an example calls, with their data."""
    if isinstance(example, dict):
        if str(example.get("action", "")).startswith("alfaspark."):
            yield example["action"].removeprefix("alfaspark."), example.get("data", {})
        for value in example.values():
            yield from _calls(value)
    elif isinstance(example, list):
        for value in example:
            yield from _calls(value)


CALLS = [(where, name, data) for where, example in EXAMPLES.items() for name, data in _calls(example)]


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(("where", "name", "data"), CALLS)
def test_every_action_takes_the_data_of_its_example(
    hass: HomeAssistant, where: str, name: str, data: dict[str, Any]
) -> None:
    schema = hass.services.async_services()["alfaspark"][name].schema
    assert schema is not None
    schema(render_complex(cv.template_complex(data), limited=False))


def _entity_ids(example: Any) -> Iterator[str]:
    text = yaml.safe_dump(example)
    yield from re.findall(
        r"\b(?:binary_sensor|button|event|number|select|sensor|switch|time)\.(?:alfaspark|energy_pack)\w*", text
    )


def test_every_entity_of_an_example_exists() -> None:
    for where, example in EXAMPLES.items():
        for entity_id in _entity_ids(example):
            domain, _, name = entity_id.partition(".")
            names = {slugify(texts["name"]) for texts in TEXTS["entity"][domain].values()}
            assert re.sub(r"^(alfaspark|energy_pack_[0-9a-f]{4})_", "", name) in names, f"{where}: {entity_id}"


def test_every_action_of_an_example_exists() -> None:
    for where, example in EXAMPLES.items():
        text = yaml.safe_dump(example)
        for kind, known in (("action", ACTIONS), ("trigger", TRIGGERS), ("condition", CONDITIONS)):
            for name in re.findall(rf"\b{kind}: alfaspark\.(\w+)", text):
                assert name in known, f"{where}: {kind} {name}"
