"""A real MQTT broker on loopback (Debian's mosquitto), as another house would listen to it."""

from collections.abc import Sequence
from pathlib import Path
import shutil
import socket
import subprocess
import time
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Broker:
    """The broker, which can be ended and started again on the same port, and what is heard on it."""

    def __init__(self, folder: Path, *settings: str) -> None:
        """Have a port and settings; without any everybody may come in."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        lines = (f"listener {self.port} 127.0.0.1", *(settings or ("allow_anonymous true",)))
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: Client | None = None
        self.heard: list[tuple[str, bool]] = []
        """Payloads on any topic, and whether they were retained."""

    def start(self) -> None:
        """Run until it takes connections."""
        self._process = subprocess.Popen([PROGRAM, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise TimeoutError("mosquitto does not start")

    def stop(self) -> None:
        """End it."""
        self._deaf()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def listen(self, topic: str, login: Sequence[str] = ()) -> None:
        """Hear what is said on a topic."""

        def hear(client: Client, userdata: Any, message: MQTTMessage) -> None:
            self.heard.append((message.payload.decode(), message.retain))

        self._deaf()
        self._listener = Client(CallbackAPIVersion.VERSION2)
        if login:
            self._listener.username_pw_set(*login)
        self._listener.on_message = hear
        self._listener.connect("127.0.0.1", self.port)
        self._listener.subscribe(topic)
        self._listener.loop_start()

    def _deaf(self) -> None:
        if self._listener is not None:
            self._listener.disconnect()
            self._listener.loop_stop()
            self._listener = None

    @property
    def payloads(self) -> list[str]:
        """What was heard, in order."""
        return [payload for payload, _ in self.heard]
