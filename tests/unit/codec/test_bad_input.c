/* Replays tests/data/bad_input: what is wrong is refused with exactly the words that stand there. */
#include "base/error.h"
#include "codec/event_json.h"
#include "codec/reservation_json.h"
#include "cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { RESULTS_MOST = 16 };

/* What became of an input. */
struct outcome {
    int error;
    struct problems whole;
    size_t results_count;
    struct problems results[RESULTS_MOST];
};

static int on_event(void *context, size_t number, const struct event *e, const struct problems *p)
{
    struct outcome *o = context;
    assert_int_equal(number, o->results_count);
    assert_true(number < RESULTS_MOST);
    assert_true(e || p->count);
    o->results[o->results_count++] = *p;
    return 0;
}

/* A step's name as format. */
static bool read_step(const char *format, struct text t, struct arena *a, struct outcome *o)
{
    static const char *const steps[] = {
#define STEP(NAME, name) #name,
#include "core/model/steps.def"
#undef STEP
    };
    struct reservation_request q;

    for (int i = 0; i < STEP_END - 1; i++)
        if (!strcmp(format, steps[i])) {
            o->error =
                reservation_from_json((enum reservation_step)(i + 1), TEXT("r-1"), t, a, &q, &o->whole);
            return true;
        }
    return false;
}

static void read_input(const char *format, struct text t, struct arena *a, struct outcome *o)
{
    static const char *const kinds[] = {"location", "group", "item", "channel"};
    struct event_reader reader = {o, on_event};
    struct record r;
    uint32_t unknown;

    if (!strcmp(format, "json") || !strcmp(format, "ndjson"))
        o->error = json_events_read(t, format[0] == 'n', LEVEL_NEWEST, a, &reader, &unknown, &o->whole);
    else if (!strcmp(format, "protobuf"))
        o->error = proto_events_read(t.at, t.length, LEVEL_NEWEST, a, &reader, &o->whole);
    else if (!strcmp(format, "record"))
        o->error = record_decode_any(t.at, t.length, LEVEL_NEWEST, a, &r, &unknown, &o->whole);
    else if (read_step(format, t, a, o))
        return;
    else if (!strcmp(format, "settings"))
        o->error = settings_from_json(t, a, &r, &o->whole);
    else
        for (int i = 0; i < 4; i++)
            if (!strcmp(format, kinds[i]))
                o->error = reference_from_json((enum record_kind)(RECORD_LOCATION + i), TEXT("it-1"), t, a,
                                               &r, &o->whole);
}

static bool same_problems(const char *name, const struct problems *p, json_t *expected)
{
    bool same = p->count == json_array_size(expected);
    for (size_t i = 0; same && i < p->count; i++) {
        json_t *e = json_array_get(expected, i);
        same = !strcmp(p->at[i].pointer, json_string_value(json_object_get(e, "pointer"))) &&
               !strcmp(p->at[i].detail, json_string_value(json_object_get(e, "detail")));
    }
    if (same)
        return true;
    print_error("%s: expected %zu problems, got %zu\n", name, json_array_size(expected), p->count);
    for (size_t i = 0; i < p->count; i++)
        print_error("    got \"%s\" \"%s\"\n", p->at[i].pointer, p->at[i].detail);
    return false;
}

static bool replay(json_t *c)
{
    struct outcome *o = calloc(1, sizeof(*o));
    struct arena a = {0};
    struct text input = case_input(c);
    const char *name = case_text(c, "name");
    json_t *whole = json_object_get(c, "problems"), *results = json_object_get(c, "results");

    read_input(case_text(c, "format"), input, &a, o);
    bool ok = whole ? o->error == ERROR_INVALID && same_problems(name, &o->whole, whole)
                    : o->error == 0 && o->results_count == json_array_size(results);
    for (size_t i = 0; ok && !whole && i < o->results_count; i++)
        ok = same_problems(name, &o->results[i], json_array_get(results, i));
    if (!ok)
        print_error("%s: error %d, %zu results\n", name, o->error, o->results_count);
    free((void *)(uintptr_t)input.at);
    arena_finish(&a);
    free(o);
    return ok;
}

static void replay_file(const char *file)
{
    char path[4096];
    size_t failed = 0, i;
    json_error_t error;
    json_t *c;

    snprintf(path, sizeof(path), "%s/%s.json", BAD_INPUT, file);
    json_t *cases = json_load_file(path, 0, &error);
    if (!cases)
        fail_msg("%s: %s", path, error.text);
    assert_true(json_array_size(cases) > 0);
    json_array_foreach(cases, i, c) failed += !replay(c);
    json_decref(cases);
    assert_int_equal(failed, 0);
}

static void events(void **unused)
{
    replay_file("events");
}

static void bodies(void **unused)
{
    replay_file("bodies");
}

static void protobuf(void **unused)
{
    replay_file("protobuf");
}

static void records(void **unused)
{
    replay_file("records");
}

static void reference_data(void **unused)
{
    replay_file("reference");
}

static void reservations(void **unused)
{
    replay_file("reservations");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),  cmocka_unit_test(bodies),         cmocka_unit_test(protobuf),
        cmocka_unit_test(records), cmocka_unit_test(reference_data), cmocka_unit_test(reservations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
