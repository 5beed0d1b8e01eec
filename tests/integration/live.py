"""Thousands of listeners to /v1/changes in one process, and what each must hear by a reckoning of our own."""
import asyncio
import json
import re
import urllib.parse

VERSION = re.compile(r"(\d+):(\d+)")


class Ear:
    """One listener on a bare socket: keeps what it hears, and the id to go on from."""

    def __init__(self, port, query, slow=False):
        self.port, self.query, self.slow = port, query, slow
        self.heard, self.last, self.ended, self.missed, self.refreshed = [], None, False, 0, 0
        self.listening = asyncio.Event()

    async def listen(self):
        """Until the other side ends it."""
        self.ended = False
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 16)
        resume = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        target = "/v1/changes?" + urllib.parse.urlencode(self.query)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{resume}\r\n".encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.split(b"\r\n")[0], head
            await self._stream(reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended = True
            writer.close()

    async def _stream(self, reader):
        rest, kind, data, id_ = b"", None, None, None
        while True:
            if self.slow and self.listening.is_set():
                await self.slow.wait()
            size = int((await reader.readuntil(b"\r\n"))[:-2], 16)
            piece = await reader.readexactly(size + 2)
            if not size:
                return
            *lines, rest = (rest + piece[:-2]).split(b"\n")
            for line in lines:
                if line.startswith(b"event: "):
                    kind = line[7:].decode()
                elif line.startswith(b"id: "):
                    id_ = line[4:].decode()
                elif line.startswith(b"data: "):
                    data = line[6:]
                elif not line:
                    self._dispatch(kind, data, id_)
                    kind = data = id_ = None

    def _dispatch(self, kind, data, id_):
        if id_:
            self.last = id_
            self.listening.set()
        if kind == "missed":
            self.missed += 1
        elif kind == "refresh":
            self.refreshed += 1
        elif data is not None:
            d = json.loads(data)
            if kind == "reservation":
                self.heard.append((offset(d["version"]), kind, d["id"], d["state"]))
            else:
                self.heard.append((offset(d["version"]), kind, d["sku"], d["location"], d["previous"], d["available"], d["level"]))


def offset(version):
    return int(VERSION.fullmatch(version).group(2))


class Reckoning:
    """What rows hold, record by record, and so what has to be told: sales, returns, receipts and adjustments only."""

    EFFECT = {"sale": -1, "receipt": 1, "return": 1, "adjustment": 1}

    def __init__(self, buffer, low):
        self.buffer, self.low, self.on_hand, self.told = buffer, low, {}, []

    def applied(self, events, results):
        """The events of one request and the answer to each: those of one version are one record."""
        rows, version = {}, None
        for event, result in zip(events, results):
            assert result["verdict"] == "applied", result
            if offset(result["version"]) != version:
                self._record(version, rows)
                rows, version = {}, offset(result["version"])
            row = event["sku"], event["location"]
            rows.setdefault(row, self.on_hand.get(row, 0))
            self.on_hand[row] = self.on_hand.get(row, 0) + self.EFFECT[event["type"]] * event["quantity"]
        self._record(version, rows)

    def _record(self, version, rows):
        for (sku, location), was in rows.items():
            self.told.append((version, sku, location, was, self.on_hand[sku, location]))

    def shown(self, on_hand, channel):
        return max(0, on_hand - self.buffer if channel else on_hand)

    def level(self, shown, channel):
        return "out_of_stock" if shown == 0 else "low_stock" if channel and shown <= self.low else "in_stock"

    def expected(self, query, groups):
        """What a listener with that query has to hear, in order of records; rows of one record in any order."""
        wanted = {name: {v for n, v in query if n == name} for name in ("sku", "location", "kind", "group")}
        channel = any(n == "channel" for n, _ in query)
        places = wanted["location"] | {p for g in wanted["group"] for p in groups[g]}
        for version, sku, location, was, now in self.told:
            if (wanted["sku"] and sku not in wanted["sku"]) or (places and location not in places):
                continue
            a, b = self.shown(was, channel), self.shown(now, channel)
            kinds = [("change", a != b), ("level", self.level(a, channel) != self.level(b, channel)),
                     ("back_in_stock", a == 0 < b), ("low_stock", channel and a > self.low >= b)]
            for kind, is_so in kinds:
                if is_so and (not wanted["kind"] or kind in wanted["kind"]):
                    yield version, kind, sku, location, a, b, self.level(b, channel)
