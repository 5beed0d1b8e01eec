"""Many connections, each with its own line of requests, as fast as one Python thread can: requests of a connection
are sent ahead (pipelined) and answered in order, so that what must happen in order goes to one lane."""
import collections
import json
import selectors
import socket
import time
from urllib.parse import quote

AHEAD = 16  # requests of a lane that are out at once


def request(method, path, body=None, content_type="application/json"):
    payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: t\r\n"
    if body is not None:
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(payload)}\r\n"
    return head.encode() + b"\r\n" + payload


def path(*segments):
    return "/" + "/".join(quote(s, safe="") for s in segments)


class Lane:
    """`jobs`: an iterator of (request bytes, told) with told(status, body), or of a Look. Nothing behind a Look is sent
    before it was answered, and it begins when all before it is."""

    def __init__(self, jobs):
        self.jobs = iter(jobs)
        self.next = next(self.jobs, None)
        self.waiting = collections.deque()
        self.more = collections.deque()  # jobs that a Look made
        self.out = b""
        self.received = b""
        self.socket = None

    @property
    def done(self):
        return self.next is None and not self.more and not self.waiting

    def _take(self):
        if self.more:
            return self.more.popleft()
        job, self.next = self.next, next(self.jobs, None)
        return job

    def _peek(self):
        return self.more[0] if self.more else self.next

    def fill(self):
        parts = [self.out]
        while len(self.waiting) < AHEAD:
            job = self._peek()
            if job is None or (self.waiting and (isinstance(job, Look) or isinstance(self.waiting[-1], Look))):
                break
            self._take()
            parts.append(job.request if isinstance(job, Look) else job[0])
            self.waiting.append(job)
        self.out = b"".join(parts)

    def take(self, bytes_in):
        self.received += bytes_in
        while True:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.received[:end]
            status = int(head[9:12])
            at = head.lower().find(b"content-length:")
            if at >= 0:
                until = end + 4 + int(head[at + 15:].split(b"\r\n", 1)[0])
            else:  # chunks; the marks between them stay in the body, which is JSON without line ends
                until = self.received.find(b"\r\n0\r\n\r\n", end) + 7
                if until < 7:
                    return
            if len(self.received) < until:
                return
            body = self.received[end + 4:until]
            self.received = self.received[until:]
            job = self.waiting.popleft()
            if isinstance(job, Look):
                self.more.extend(job.then(status, body))
            else:
                job[1](status, body)


class Look:
    """A question whose answer decides what is asked next: then(status, body) → jobs."""

    def __init__(self, bytes_out, then):
        self.request, self.then = bytes_out, then


def run(bases, lanes, seconds):
    """Runs all lanes to their ends, the nth against the nth base (around)."""
    selector = selectors.DefaultSelector()
    open_lanes = 0
    for number, lane in enumerate(lanes):
        if lane.done:
            continue
        host, port = bases[number % len(bases)].removeprefix("http://").rsplit(":", 1)
        lane.socket = socket.create_connection((host, int(port)), timeout=30)
        lane.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lane.socket.setblocking(False)
        lane.fill()
        selector.register(lane.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, lane)
        open_lanes += 1
    deadline = time.monotonic() + seconds
    while open_lanes:
        assert time.monotonic() < deadline, f"{open_lanes} lanes are not done after {seconds} s"
        for key, events in selector.select(1):
            lane = key.data
            if events & selectors.EVENT_READ:
                try:
                    got = lane.socket.recv(1 << 18)
                except BlockingIOError:
                    continue
                assert got, "the server closed a connection"
                lane.take(got)
                lane.fill()
            if lane.out:
                try:
                    lane.out = lane.out[lane.socket.send(lane.out):]
                except BlockingIOError:
                    pass
            if lane.done:
                selector.unregister(lane.socket)
                lane.socket.close()
                open_lanes -= 1
                continue
            want = selectors.EVENT_READ | (selectors.EVENT_WRITE if lane.out else 0)
            if want != key.events:
                selector.modify(lane.socket, want, lane)
    selector.close()
