/* Live changes over HTTP: each kind, each filter, what a channel is shown, kits, and going on after an id. */
#include "front.h"

#include "codec/json.h"
#include "core/answer/notice.h"

#include <unistd.h>

static int set_up(void **state)
{
    front_open(state);
    options.window = desk.window;
    front_start();
    return 0;
}

/* ---- what is done ---- */

static void want(const char *method, const char *target, const char *body, int status)
{
    expect_status(request(method, target, JSON, body), status);
}

static void happen(const char *type, const char *sku, const char *location, const char *quantity,
                   const char *more)
{
    static unsigned number;
    char body[500];

    snprintf(body, sizeof(body),
             "{\"id\":\"e-%u\",\"source\":\"t\",\"type\":\"%s\",\"sku\":\"%s\",\"location\":\"%s\",%s%s%s%s"
             "\"occurred_at\":\"2026-11-21T10:00:00Z\"}",
             ++number, type, sku, location, *quantity ? "\"quantity\":" : "", quantity, *quantity ? "," : "",
             more);
    desk_say(&desk, body);
}

static void receive(const char *sku, const char *location, const char *quantity)
{
    happen("receipt", sku, location, quantity, "");
}

static void sell(const char *sku, const char *location, const char *quantity)
{
    happen("sale", sku, location, quantity, "");
}

static void hold(const char *id, const char *sku, const char *location, unsigned quantity)
{
    char body[300];

    snprintf(body, sizeof(body),
             "{\"id\":\"%s\",\"items\":[{\"sku\":\"%s\",\"location\":\"%s\",\"quantity\":%u}]}", id, sku,
             location, quantity);
    want("POST", "/v1/reservations", body, 201);
}

/* ---- what is heard ---- */

struct ear {
    struct talk talk;
    char bytes[64 * 1024];
    size_t length;
    char last_id[64];
};

/* Asks, and waits until it is told from where on. */
static void listen_after(struct ear *e, const char *target, const char *id)
{
    char request[600];

    memset(e, 0, sizeof(*e));
    e->talk = talk_to(http_address(server));
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n", target,
             *id ? "Last-Event-ID: " : "", id, *id ? "\r\n" : "");
    talk_say(&e->talk, request);
    while (!strstr(e->bytes, "\nid: ")) {
        ssize_t n = read(e->talk.fd, e->bytes + e->length, sizeof(e->bytes) - 1 - e->length);
        if (n <= 0)
            fail_msg("%s: no stream: %s", target, e->bytes);
        e->length += (size_t)n;
    }
}

static void listen_to(struct ear *e, const char *target)
{
    listen_after(e, target, "");
}

static struct text member(const struct json_node *nodes, const char *name)
{
    uint32_t at = 1;

    for (uint32_t i = 0; i < nodes[0].count; i++, at = nodes[at].next)
        if (text_equal(nodes[at].key, text_of(name)))
            return nodes[at].type == JSON_NULL    ? TEXT("null")
                   : nodes[at].type == JSON_TRUE  ? TEXT("true")
                   : nodes[at].type == JSON_FALSE ? TEXT("false")
                                                  : nodes[at].text;
    return (struct text){"", 0};
}

static void add_members(struct buffer *out, const struct json_node *nodes, const char *const *names)
{
    for (; *names; names++) {
        struct text value = member(nodes, *names);
        if (value.length)
            buffer_printf(out, " %.*s", (int)value.length, value.at);
    }
}

/* An event in a line: its kind and what matters of its data. */
static void add_line(struct buffer *out, const char *kind, const char *data)
{
    static const char *const row[] = {"sku",   "location", "previous",      "available", "previous_level",
                                      "level", "oversold", "reorder_point", NULL};
    static const char *const other[] = {"reason", "sku", "location", "group",     "channel",
                                        "stale",  "id",  "state",    "reference", NULL};
    struct arena a = {0};
    const struct json_node *nodes;
    struct problems p = {.count = 0};
    size_t count;

    if (json_parse(text_of(data), &a, &nodes, &count, &p))
        fail_msg("%s: %s", data, p.at[0].detail);
    buffer_string(out, kind);
    add_members(out, nodes, *member(nodes, "available").at ? row : other);
    buffer_byte(out, '\n');
    arena_finish(&a);
}

