/* Rows of a CSV as JSON, and JSON documents taken out of files. */
#include "base/error.h"
#include "codec/columns.h"
#include "cli/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

struct bytes {
    const char *at;
    size_t left;
};

static long from_bytes(void *context, char *out, size_t size)
{
    struct bytes *b = context;
    size_t n = b->left < size ? b->left : size;

    memcpy(out, b->at, n);
    b->at += n;
    b->left -= n;
    return (long)n;
}

static struct csv csv;
static struct columns columns;
static char detail[COLUMNS_DETAIL_BYTES];
static struct buffer json;
static struct text id;
static bool holidays;

/* Header and one row; the answer of columns_read or columns_row. */
static int read_csv(enum data_kind kind, const char *file, const struct setting_list *renamed)
{
    struct bytes b = {file, strlen(file)};
    const char *problem;

    csv_init(&csv, from_bytes, &b);
    assert_int_equal(csv_next(&csv, &problem), 1);
    int error = columns_read(&columns, kind, &csv, renamed, detail);
    buffer_clear(&json);
    if (!error) {
        assert_int_equal(csv_next(&csv, &problem), 1);
        error = columns_row(&columns, &csv, &json, &id, &holidays, detail);
    }
    buffer_byte(&json, 0);
    return error;
}

static void assert_row(const char *file, enum data_kind kind, const char *row_id, const char *row_json)
{
    if (read_csv(DATA_KINDS, file, NULL))
        fail_msg("%s", detail);
    assert_int_equal(columns.kind, kind);
    assert_int_equal(id.length, strlen(row_id));
    assert_memory_equal(id.at, row_id, id.length);
    assert_string_equal(json.at, row_json);
    csv_finish(&csv);
}

static void assert_refused(const char *file, enum data_kind kind, const struct setting_list *renamed,
                           const char *said)
{
    assert_int_equal(read_csv(kind, file, renamed), ERROR_INVALID);
    if (!strstr(detail, said))
        fail_msg("expected “%s” in “%s”", said, detail);
    csv_finish(&csv);
}

static void events_carry_their_types(void **unused)
{
    assert_row("id,source,type,sku,location,quantity,occurred_at,final,unavailable,backorder_limit\n"
               "e1,till,count,A,s1,8.50,2026-11-21T10:05:00Z,true,\"{\"\"damaged\"\":\n1}\",null\n",
               DATA_EVENTS, "",
               "{\"id\":\"e1\",\"source\":\"till\",\"type\":\"count\",\"sku\":\"A\",\"location\":\"s1\","
               "\"quantity\":8.50,"
               "\"occurred_at\":\"2026-11-21T10:05:00Z\",\"final\":true,\"unavailable\":{\"damaged\": "
               "1},\"backorder_limit\":null}");
}

static void empty_cells_are_left_out(void **unused)
{
    assert_row("id,reference,occurred_at\ne1,,x\n", DATA_EVENTS, "", "{\"id\":\"e1\",\"occurred_at\":\"x\"}");
}

static void what_is_no_number_goes_as_text_so_that_the_server_names_it(void **unused)
{
    assert_row("id,occurred_at,quantity\ne,x,many\n", DATA_EVENTS, "",
               "{\"id\":\"e\",\"occurred_at\":\"x\",\"quantity\":\"many\"}");
    assert_row("id,occurred_at,quantity\ne,x,2e0\n", DATA_EVENTS, "",
               "{\"id\":\"e\",\"occurred_at\":\"x\",\"quantity\":2e0}");
    assert_row("id,occurred_at,quantity\ne,x,-\n", DATA_EVENTS, "",
               "{\"id\":\"e\",\"occurred_at\":\"x\",\"quantity\":\"-\"}");
    assert_row("id,occurred_at,available\ne,x,3\n", DATA_EVENTS, "",
               "{\"id\":\"e\",\"occurred_at\":\"x\",\"available\":3}");
}

