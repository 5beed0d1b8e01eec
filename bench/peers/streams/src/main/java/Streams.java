import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * Stock per SKU and location as a KTable (RocksDB and a changelog topic, as Kafka Streams has it): the key comes from the message, so
 * there is a repartition topic; events are counted as they are, repeats are not judged.
 *
 * <p>usage: Streams BROKERS TOPIC COUNT SKIP FOLDER; prints {"messages","seconds","cpu_seconds","quantity"}.
 */
public final class Streams {
  /** What is needed of an event, read without a library: field 6 the SKU, 7 the location, 8 the quantity (zigzag, thousandths). */
  private record Event(String key, long milli) {}

  private static Event read(byte[] bytes) {
    String sku = "";
    String location = "";
    long milli = 0;
    int at = 0;
    while (at < bytes.length) {
      int tag = bytes[at++] & 0xff; // fields below 16: one byte
      if ((tag & 7) == 2) {
        int length = 0;
        for (int shift = 0; ; shift += 7) {
          length |= (bytes[at] & 0x7f) << shift;
          if (bytes[at++] >= 0) break;
        }
        if (tag >> 3 == 6) sku = new String(bytes, at, length, StandardCharsets.UTF_8);
        if (tag >> 3 == 7) location = new String(bytes, at, length, StandardCharsets.UTF_8);
        at += length;
      } else {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
          value |= (long) (bytes[at] & 0x7f) << shift;
          if (bytes[at++] >= 0) break;
        }
        if (tag >> 3 == 8) milli = value >>> 1 ^ -(value & 1);
      }
    }
    return new Event(sku + "|" + location, milli);
  }

  private static double cpuSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toNanos() / 1e9;
  }

  public static void main(String[] arguments) throws Exception {
    long count = Long.parseLong(arguments[2]);
    long skip = Long.parseLong(arguments[3]);
    AtomicLong applied = new AtomicLong();

    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(arguments[1], Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .map(
            (key, value) -> {
              Event e = read(value);
              return KeyValue.pair(e.key, e.milli);
            })
        .groupByKey(Grouped.with("pairs", Serdes.String(), Serdes.Long()))
        .aggregate(
            () -> 0L,
            (key, milli, sum) -> {
              applied.incrementAndGet();
              return sum + milli;
            },
            Materialized.<String, Long, org.apache.kafka.streams.state.KeyValueStore<org.apache.kafka.common.utils.Bytes, byte[]>>as("stock")
                .withKeySerde(Serdes.String())
                .withValueSerde(Serdes.Long()));

    Properties properties = new Properties();
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, "streams-" + arguments[1] + "-" + System.nanoTime());
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    properties.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(arguments[4]).toString());
    properties.put("auto.offset.reset", "earliest");
    properties.put("replication.factor", "1");
    try (KafkaStreams streams = new KafkaStreams(builder.build(), properties)) {
      streams.start();
      long until = System.nanoTime() + 600_000_000_000L;
      while (applied.get() < skip) pause(until);
      long from = applied.get();
      long began = System.nanoTime();
      double cpu = cpuSeconds();
      while (applied.get() < count) pause(until);
      double seconds = (System.nanoTime() - began) / 1e9;
      double cpuSpent = cpuSeconds() - cpu;
      long sum = 0;
      var store = streams.store(StoreQueryParameters.fromNameAndType("stock", QueryableStoreTypes.<String, Long>keyValueStore()));
      try (var all = store.all()) {
        while (all.hasNext()) sum += all.next().value;
      }
      System.out.printf("{\"messages\":%d,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"quantity\":%d}%n", count - from, seconds, cpuSpent, sum / 1000);
    }
  }

  private static void pause(long until) throws InterruptedException {
    if (System.nanoTime() > until) throw new IllegalStateException("not all events were applied");
    Thread.sleep(2);
  }
}