/* All that was heard, to the end of the stream, which the server has ended. */
static char *heard(struct ear *e)
{
    struct buffer out = {0};
    char kind[40] = "", data[2000] = "";
    ssize_t n;

    while ((n = read(e->talk.fd, e->bytes + e->length, sizeof(e->bytes) - 1 - e->length)) > 0)
        e->length += (size_t)n;
    for (char *line = strtok(e->bytes, "\n"); line; line = strtok(NULL, "\n")) { /* chunk sizes pass */
        if (!strncmp(line, "event: ", 7))
            snprintf(kind, sizeof(kind), "%s", line + 7);
        else if (!strncmp(line, "data: ", 6))
            snprintf(data, sizeof(data), "%s", line + 6);
        else if (!strncmp(line, "id: ", 4))
            snprintf(e->last_id, sizeof(e->last_id), "%s", line + 4);
        if (*kind && *data) {
            add_line(&out, kind, data);
            *kind = *data = 0;
        }
    }
    buffer_byte(&out, '\0');
    talk_end(&e->talk);
    return out.at;
}

static void end_streams(void)
{
    front_stop(2000);
    front_start();
}

static void expect_heard(struct ear *e, const char *lines)
{
    char *got = heard(e);

    assert_string_equal(got, lines);
    free(got);
}

static struct ear a, b, c, d;

/* ---- kinds ---- */

static void case_09_a_hold_and_its_end_are_both_told(void **state)
{
    receive("A", "s1", "100");
    listen_to(&a, "/v1/changes?sku=A&kind=change");
    hold("r-1", "A", "s1", 20);
    want("POST", "/v1/reservations/r-1/release", "{}", 200);
    end_streams();
    expect_heard(&a, "change A s1 100 80 in_stock\nchange A s1 80 100 in_stock\n");
}

static void every_kind_is_told_when_it_is_so(void **state)
{
    listen_to(&a, "/v1/changes");
    receive("A", "s1", "10");
    happen("setting", "A", "s1", "", "\"reorder_point\":6,");
    sell("A", "s1", "5");
    hold("r-1", "A", "s1", 1);
    happen("order_placed", "A", "s1", "7", "\"reference\":\"O-1\",");
    sell("A", "s1", "1");
    end_streams();
    expect_heard(&a, "change A s1 0 10 in_stock\n"
                     "level A s1 0 10 out_of_stock in_stock\n"
                     "back_in_stock A s1 0 10 in_stock\n"
                     "change A s1 10 5 in_stock\n"
                     "low_stock A s1 10 5 in_stock 6\n"
                     "change A s1 5 4 in_stock\n"
                     "reservation null r-1 held null\n"
                     "change A s1 4 0 out_of_stock\n"
                     "level A s1 4 0 in_stock out_of_stock\n"
                     "oversold A s1 4 0 out_of_stock 3\n"
                     "oversold A s1 0 0 out_of_stock 4\n");
}

static void low_stock_is_told_once_per_crossing(void **state)
{
    want("PUT", "/v1/channels/web", "{\"name\":\"web\",\"low_threshold\":3}", 201);
    receive("A", "s1", "6");
    listen_to(&a, "/v1/changes?kind=low_stock&channel=web");
    sell("A", "s1", "2");    /* 4 */
    sell("A", "s1", "1");    /* 3: crosses */
    sell("A", "s1", "1");    /* 2: is low already */
    receive("A", "s1", "1"); /* 3 */
    sell("A", "s1", "1");    /* 2 */
    receive("A", "s1", "2"); /* 4: recovers */
    sell("A", "s1", "4");    /* 0: crosses again */
    sell("A", "s1", "1");
    end_streams();
    expect_heard(&a, "low_stock A s1 4 3 low_stock\nlow_stock A s1 4 0 out_of_stock\n");
}

