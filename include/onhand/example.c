/* Twenty lines that keep stock: a receipt and a sale go in, durable; the shelf's figure comes out. */
#include <onhand/onhand.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const char events[] = "[{\"id\":\"1\",\"source\":\"demo\",\"type\":\"receipt\",\"sku\":\"SHOE-"
                                 "42\",\"location\":\"store-1\",\"quantity\":10,"
                                 "\"occurred_at\":\"2026-01-01T09:00:00Z\"},"
                                 "{\"id\":\"2\",\"source\":\"demo\",\"type\":\"sale\",\"sku\":\"SHOE-42\","
                                 "\"location\":\"store-1\",\"quantity\":3,"
                                 "\"occurred_at\":\"2026-01-01T09:05:00Z\"}]";
    onhand_engine *engine;
    onhand_reader *reader;
    onhand_result results[2];
    onhand_figures figures;
    size_t count;
    char detail[256];

    if (onhand_engine_open(&(onhand_options){.directory = argc > 1 ? argv[1] : "onhand-data"}, &engine,
                           detail, sizeof(detail)) != 0)
        return fprintf(stderr, "%s\n", detail), 1;
    int error = onhand_apply_json(engine, events, strlen(events), results, 2, &count);
    if (!error && !(error = onhand_reader_open(engine, &reader))) {
        error = onhand_query(reader, "SHOE-42", 7, "store-1", 7, &figures);
        onhand_reader_close(reader);
    }
    if (error)
        fprintf(stderr, "%s\n", onhand_strerror(error));
    else
        printf("on hand %lld, available %lld\n", (long long)figures.on_hand_milli / 1000,
               (long long)figures.available_milli / 1000);
    onhand_engine_close(engine);
    return error != 0;
}
