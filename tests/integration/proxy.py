"""A TCP proxy between clients and a broker: hands bytes on later, slower, or cuts connections in the middle of a message."""
import asyncio
import contextlib
import threading


class Proxy:
    """Listens on a port of its own on the loopback and leads to `target`, another port there. `delay_seconds` and `bytes_per_second` hold
    for what comes from now on; `cut(after)` ends all connections once that many bytes more have passed, the last of them a torn piece."""

    def __init__(self, target):
        self.target, self.delay_seconds, self.bytes_per_second = target, 0, None
        self.cuts, self._left, self._open = 0, None, set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._connection, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def cut(self, after):
        self._left = after

    def stop(self):
        async def end():
            self._server.close()
            for writer in self._open:
                writer.transport.abort()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connection(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # the broker is away
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._open |= both
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._open -= both

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(16384):
                await self._hold_up(len(data))
                if self._left is not None and len(data) > self._left:
                    await self._tear(writer, data[:self._left])
                    break
                if self._left is not None:
                    self._left -= len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _hold_up(self, length):
        wait = self.delay_seconds + (length / self.bytes_per_second if self.bytes_per_second else 0)
        if wait:
            await asyncio.sleep(wait)

    async def _tear(self, writer, piece):
        """The piece goes out, then every connection ends without a good-bye."""
        self._left = None
        self.cuts += 1
        writer.write(piece)
        await asyncio.sleep(0.01)
        for other in list(self._open):
            other.transport.abort()