static void locations_know_other_names_and_hours(void **unused)
{
    assert_row("location,type,name,lat,lon,tz,opening_hours,source_id\nST01,store,\"Combe, "
               "Hay\",51.336978,-2.381764,Europe/London,Mo 09:00-20:00,L0018\n",
               DATA_LOCATIONS, "ST01",
               "{\"type\":\"store\",\"name\":\"Combe, "
               "Hay\",\"latitude\":51.336978,\"longitude\":-2.381764,\"time_zone\":\"Europe/London\","
               "\"opening_hours\":[{\"days\":[\"mo\"],\"opens\":\"09:00\",\"closes\":\"20:00\"}]}");
    assert_string_equal(columns.skipped, "source_id");
}

static void items_have_options_and_lists(void **unused)
{
    assert_row("sku,name,product,options.colour,options.size,gtin13\nS-1,Shoe,P,black,42,4006381333931\n",
               DATA_ITEMS, "S-1",
               "{\"name\":\"Shoe\",\"product\":\"P\",\"gtins\":[\"4006381333931\"],\"options\":{\"colour\":"
               "\"black\",\"size\":\"42\"}}");
    assert_row("group,name,members\nnorth,North,s1 s2;s3\n", DATA_GROUPS, "north",
               "{\"name\":\"North\",\"members\":[\"s1\",\"s2\",\"s3\"]}");
}

static void columns_are_renamed_and_left_out(void **unused)
{
    const char *said[] = {"description=name", "style=product", "variant=options.variant", "lines="};
    const struct setting_list renamed = {4, said};

    assert_int_equal(
        read_csv(DATA_KINDS, "sku,style,variant,description,lines\n84997A,84997,A,CUTLERY,12\n", &renamed),
        0);
    assert_string_equal(json.at,
                        "{\"product\":\"84997\",\"name\":\"CUTLERY\",\"options\":{\"variant\":\"A\"}}");
    assert_string_equal(columns.skipped, "");
    csv_finish(&csv);
    said[0] = "nothing=name";
    assert_refused("sku,style,variant,description,lines\nx\n", DATA_KINDS, &renamed, "has no such column");
    said[0] = "description=nmae";
    assert_refused("sku,style,variant,description,lines\nx\n", DATA_ITEMS, &renamed,
                   "is not a field of items");
}

static void what_cannot_be_read_is_said(void **unused)
{
    assert_refused("a,b\n1,2\n", DATA_KINDS, NULL, "say it with --kind");
    assert_refused("name,lat\nx,1\n", DATA_LOCATIONS, NULL, "no column is called location");
    assert_refused("location,lat,latitude\nx,1,1\n", DATA_LOCATIONS, NULL, "two columns mean latitude");
    assert_refused("location,lat\nx,1,2\n", DATA_LOCATIONS, NULL, "there are 3 fields, the header has 2");
    assert_refused("location,name,methods\nx,y,{\n", DATA_LOCATIONS, NULL, "methods is not JSON");
    assert_refused("location,name,opening_hours\nx,y,never\n", DATA_LOCATIONS, NULL, "expected a day");
}

/* ---- documents ---- */

static char path[] = "/tmp/onhand-input-XXXXXX";

static void write_file(const char *content, size_t length, bool packed)
{
    gzFile file = gzopen(path, packed ? "wb" : "wbT");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, content, (unsigned)length), (int)length);
    gzclose(file);
}

/* The documents, each with its line, divided by |; then the error, if any. */
static int read_documents(const char *content, bool packed, bool lines, struct buffer *out)
{
    static struct json_documents d;
    struct input *in;
    struct text t;
    const char *problem;
    int got;

    write_file(content, strlen(content), packed);
    assert_int_equal(input_open(path, &in, detail, sizeof(detail)), 0);
    assert_true(input_peek(in).length > 0 || !*content);
    json_documents_init(&d, in, lines);
    buffer_clear(out);
    while ((got = json_documents_next(&d, &t, &problem)) == 1)
        buffer_printf(out, "%lu:%.*s|", d.line, (int)t.length, t.at);
    buffer_byte(out, 0);
    json_documents_finish(&d);
    input_close(in);
    return got;
}

