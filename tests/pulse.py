"""A sound server in user space: its microphone hears what is played into it."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("pulseaudio", "pactl", "paplay")

#: PortAudio's way to PulseAudio is through ALSA.
ALSA = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"


def missing():
    """Return why it cannot be started here; None if it can."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"needs {', '.join(lacking)} (Debian: pulseaudio, libasound2-plugins)"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        return "needs ALSA's device for PulseAudio (Debian: libasound2-plugins)"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "needs PortAudio (Debian: libportaudio2)"
    return None


class Room:
    """Loudspeaker and microphone; `environment` is for programs that use them."""

    def __init__(self, server, environment, sink):
        self.environment = environment
        self._server = server
        self._sink = sink

    def play(self, path):
        """Play a WAV file to its end."""
        subprocess.run(["paplay", str(path)], env=self.environment, check=True, timeout=60)

    def control(self, *arguments):
        """Run pactl; what it prints."""
        command = ["pactl", *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, check=True, timeout=20, capture_output=True, text=True
        ).stdout

    def suspend(self, wanted):
        """Have the loudspeaker, and so its monitor, stand still, or go on."""
        self.control("suspend-sink", "room", int(wanted))

    def unload(self):
        """Take the device away."""
        for line in self.control("list", "short", "modules").splitlines():
            if "sink_name=room" in line:
                self.control("unload-module", line.split()[0])

    def load(self, *, is_default=True, **changes):
        """Bring it back, perhaps changed, such as with another rate."""
        changed = [f"{name}={value}" for name, value in changes.items()]
        kept = [part for part in self._sink if part.partition("=")[0] not in changes]
        self.control("load-module", *kept, *changed)
        if is_default:
            self.control("set-default-source", "room.monitor")

    def unplug(self):
        """End the sound server."""
        self._server.send_signal(signal.SIGKILL)
        self._server.wait()


@contextmanager
def interrupted(kind, heard, live, **changes):
    """While the block runs, the microphone, or the program itself, stands still.

    `kind` is `stopped`, `suspended`, or another for an unloaded sink, which comes back with
    `changes`.
    """
    if kind == "stopped":
        live.send_signal(signal.SIGSTOP)
        yield
        live.send_signal(signal.SIGCONT)
    elif kind == "suspended":
        heard.suspend(True)
        yield
        heard.suspend(False)
    else:
        heard.unload()
        yield
        heard.load(**changes)


@contextmanager
def room(folder, rate, channels):
    """Start a server with a null sink whose monitor is the default microphone."""
    socket = folder / "native"
    (folder / "asound.conf").write_text(ALSA)
    sink = ["module-null-sink", "sink_name=room", f"rate={rate}", f"channels={channels}"]
    environment = os.environ | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
    }
    command = [
        "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no",
        "--disable-shm=yes", "--realtime=no", "--high-priority=no",
        "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        "-L", " ".join(sink),
    ]  # fmt: skip
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        source = ["pactl", "set-default-source", "room.monitor"]
        for _ in range(100):
            if subprocess.run(source, env=environment, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError((folder / "log").read_text())
        yield Room(server, environment, sink)
    finally:
        server.kill()
        server.wait()