/* The reorder point is for staff: no channel hears of it, nor of what is oversold. */
static void the_reorder_point_is_told_once_and_to_no_channel(void **state)
{
    want("PUT", "/v1/channels/web", "{\"name\":\"web\",\"low_threshold\":0}", 201);
    receive("A", "s1", "10");
    happen("setting", "A", "s1", "", "\"reorder_point\":6,");
    listen_to(&a, "/v1/changes?kind=low_stock&kind=oversold");
    listen_to(&b, "/v1/changes?channel=web");
    sell("A", "s1", "4"); /* 6: falls to it */
    sell("A", "s1", "1");
    receive("A", "s1", "4");
    sell("A", "s1", "3"); /* 6 again */
    end_streams();
    expect_heard(&a, "low_stock A s1 10 6 in_stock 6\nlow_stock A s1 9 6 in_stock 6\n");
    expect_heard(&b, "change A s1 10 6 in_stock\nchange A s1 6 5 in_stock\nchange A s1 5 9 in_stock\n"
                     "change A s1 9 6 in_stock\n");
    want("GET", "/v1/changes?channel=web&kind=oversold", NULL, 400);
    want("GET", "/v1/changes?kind=gossip", NULL, 400);
}

static void a_reservation_is_told_with_each_of_its_states(void **state)
{
    want("PUT", "/v1/channels/web", "{\"name\":\"web\"}", 201);
    want("PUT", "/v1/channels/app", "{\"name\":\"app\"}", 201);
    receive("A", "s1", "10");
    listen_to(&a, "/v1/changes?kind=reservation");
    listen_to(&b, "/v1/changes?kind=reservation&sku=B");
    listen_to(&c, "/v1/changes?kind=reservation&location=s1&channel=web");
    listen_to(&d, "/v1/changes?kind=reservation&channel=app");
    want(
        "POST", "/v1/reservations",
        "{\"id\":\"r-1\",\"channel\":\"web\",\"items\":[{\"sku\":\"A\",\"location\":\"s1\",\"quantity\":2}]}",
        201);
    want("POST", "/v1/reservations/r-1/confirm", "{\"reference\":\"O-7\"}", 200);
    happen("order_shipped", "A", "s1", "2", "\"reference\":\"O-7\","); /* an order's event ends it */
    end_streams();
    expect_heard(&a, "reservation web r-1 held null\nreservation web r-1 confirmed O-7\n"
                     "reservation web r-1 fulfilled O-7\n");
    expect_heard(&b, "");
    expect_heard(&c, "reservation web r-1 held null\nreservation web r-1 confirmed O-7\n"
                     "reservation web r-1 fulfilled O-7\n");
    expect_heard(&d, "");
}

static void a_location_that_goes_silent_and_speaks_again_is_told(void **state)
{
    want("PUT", "/v1/locations/s1", "{\"name\":\"s1\",\"stale_after_seconds\":3600,\"sources\":[\"*\"]}",
         201);
    receive("A", "s1", "3");
    listen_to(&a, "/v1/changes?kind=stale");
    listen_to(&b, "/v1/changes?kind=stale&location=s2");
    listen_to(&c, "/v1/changes?sku=A");
    listen_to(&d, "/v1/changes?sku=A&kind=stale");
    pthread_mutex_lock(&desk.lock);
    const struct outcome o = {.locations = &(uint32_t){0}, .locations_count = 1};
    for (int stale = 1; stale >= 0; stale--) {
        uint64_t offset = desk.state->next_offset++;
        places_set_stale(&desk.state->places, 0, stale, offset);
        notices_add(desk.window, desk.state, &(struct record){.kind = RECORD_PROPOSAL}, &o, offset);
        window_show(desk.window, desk.state->next_offset);
    }
    pthread_mutex_unlock(&desk.lock);
    end_streams();
    expect_heard(&b, "");
    expect_heard(&c, "");
    char *said = heard(&a), *again = heard(&d);
    assert_int_equal(strncmp(said, "stale s1 ", 9), 0);
    assert_non_null(strchr(said, '\n'));
    assert_string_equal(said, again);
    free(said);
    free(again);
}

/* ---- filters and channels ---- */