static void assert_documents(const char *content, bool lines, const char *documents)
{
    struct buffer out = {0};

    for (int packed = 0; packed < 2; packed++) {
        assert_int_equal(read_documents(content, packed, lines, &out), 0);
        assert_string_equal(out.at, documents);
    }
    buffer_finish(&out);
}

static void documents_come_one_by_one(void **unused)
{
    assert_documents("[{\"a\":1},\n {\"b\":[1,{\"c\":\"}]\\\"\"}]}\n]\n", false,
                     "1:{\"a\":1}|2:{\"b\":[1,{\"c\":\"}]\\\"\"}]}|");
    assert_documents("{\"a\":\n1}\n{\"b\":2}", false, "1:{\"a\": 1}|3:{\"b\":2}|");
    assert_documents("{\"a\":1}\r\n\n{broken\n{\"b\":2}", true, "1:{\"a\":1} |3:{broken|4:{\"b\":2}|");
    assert_documents("\xEF\xBB\xBF{}", false, "1:{}|");
    assert_documents("[]", false, "");
    assert_documents("", false, "");
}

static void broken_documents_are_told(void **unused)
{
    struct buffer out = {0};
    assert_int_equal(read_documents("[{\"a\":1", false, false, &out), ERROR_INVALID);
    assert_int_equal(read_documents("{\"a\":\"", false, false, &out), ERROR_INVALID);
    assert_int_equal(read_documents("[1,2]", false, false, &out), ERROR_INVALID);
    assert_int_equal(read_documents("nonsense", false, false, &out), ERROR_INVALID);
    buffer_finish(&out);
}

static void a_packed_file_cut_short_is_told(void **unused)
{
    char many[20000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof(many); i++) /* nothing that packs well */
        many[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    write_file(many, sizeof(many), true);
    assert_int_equal(truncate(path, 300), 0);
    struct input *in;
    assert_int_equal(input_open(path, &in, detail, sizeof(detail)), 0);
    long got;
    while ((got = input_read(in, many, sizeof(many))) > 0)
        ;
    assert_int_equal(got, ERROR_IO);
    input_close(in);
}

static void assert_format(const char *content, enum input_format format)
{
    struct input *in;
    write_file(content, strlen(content), false);
    assert_int_equal(input_open(path, &in, detail, sizeof(detail)), 0);
    assert_int_equal(input_guess(in), format);
    input_close(in);
}

static void formats_are_guessed(void **unused)
{
    assert_format("[{}]", INPUT_JSON);
    assert_format("{\"a\":{}}\n{\"a\":2}\n", INPUT_NDJSON);
    assert_format("{\n  \"a\":1\n}\n", INPUT_JSON);
    assert_format("{\"a\":{}}{\"a\":2}\n", INPUT_JSON); /* a broken line, were it taken for NDJSON */
    assert_format("sku,name\n", INPUT_CSV);
    struct input *in;
    assert_int_equal(input_open("/nowhere/at/all", &in, detail, sizeof(detail)), ERROR_IO);
    assert_int_equal(input_open("/tmp", &in, detail, sizeof(detail)), ERROR_IO);
    assert_non_null(strstr(detail, "is a folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_carry_their_types),
        cmocka_unit_test(empty_cells_are_left_out),
        cmocka_unit_test(what_is_no_number_goes_as_text_so_that_the_server_names_it),
        cmocka_unit_test(locations_know_other_names_and_hours),
        cmocka_unit_test(items_have_options_and_lists),
        cmocka_unit_test(columns_are_renamed_and_left_out),
        cmocka_unit_test(what_cannot_be_read_is_said),
        cmocka_unit_test(documents_come_one_by_one),
        cmocka_unit_test(broken_documents_are_told),
        cmocka_unit_test(a_packed_file_cut_short_is_told),
        cmocka_unit_test(formats_are_guessed),
    };
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    buffer_finish(&json);
    return failed;
}
