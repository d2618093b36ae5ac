"""A cable between the web process and its database that can be cut, mended, and held still."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Passes bytes on both ways between a port of its own and the port the database has at the moment."""

    far_end: Callable[[], int]
    port: int = 0
    whole: bool = True
    _joints: set[asyncio.StreamWriter] = field(default_factory=set)
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def __enter__(self) -> "Wire":
        """Begin to pass bytes on, beside the thread that asked."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self._thread.start()
        ready.wait()
        return self

    def cut(self) -> None:
        """Break every connection, and every new one, until it is mended."""
        self._do(self._cut)

    def mend(self) -> None:
        self._do(self._mend)

    def hold(self) -> None:
        """Keep connections open and let nothing through, until it is released."""
        self._do(self._flowing.clear)

    def release(self) -> None:
        self._do(self._flowing.set)

    def __exit__(self, *problem: object) -> None:
        """Break everything and stop for good."""
        self.cut()
        self._do(self._over.set)
        self._thread.join()

    def _do(self, act: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        done.wait()

    def _cut(self) -> None:
        self.whole = False
        for joint in self._joints:
            joint.transport.abort()

    def _mend(self) -> None:
        self.whole = True

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._flowing.set()
        server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()

    async def _join(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        self._joints.add(near_out)
        try:
            if self.whole:
                far_in, far_out = await asyncio.open_connection("127.0.0.1", self.far_end())
                self._joints.add(far_out)
                await asyncio.gather(self._pass_on(near_in, far_out), self._pass_on(far_in, near_out))
                self._joints.discard(far_out)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            near_out.transport.abort()
            self._joints.discard(near_out)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.transport.abort()