static void each_hears_what_it_asked_for(void **state)
{
    want("PUT", "/v1/locations/s1", "{\"name\":\"s1\"}", 201);
    want("PUT", "/v1/locations/s2", "{\"name\":\"s2\"}", 201);
    want("PUT", "/v1/groups/g", "{\"name\":\"g\",\"members\":[\"s2\"]}", 201);
    listen_to(&a, "/v1/changes?kind=change&sku=A&sku=B"); /* nobody has heard of them yet */
    listen_to(&b, "/v1/changes?kind=change&location=s2&location=s3");
    listen_to(&c, "/v1/changes?kind=change&group=g");
    listen_to(&d, "/v1/changes?kind=change&sku=C&location=s1");
    receive("A", "s1", "1");
    receive("B", "s2", "2");
    receive("C", "s1", "3");
    receive("C", "s2", "4");
    receive("C", "s3", "5");
    end_streams();
    expect_heard(&a, "change A s1 0 1 in_stock\nchange B s2 0 2 in_stock\n");
    expect_heard(&b, "change B s2 0 2 in_stock\nchange C s2 0 4 in_stock\nchange C s3 0 5 in_stock\n");
    expect_heard(&c, "change B s2 0 2 in_stock\nchange C s2 0 4 in_stock\n");
    expect_heard(&d, "change C s1 0 3 in_stock\n");
    want("GET", "/v1/changes?group=g&location=s1", NULL, 400);
    want("GET", "/v1/changes?group=nobody", NULL, 400);
    want("GET", "/v1/changes?channel=nobody", NULL, 400);
}

/* Worked in model.md: on_hand 100, safety_stock 10, marketplace set 30: web sees 60, marketplace 90; it holds
 * 40: both see 50; released: 60 and 90. */
static void each_channel_hears_its_own_figures(void **state)
{
    want("PUT", "/v1/channels/web", "{\"name\":\"web\",\"rules\":[{\"location\":\"s2\",\"buffer\":3}]}", 201);
    want("PUT", "/v1/channels/marketplace", "{\"name\":\"marketplace\"}", 201);
    receive("A", "s1", "100");
    happen("setting", "A", "s1", "", "\"safety_stock\":10,");
    listen_to(&a, "/v1/changes?kind=change&channel=web");
    listen_to(&b, "/v1/changes?kind=change&channel=marketplace");
    listen_to(&c, "/v1/changes?kind=change");
    happen("allocation", "A", "s1", "",
           "\"allocation\":{\"channel\":\"marketplace\",\"quantity\":30,\"op\":\"set\"},");
    want("POST", "/v1/reservations",
         "{\"id\":\"r-1\",\"channel\":\"marketplace\",\"items\":[{\"sku\":\"A\",\"location\":\"s1\","
         "\"quantity\":40}]}",
         201);
    want("POST", "/v1/reservations/r-1/release", "{}", 200);
    receive("B", "s2", "10");
    sell("B", "s2", "8");
    end_streams();
    expect_heard(&a, "change A s1 90 60 in_stock\nchange A s1 60 50 in_stock\nchange A s1 50 60 in_stock\n"
                     "change B s2 0 7 in_stock\nchange B s2 7 0 out_of_stock\n");
    expect_heard(&b, "change A s1 90 50 in_stock\nchange A s1 50 90 in_stock\n"
                     "change B s2 0 10 in_stock\nchange B s2 10 2 in_stock\n");
    expect_heard(&c, "change A s1 90 60 in_stock\nchange A s1 60 50 in_stock\nchange A s1 50 60 in_stock\n"
                     "change B s2 0 10 in_stock\nchange B s2 10 2 in_stock\n");
}

static void what_rules_and_places_change_is_said_once(void **state)
{
    want("PUT", "/v1/channels/web", "{\"name\":\"web\"}", 201);
    want("PUT", "/v1/channels/app", "{\"name\":\"app\"}", 201);
    receive("A", "s1", "5");
    receive("B", "s2", "5");
    listen_to(&a, "/v1/changes?sku=A&channel=web&kind=level");
    listen_to(&b, "/v1/changes?location=s2");
    want("PUT", "/v1/channels/web", "{\"name\":\"web\",\"rules\":[{\"buffer\":2}]}", 200);
    want("PUT", "/v1/channels/app", "{\"name\":\"app\",\"rules\":[{\"buffer\":2}]}", 200);
    want("PUT", "/v1/locations/s2", "{\"name\":\"two\",\"enabled\":false}", 201);
    want("PUT", "/v1/items/A", "{\"name\":\"a\"}", 201);
    want("PUT", "/v1/channels/*", "{\"name\":\"all\",\"rules\":[{\"cap\":2}]}", 201);
    end_streams();
    expect_heard(&a, "refresh channel web\nrefresh location s2\nrefresh item A\nrefresh channel *\n");
    expect_heard(&b, "refresh location s2\nrefresh item A\nrefresh channel *\n");
}

