"""The availability topic as a downstream system sees it, read with a client that shares no code with ours (kafka-python): every
message in its order, committed ones only, and the table they make."""
import json
import time
from urllib.parse import unquote

from kafka import KafkaConsumer, TopicPartition


def version_of(text):
    return tuple(int(part) for part in text.split(":"))


class TableTopic:
    """Everything in a topic so far, from its beginning: `messages` in order of their partition, `rows` by (sku, location)."""

    def __init__(self, broker, topic):
        self.consumer = KafkaConsumer(bootstrap_servers=broker.address, isolation_level="read_committed", enable_auto_commit=False,
                                      auto_offset_reset="earliest", consumer_timeout_ms=1000)
        self.partitions = [TopicPartition(topic, p) for p in sorted(self.consumer.partitions_for_topic(topic))]
        self.consumer.assign(self.partitions)
        self.consumer.seek_to_beginning(*self.partitions)
        self.messages, self.rows, self.newest = [], {}, {}

    def close(self):
        self.consumer.close()

    def _take(self, message):
        key = message.key.decode()
        sku, location = key.rsplit("|", 1)
        sku = unquote(sku)
        header = dict(message.headers)["onhand.version"].decode()
        row = json.loads(message.value) if message.value is not None else {"sku": sku, "location": location, "version": header}
        assert (row["sku"], row["location"], row["version"]) == (sku, location, header), (key, row, header)
        version = version_of(header)
        assert self.newest.get(key, (0, 0)) <= version, f"{key}: {version} came after {self.newest[key]}"
        self.newest[key] = version
        self.messages.append(message)
        if message.value is None:  # the kit is not there any more
            self.rows.pop((sku, location), None)
        else:
            self.rows[sku, location] = row

    def read(self, seconds=0.0):
        """What has come since; waits so long for something."""
        until = time.monotonic() + seconds
        while True:
            got = self.consumer.poll(timeout_ms=200, max_records=20000)
            for messages in got.values():
                for message in messages:
                    self._take(message)
            if not got and time.monotonic() >= until:
                return self.rows

    def until(self, condition, seconds, what):
        """Reads until condition(rows)."""
        deadline = time.monotonic() + seconds
        while not condition(self.rows):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
            self.read()
        return self.rows
