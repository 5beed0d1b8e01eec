"""The broker and the daemon as processes that tests start, kill and ask."""
import contextlib
import csv
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import uuid
from urllib.parse import quote

import requests
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic


def wait_until(condition, seconds, what, every=0.05):
    """Until condition() is true; its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(every)


class Broker:
    """One Apache Kafka broker in a folder (deploy/kafka)."""

    def __init__(self, root, folder, version, *options):
        self.scripts = pathlib.Path(root) / "deploy" / "kafka"
        self.folder = pathlib.Path(folder)
        self.version, self.options = version, options
        self.address = None

    def start(self):
        done = subprocess.run([self.scripts / "start", self.folder, "--version", self.version, *self.options], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=300)
        self.address = done.stdout.strip()

    def stop(self):
        subprocess.run([self.scripts / "stop", self.folder], check=True, timeout=60)

    def kill(self):
        pid = int((self.folder / "pid").read_text())
        os.kill(pid, signal.SIGKILL)

        def gone():
            try:
                return not pathlib.Path(f"/proc/{pid}/cmdline").read_text()
            except OSError:
                return True

        wait_until(gone, 10, "the broker is gone")

    @staticmethod
    def _wait(futures):
        for done in futures.values():
            done.result(30)

    def make(self, name, partitions):
        admin = AdminClient({"bootstrap.servers": self.address})
        self._wait(admin.create_topics([NewTopic(name, partitions, 1)]))

    def topic(self, partitions=4, prefix="events"):
        """A new topic with a name of its own."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        self.make(name, partitions)
        return name

    def has(self, topic):
        return topic in AdminClient({"bootstrap.servers": self.address}).list_topics(timeout=10).topics

    def setting(self, topic, name):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        admin = AdminClient({"bootstrap.servers": self.address})  # has to live until the answer is there
        (answer,) = admin.describe_configs([resource]).values()
        return answer.result(30)[name].value

    def widen(self, topic, partitions):
        admin = AdminClient({"bootstrap.servers": self.address})
        self._wait(admin.create_partitions([NewPartitions(topic, partitions)]))

    def delete(self, topic):
        admin = AdminClient({"bootstrap.servers": self.address})
        self._wait(admin.delete_topics([topic]))

    def delete_before(self, topic, offset):
        """As retention does, at once."""
        admin = AdminClient({"bootstrap.servers": self.address})
        self._wait(admin.delete_records([TopicPartition(topic, 0, offset)]))

    def produce(self, topic, messages, **settings):
        """messages: (key, value) or (key, value, headers); waits until the broker has them all."""
        failed = []
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 5, "acks": "all",
                             "queue.buffering.max.messages": 1000000, **settings})

        def told(error, _message):
            if error:
                failed.append(error)

        for message in messages:
            key, value, *headers = message
            while True:
                try:
                    producer.produce(topic, value, key, headers=headers[0] if headers else None, on_delivery=told)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(60) == 0 and not failed, failed[:1]

    def read(self, topic, count, seconds=30):
        """The first `count` messages of a topic's partition 0; fewer when there are no more in time."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages, deadline = [], time.monotonic() + seconds
        while len(messages) < count and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and not message.error():  # an empty message is false
                messages.append(message)
        consumer.close()
        return messages


class Daemon:
    """`onhand serve` on a data folder: started, killed, started again."""

    def __init__(self, program, data, options):
        self.program, self.data, self.options = program, data, [str(o) for o in options]
        self.process = None
        self.base = None
        self.port = 0
        self.errors = pathlib.Path(f"{data}.log")
        self.session = requests.Session()

    def launch(self):
        """Starts it, on the same port as before, and waits for nothing."""
        command = [self.program, "serve", "--data", self.data, "--listen", f"127.0.0.1:{self.port}", *self.options]
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        return self

    def start(self, seconds=60):
        """Starts it and waits for the line with its address. Again on the same port, so that clients find it."""
        self.launch()
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.search(r"http://[\[\]0-9.:]+", line)
        assert found, f"no address in {line!r}; it said: {self.errors.read_text()[-2000:]}"
        self.base = found.group(0)
        self.port = int(self.base.rsplit(":", 1)[1])
        return self

    def kill(self):
        """kill -9"""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.process.stdout.close()
        self.process = None

    def stop(self, seconds=10):
        """SIGTERM; the exit code, which must come in time."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        self.process.stdout.close()
        self.process = None
        return code

    def get(self, path, **options):
        return self.session.get(self.base + path, timeout=30, **options)

    def post(self, path, body, **options):
        return self.session.post(self.base + path, json=body, timeout=30, **options)

    def metrics(self):
        """name or name{labels} → value"""
        lines = self.get("/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def metric(self, name):
        """The sum over all labels."""
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def wait_metric(self, name, value, seconds):
        last = [None]

        def reached():
            with contextlib.suppress(requests.RequestException):
                last[0] = self.metric(name)
            return last[0] is not None and last[0] >= value

        wait_until(reached, seconds, lambda: f"{name} is {last[0]}, not {value}; {self.errors.read_text()[-1500:]}", every=0.2)

    def digests(self):
        """(digest, record) of each checkpoint, as the log lines say."""
        return re.findall(r"digest ([0-9a-f]{32}) of the state before record (\d+)", self.errors.read_text())

    def row(self, sku, location):
        """on_hand of one row; None when the SKU is not known."""
        answer = self.get(f"/v1/availability/{quote(sku, safe='')}", params={"location": location, "detail": "true"})
        assert answer.status_code in (200, 404), answer.text
        return answer.json()["locations"][0].get("on_hand", 0) if answer.status_code == 200 else None

    def on_hand_by_sku(self, pairs):
        """(sku, location) → on_hand, a GET for every SKU."""
        found = {}
        for sku in sorted({sku for sku, _ in pairs}):
            answer = self.get(f"/v1/availability/{quote(sku, safe='')}", params={"detail": "true"})
            assert answer.status_code in (200, 404), answer.text
            for row in answer.json().get("locations", []):
                found[sku, row["location"]] = row["on_hand"]
        return found

    def on_hand(self, pairs):
        """(sku, location) → on_hand, asked over HTTP in large batches; None where there is no row."""
        locations, skus = {}, sorted({sku for sku, _ in pairs})
        for sku, location in pairs:
            locations.setdefault(sku, []).append(location)
        found = {}
        for at in range(0, len(skus), 500):
            items = [{"sku": sku, "locations": locations[sku]} for sku in skus[at:at + 500]]
            answer = self.post("/v1/availability", {"detail": True, "items": items})
            assert answer.status_code == 200, answer.text
            for item in answer.json()["items"]:
                for row in item["locations"]:
                    found[item["sku"], row["location"]] = row.get("on_hand", 0)
        return found

    def export(self):
        """(sku, location) → on_hand, from `onhand export`"""
        done = subprocess.run([self.program, "export", "--url", self.base, "--format", "csv"], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=60)
        rows = csv.DictReader(done.stdout.splitlines())
        return {(r["sku"], r["location"]): float(r["on_hand"]) for r in rows}


def check_ledger(daemon, expected):
    """Every on_hand equals the ledger: asked for each SKU, in batches, and exported. A pair that never had a movement may have no row."""
    for ask in (daemon.on_hand_by_sku, daemon.on_hand, lambda _: daemon.export()):
        found = ask(expected)
        wrong = {pair: (found.get(pair, 0), value) for pair, value in expected.items() if found.get(pair, 0) != value}
        assert not wrong, f"{len(wrong)} of {len(expected)} rows, (found, expected): {dict(list(wrong.items())[:5])}"
        assert sum(found.values()) == sum(expected.values())
