/* Twenty lines that keep stock: a receipt goes in, durable; a basket holds three; the shelf's figures come
 * out. */
#include <onhand/onhand.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    static const char receipt[] =
        "{\"id\":\"1\",\"source\":\"demo\",\"type\":\"receipt\",\"sku\":\"SHOE-42\","
        "\"location\":\"store-1\",\"quantity\":10,\"occurred_at\":\"2026-01-01T09:00:00Z\"}";
    onhand_line line = {"SHOE-42", "store-1", 3000};
    onhand_reservation basket = {.id = "basket-1", .ttl_seconds = 900, .lines = &line, .lines_count = 1};
    onhand_engine *engine;
    onhand_reader *reader;
    onhand_result result;
    onhand_answer answer;
    onhand_figures figures;
    size_t count;
    char detail[256];

    if (onhand_engine_open(&(onhand_options){.directory = argc > 1 ? argv[1] : "onhand-data"}, &engine,
                           detail, sizeof(detail)) != 0)
        return fprintf(stderr, "%s\n", detail), 1;
    int error = onhand_apply_json(engine, receipt, strlen(receipt), &result, 1, &count);
    if (!error)
        error = onhand_reserve(engine, &basket, &answer);
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