/* ---- variants of a product ---- */

static void put_variant(const char *sku, const char *product, int status)
{
    char target[80], body[80];

    snprintf(target, sizeof(target), "/v1/items/%s", sku);
    snprintf(body, sizeof(body), "{\"name\":\"x\",\"product\":\"%s\"}", product);
    want("PUT", target, body, status);
}

/* Whose variant an item is, it is when it is told: so each step is heard before the next. */
static void wait_for(struct ear *e, const char *part)
{
    while (!strstr(e->bytes, part)) {
        ssize_t n = read(e->talk.fd, e->bytes + e->length, sizeof(e->bytes) - 1 - e->length);
        if (n <= 0)
            fail_msg("%s is not told: %s", part, e->bytes);
        e->length += (size_t)n;
    }
}

static void variants_are_heard_as_they_come_and_go(void **state)
{
    put_variant("A", "SHOE", 201);
    listen_to(&a, "/v1/changes?product=SHOE&kind=change");
    listen_to(&b, "/v1/changes?product=SHOE&product=BOOT&location=s2&kind=change");
    listen_to(&c, "/v1/changes?product=SHOE&sku=X&kind=change");
    listen_to(&d, "/v1/changes?product=SHOE&kind=reservation");
    receive("A", "s1", "5");
    receive("A", "s2", "2");
    put_variant("B", "SHOE", 201);
    receive("B", "s1", "3");
    hold("r-1", "B", "s1", 1);
    wait_for(&a, "\"sku\":\"B\",\"location\":\"s1\",\"available\":2");
    wait_for(&c, "\"sku\":\"B\",\"location\":\"s1\",\"available\":2");
    wait_for(&d, "r-1");
    put_variant("B", "BOOT", 200);
    receive("B", "s1", "1");
    receive("B", "s2", "7");
    receive("X", "s1", "1");
    end_streams();
    expect_heard(&a, "change A s1 0 5 in_stock\nchange A s2 0 2 in_stock\nrefresh item B\n"
                     "change B s1 0 3 in_stock\nchange B s1 3 2 in_stock\nrefresh item B\n");
    expect_heard(&b, "change A s2 0 2 in_stock\nrefresh item B\nrefresh item B\nchange B s2 0 7 in_stock\n");
    expect_heard(&c, "change A s1 0 5 in_stock\nchange A s2 0 2 in_stock\nrefresh item B\n"
                     "change B s1 0 3 in_stock\nchange B s1 3 2 in_stock\nrefresh item B\n"
                     "change X s1 0 1 in_stock\n");
    expect_heard(&d, "refresh item B\nreservation null r-1 held null\nrefresh item B\n");
    want("GET", "/v1/changes?product=", NULL, 400);
}

/* The window says what an item was a variant of, so who comes back hears of one that is gone. */
static void who_comes_back_hears_which_variants_came_and_went(void **state)
{
    put_variant("A", "SHOE", 201);
    receive("A", "s1", "5");
    listen_to(&a, "/v1/changes?product=SHOE&kind=change");
    end_streams();
    expect_heard(&a, "");
    put_variant("A", "BOOT", 200);
    put_variant("B", "SHOE", 201);
    put_variant("C", "HAT", 201);
    receive("A", "s1", "1");
    receive("B", "s1", "4");
    want("DELETE", "/v1/items/B", NULL, 204);
    put_variant("B", "SHOE", 201);
    listen_after(&b, "/v1/changes?product=SHOE&kind=change", a.last_id);
    end_streams();
    expect_heard(&b, "refresh item A\nrefresh item B\nchange B s1 0 4 in_stock\nrefresh item B\n"
                     "refresh item B\n");
}

/* A kit has no rows of its own: who asked for its product comes again, and has it from its first change on.
 */
