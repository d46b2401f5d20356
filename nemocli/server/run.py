"""The server from its start to its end: sockets, signals, and what is finished before it ends."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn

from nemocli.errors import UsageError
from nemocli.scheduler.scheduler import Scheduler
from nemocli.server.app import build_app
from nemocli.server.protocols import TimedHttp, TimedWebSocket
from nemocli.server.service import Service
from nemocli.server.settings import ServerSettings
from nemocli.server.wyoming import WyomingServer
from nemocli.transcriber import Transcriber

#: Seconds that connections have at the end to finish what they have, and then to be closed: 30 in
#: all, with what else there is to do.
DRAIN_TIMEOUT_S, CLOSE_TIMEOUT_S = 26.0, 2

#: The most connections at once, and bytes of a WebSocket's message.
MAX_CONNECTIONS, MAX_MESSAGE_BYTES = 512, 16 << 20

#: Seconds between two signs of life that a WebSocket's client is asked for, and to wait for one: it
#: may be behind minutes of sound that wait.
PING_INTERVAL_S, PING_TIMEOUT_S = 30.0, 300.0

#: Seconds that a connection may wait for its next request.
KEEP_ALIVE_S = 20

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def open_sockets(settings: ServerSettings) -> list[socket.socket]:
    """Listen at the server's address, and at that of Wyoming if it has one, in this order.

    Raises UsageError if another program does, or if the address is not this machine's.
    """
    sockets = [_listen(settings.host, settings.port, "--host and --port")]
    if settings.wyoming_port is not None:
        try:
            sockets.append(
                _listen(
                    settings.wyoming_host,
                    settings.wyoming_port,
                    "--wyoming-host and --wyoming-port",
                )
            )
        except UsageError:
            sockets[0].close()
            raise
    return sockets


def serve(
    transcriber: Transcriber,
    scheduler: Scheduler,
    settings: ServerSettings,
    sockets: list[socket.socket],
    report_ready: Callable[[Callable[[], None]], None],
) -> bool:
    """Serve until a signal ends it; return whether everything that was begun was finished.

    A second signal ends the program at once. `report_ready` is called when clients may come, with
    a function that any thread may call to end the server, as a signal does. In another thread than
    the main one, there are no signals.
    """
    return asyncio.run(_serve(transcriber, scheduler, settings, sockets, report_ready))


async def _serve(
    transcriber: Transcriber,
    scheduler: Scheduler,
    settings: ServerSettings,
    sockets: list[socket.socket],
    report_ready: Callable[[Callable[[], None]], None],
) -> bool:
    with Service(transcriber, scheduler, settings) as service:
        server = _Server(_configure(service))
        running = asyncio.ensure_future(server.serve(sockets[:1]))
        wyoming = WyomingServer(service)
        try:
            if len(sockets) > 1:
                await wyoming.start(sockets[1])
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            with _catch_signals(service.remove_uploads) as ends:
                loop = asyncio.get_running_loop()

                def end() -> None:
                    loop.call_soon_threadsafe(ends.set)

                report_ready(end)
                ending = asyncio.ensure_future(ends.wait())
                await asyncio.wait((ending, running), return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                server.stop_listening()
                wyoming.stop_listening()
                is_finished = await service.drain(DRAIN_TIMEOUT_S)
                server.should_exit = True
                await wyoming.close()
                await running
        finally:
            server.should_exit = True
    return is_finished


def _configure(service: Service) -> uvicorn.Config:
    return uvicorn.Config(
        build_app(service),
        http=TimedHttp,
        ws=TimedWebSocket,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_TIMEOUT_S,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        log_level="critical",  # a request that fails is logged by its own handler
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=CLOSE_TIMEOUT_S,
    )


class _Server(uvicorn.Server):
    """uvicorn's server without its own handling of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop_listening(self) -> None:
        """Accept no more connections; those that there are go on."""
        for server in self.servers:
            server.close()


@contextlib.contextmanager
def _catch_signals(clean_up: Callable[[], None]) -> Iterator[asyncio.Event]:
    """Yield an event that the first signal sets; the second one cleans up and ends the program."""
    loop, ends = asyncio.get_running_loop(), asyncio.Event()

    def receive(number: int) -> None:
        if ends.is_set():
            try:
                clean_up()
            finally:
                os._exit(128 + number)
        ends.set()

    handled = []
    is_main = threading.current_thread() is threading.main_thread()
    for name in _SIGNALS if is_main else ():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            previous = signal.getsignal(number)
            loop.add_signal_handler(number, receive, number)
            handled.append((number, previous))
    try:
        yield ends
    finally:
        for number, previous in handled:
            loop.remove_signal_handler(number)
            signal.signal(number, previous)


def _listen(host: str, port: int, options: str) -> socket.socket:
    """Listen at an address; `options` are those that choose another one, for the sentence."""
    name = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            listening.bind(address)
            listening.listen(128)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or "unknown"
        raise UsageError(
            f"The server cannot listen at {host}, port {port} ({reason}): choose another by"
            f" {options}."
        ) from None
    listening.setblocking(False)
    return listening
