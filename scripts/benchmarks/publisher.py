"""A process of its own: the readings of packs that talk, published to an MQTT broker as devices do that have no CAN.

Each pack is announced by discovery as one device. `json`: one message a set with everything in it, of which each sensor
takes its part by a template. `topics`: one topic a reading, without templates. It prints one line of JSON when it is
ready and answers one to each line that it is told: "start", "stop", "count".
"""

import argparse
import json
import os
import select
import sys
import time
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from .packs import LARGEST_NODE, TalkingPack, packs_of
from .readings import READINGS, Reading, as_text, values_of

_PERIOD_S = 2.0


class Publisher:
    """Publishes what the packs say, each in its own phase of the 2 s."""

    def __init__(self, client: mqtt.Client, packs: list[TalkingPack], keys: frozenset[str], *, as_json: bool) -> None:
        """Announce the packs; they talk from `start` on."""
        self._client = client
        self._packs = packs
        self._readings = [reading for reading in READINGS if reading.key in keys]
        self._as_json = as_json
        self._start_s: float | None = None
        self._next = 0
        self.sets = self.messages = 0
        for pack in packs:
            client.publish(f"homeassistant/device/{pack.serial}/config", json.dumps(self._device(pack)), retain=True)

    def _device(self, pack: TalkingPack) -> dict[str, Any]:
        return {
            "dev": {"ids": [pack.serial], "name": f"Energy pack {pack.serial[-4:].upper()}", "mf": "AlfaSpark"},
            "o": {"name": "scripts/bench"},
            "cmps": {reading.key: self._component(pack, reading) for reading in self._readings},
        }

    def _component(self, pack: TalkingPack, reading: Reading) -> dict[str, Any]:
        component: dict[str, Any] = {
            "p": "binary_sensor" if reading.is_binary else "sensor",
            "unique_id": f"{pack.serial}_{reading.key}",
            "name": reading.key,
            "state_topic": f"alfaspark/{pack.serial}" if self._as_json else f"alfaspark/{pack.serial}/{reading.key}",
        }
        if self._as_json:
            component["value_template"] = f"{{{{ value_json.{reading.key} }}}}"
        if reading.is_binary:
            component |= {"payload_on": "on", "payload_off": "off"}
        if reading.device_class is not None:
            component["device_class"] = reading.device_class
        if reading.unit is not None:
            component |= {"unit_of_measurement": reading.unit, "state_class": "measurement"}
        if reading.options:
            component["options"] = list(reading.options)
        return component

    def start(self) -> None:
        """Let all packs talk from now on."""
        self._start_s = time.monotonic()
        self._next = 0
        for pack in self._packs:
            pack.now_s = self._start_s

    def stop(self) -> None:
        """Let all packs be silent."""
        self._start_s = None

    def publish_due(self) -> float:
        """Publish what is due; seconds until the next is."""
        while self._start_s is not None:
            cycle, index = divmod(self._next, len(self._packs))
            pack = self._packs[index]
            wait_s = self._start_s + _PERIOD_S * (cycle + pack.node / LARGEST_NODE) - time.monotonic()
            if wait_s > 0:
                return wait_s
            pack.advance(time.monotonic())
            self._publish(pack)
            self._next += 1
        return 1.0

    def _publish(self, pack: TalkingPack) -> None:
        values = values_of(pack.telemetry_set())
        readings = {reading.key: as_text(values[reading.key]) for reading in self._readings}
        self.sets += 1
        if self._as_json:
            self.messages += 1
            numbers = {key: values[key] if isinstance(values[key], float) else text for key, text in readings.items()}
            self._client.publish(f"alfaspark/{pack.serial}", json.dumps(numbers))
            return
        for key, text in readings.items():
            self.messages += 1
            self._client.publish(f"alfaspark/{pack.serial}/{key}", text)


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--packs", type=int, required=True)
    parser.add_argument("--style", choices=("json", "topics"), required=True)
    parser.add_argument("--keys", required=True, help="readings to publish, with commas between them")
    options = parser.parse_args()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", options.port)
    client.loop_start()
    keys = frozenset(options.keys.split(","))
    publisher = Publisher(client, packs_of(options.packs), keys, as_json=options.style == "json")
    print(json.dumps({}), flush=True)
    pending = b""
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], publisher.publish_due())
        if not readable:
            continue
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            break
        *orders, pending = (pending + data).split(b"\n")
        for order in orders:
            if order == b"start":
                publisher.start()
            elif order == b"stop":
                publisher.stop()
            print(json.dumps({"sets": publisher.sets, "messages": publisher.messages}), flush=True)
    client.loop_stop()


if __name__ == "__main__":
    main()