static void a_kit_that_becomes_a_variant_ends_the_stream_at_its_record(void **state)
{
    static const char *const question = "/v1/changes?product=SET&kind=change";

    put_variant("A", "SET", 201);
    receive("P", "s1", "4");
    listen_to(&a, question);
    receive("A", "s1", "1");
    want("PUT", "/v1/items/KIT",
         "{\"name\":\"kit\",\"product\":\"SET\",\"components\":[{\"sku\":\"P\",\"quantity\":1}]}", 201);
    sell("P", "s1", "1");
    expect_heard(&a, "change A s1 0 1 in_stock\nrefresh item KIT\n"); /* and the stream is over */
    listen_after(&b, question, a.last_id);
    listen_to(&c, question);
    sell("P", "s1", "2");
    wait_for(&c, "\"available\":1");
    put_variant("KIT", "OTHER", 200); /* and no kit any more */
    expect_heard(&b, "change KIT s1 4 3 in_stock\nchange KIT s1 3 1 in_stock\nrefresh item KIT\n");
    expect_heard(&c, "change KIT s1 3 1 in_stock\nrefresh item KIT\n");
}

/* ---- kits ---- */

static void make_kit(const char *buffer)
{
    char body[200];

    want("PUT", "/v1/items/KIT",
         "{\"name\":\"kit\",\"components\":[{\"sku\":\"P\",\"quantity\":2},{\"sku\":\"Q\",\"quantity\":1}]}",
         201);
    snprintf(body, sizeof(body),
             "{\"name\":\"web\",\"low_threshold\":1,\"rules\":[{\"sku\":\"P\",\"buffer\":%s}]}", buffer);
    want("PUT", "/v1/channels/web", body, 201);
}

static void a_kit_changes_with_its_components(void **state)
{
    make_kit("2");
    receive("P", "s1", "10");
    receive("Q", "s1", "4");
    listen_to(&a, "/v1/changes?sku=KIT");
    listen_to(&b, "/v1/changes?sku=KIT&channel=web&kind=change&kind=low_stock");
    sell("P", "s1", "1");        /* 9 of P are still four kits */
    sell("P", "s1", "1");        /* 8 are four; web has 6: three */
    hold("r-1", "KIT", "s1", 2); /* both components in one record */
    sell("Q", "s1", "2");
    receive("P", "s2", "2"); /* a place where the other has nothing */
    receive("Q", "s2", "9"); /* and now it has */
    end_streams();
    expect_heard(&a, "reservation null r-1 held null\n" /* a kit's are told at the end of the record */
                     "change KIT s1 4 2 in_stock\n"
                     "change KIT s1 2 0 out_of_stock\n"
                     "level KIT s1 2 0 in_stock out_of_stock\n"
                     "change KIT s2 0 1 in_stock\n"
                     "level KIT s2 0 1 out_of_stock in_stock\n"
                     "back_in_stock KIT s2 0 1 in_stock\n");
    expect_heard(&b,
                 "change KIT s1 4 3 in_stock\nchange KIT s1 3 1 low_stock\nlow_stock KIT s1 3 1 low_stock\n"
                 "change KIT s1 1 0 out_of_stock\n");
}

/* Components as they stood at the id, not as they are: the last of one and the last of the other. */
static void a_kit_is_right_for_who_comes_back_later(void **state)
{
    make_kit("0");
    receive("P", "s1", "10");
    receive("Q", "s1", "5");
    listen_to(&a, "/v1/changes?sku=KIT&kind=change");
    end_streams();
    expect_heard(&a, "");
    sell("P", "s1", "10");
    sell("Q", "s1", "5");
    receive("P", "s1", "4");
    receive("Q", "s1", "7");
    listen_after(&b, "/v1/changes?sku=KIT&kind=change&kind=back_in_stock", a.last_id);
    sell("Q", "s1", "6");
    end_streams();
    expect_heard(&b, "change KIT s1 5 0 out_of_stock\n"
                     "change KIT s1 0 2 in_stock\n"
                     "back_in_stock KIT s1 0 2 in_stock\n"
                     "change KIT s1 2 1 in_stock\n");
}

static void a_kit_with_other_components_is_told_by_those(void **state)
{
    make_kit("0");
    receive("P", "s1", "10");
    receive("Q", "s1", "5");
    receive("R", "s1", "3");
    listen_to(&a, "/v1/changes?sku=KIT&kind=change");
    listen_to(&b, "/v1/changes?sku=R&kind=change"); /* is a kit later */
    want("PUT", "/v1/items/KIT", "{\"name\":\"kit\",\"components\":[{\"sku\":\"R\",\"quantity\":1}]}", 200);
    sell("R", "s1", "1");
    for (unsigned i = 0; i < 200; i++) /* until both have looked at the new components */
        usleep(1000);
    sell("R", "s1", "1");
    sell("P", "s1", "10");
    end_streams();
    char *said = heard(&a);
    assert_non_null(strstr(said, "refresh item KIT\n"));
    assert_non_null(strstr(said, "change KIT s1 2 1 in_stock\n"));
    assert_null(strstr(said, " 0 out_of_stock"));
    free(said);
    expect_heard(&b, "change R s1 3 2 in_stock\nchange R s1 2 1 in_stock\n");
}

/* ---- going on ---- */

static void who_comes_back_goes_on_behind_its_id(void **state)
{
    receive("A", "s1", "1");
    listen_to(&a, "/v1/changes?kind=change");
    receive("B", "s1", "1");
    end_streams();
    expect_heard(&a, "change B s1 0 1 in_stock\n");
    receive("A", "s1", "2");
    receive("B", "s1", "3");
    listen_after(&b, "/v1/changes?kind=change&sku=B", a.last_id);
    char target[200];
    snprintf(target, sizeof(target), "/v1/changes?kind=change&after=%s", a.last_id);
    listen_to(&c, target);
    receive("B", "s1", "4");
    end_streams();
    expect_heard(&b, "change B s1 1 4 in_stock\nchange B s1 4 8 in_stock\n");
    expect_heard(&c, "change A s1 1 3 in_stock\nchange B s1 1 4 in_stock\nchange B s1 4 8 in_stock\n");
    assert_string_equal(b.last_id, c.last_id);
}

/* An id of another log, and one that is older than what is kept: told so, and then what is new. */
static void an_id_that_is_too_old_is_said_to_be(void **state)
{
    listen_after(&a, "/v1/changes?kind=change", "7:1");
    listen_to(&b, "/v1/changes?kind=change");
    end_streams();
    char *said = heard(&a);
    assert_int_equal(strncmp(said, "missed", 6), 0);
    free(said);
    expect_heard(&b, "");
    for (unsigned i = 0; i < DESK_WINDOW + 10; i++)
        receive("A", "s1", "1");
    listen_after(&c, "/v1/changes?kind=change", b.last_id);
    receive("B", "s1", "1");
    end_streams();
    said = heard(&c);
    assert_int_equal(strncmp(said, "missed", 6), 0);
    assert_non_null(strstr(said, "\nchange B s1 0 1 in_stock\n"));
    free(said);
    want("GET", "/v1/changes?after=yesterday", NULL, 400);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, front_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(case_09_a_hold_and_its_end_are_both_told),
        TEST(every_kind_is_told_when_it_is_so),
        TEST(low_stock_is_told_once_per_crossing),
        TEST(the_reorder_point_is_told_once_and_to_no_channel),
        TEST(a_reservation_is_told_with_each_of_its_states),
        TEST(a_location_that_goes_silent_and_speaks_again_is_told),
        TEST(each_hears_what_it_asked_for),
        TEST(each_channel_hears_its_own_figures),
        TEST(what_rules_and_places_change_is_said_once),
        TEST(variants_are_heard_as_they_come_and_go),
        TEST(who_comes_back_hears_which_variants_came_and_went),
        TEST(a_kit_that_becomes_a_variant_ends_the_stream_at_its_record),
        TEST(a_kit_changes_with_its_components),
        TEST(a_kit_is_right_for_who_comes_back_later),
        TEST(a_kit_with_other_components_is_told_by_those),
        TEST(who_comes_back_goes_on_behind_its_id),
        TEST(an_id_that_is_too_old_is_said_to_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
