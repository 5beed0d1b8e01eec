/* openapi.json and the tables in the source say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/json.h"
#include "http/openapi.h"
#include "http/server.h"

#include <ctype.h>

static struct arena arena;
static const struct json_node *nodes;
static size_t nodes_count;

static int read_description(void **state)
{
    struct problems p = {.count = 0};

    if (json_parse(openapi_text(), &arena, &nodes, &nodes_count, &p))
        fail_msg("%s", p.at[0].detail);
    return 0;
}

static int forget(void **state)
{
    arena_finish(&arena);
    return 0;
}

/* The member's node, 0 when there is none. */
static uint32_t member(uint32_t object, struct text key)
{
    uint32_t at = object + 1;

    for (uint32_t i = 0; i < nodes[object].count; i++, at = nodes[at].next)
        if (text_equal(nodes[at].key, key))
            return at;
    return 0;
}

static uint32_t below(uint32_t object, const char *path)
{
    while (*path) {
        const char *slash = strchrnul(path, '/');
        object = member(object, (struct text){path, (size_t)(slash - path)});
        if (!object)
            return 0;
        path = *slash ? slash + 1 : slash;
    }
    return object;
}

static const char *const scopes[] = {
    [OPEN] = "open", [READ] = "read", [RESERVE] = "reserve", [EVENTS] = "events", [ADMIN] = "admin"};

static void every_route_is_described(void **state)
{
    uint32_t paths = below(0, "paths");

    for (size_t i = 0; i < routes_count; i++) {
        char method[16] = "";
        const char *name = http_method_name((enum http_method)routes[i].method);
        for (size_t k = 0; name[k]; k++)
            method[k] = (char)tolower(name[k]);
        uint32_t path = member(paths, text_of(routes[i].pattern));
        uint32_t operation = path ? member(path, text_of(method)) : 0;
        if (!operation)
            fail_msg("%s %s is not described", name, routes[i].pattern);
        assert_true(
            text_equal(nodes[below(operation, "x-onhand-scope")].text, text_of(scopes[routes[i].scope])));
        assert_true(below(operation, "responses") && nodes[below(operation, "responses")].count);
        assert_int_equal(nodes[below(operation, "security")].count == 0, routes[i].scope == OPEN);
        for (const char *brace = strchr(routes[i].pattern, '{'); brace;
             brace = strchr(brace + 1, '{')) { /* and its arguments */
            struct text argument = {brace + 1, strcspn(brace + 1, "}")};
            uint32_t parameters = below(operation, "parameters"), at = parameters + 1;
            bool found = false;
            assert_int_not_equal(parameters, 0);
            for (uint32_t k = 0; k < nodes[parameters].count; k++, at = nodes[at].next)
                found |= text_equal(nodes[below(at, "name")].text, argument) &&
                         text_equal(nodes[below(at, "in")].text, TEXT("path"));
            assert_true(found);
        }
    }
}

/* A bad parameter is 400 everywhere. */
static void every_route_can_refuse(void **state)
{
    uint32_t paths = below(0, "paths"), path = paths + 1;

    for (uint32_t i = 0; i < nodes[paths].count; i++, path = nodes[path].next) {
        uint32_t operation = path + 1;
        for (uint32_t k = 0; k < nodes[path].count; k++, operation = nodes[operation].next)
            assert_int_not_equal(below(operation, "responses/400"), 0);
    }
}

static void nothing_else_is_described(void **state)
{
    uint32_t paths = below(0, "paths"), path = paths + 1;
    size_t operations = 0;

    for (uint32_t i = 0; i < nodes[paths].count; i++, path = nodes[path].next)
        operations += nodes[path].count;
    assert_int_equal(operations, routes_count);
}

static void check_enum(const char *path, const char *const *values, size_t count)
{
    uint32_t list = below(0, path), at = list + 1;

    assert_int_not_equal(list, 0);
    assert_int_equal(nodes[list].count, count);
    for (size_t i = 0; i < count; i++, at = nodes[at].next)
        assert_true(text_equal(nodes[at].text, text_of(values[i])));
}

static void lists_are_those_of_the_source(void **state)
{
    static const char *const problems[] = {
#define PROBLEM(NAME, status, name, title) "urn:onhand:problem:" name,
#include "http/problems.def"
#undef PROBLEM
    };
    static const char *const types[] = {
#define EVENT(NAME, name, level, must, may) #name,
#include "core/model/events.def"
#undef EVENT
    };
    static const char *const fields[] = {
#define FIELD(member, KIND) #member,
#include "core/model/fields.def"
#undef FIELD
    };
    static const char *const settings[] = {
#define LOG_SETTING(name, first, least, most, meaning) #name,
#include "core/model/log_settings.def"
#undef LOG_SETTING
    };

    check_enum("components/schemas/Problem/properties/type/enum", problems,
               sizeof(problems) / sizeof(problems[0]));
    check_enum("components/schemas/Event/properties/type/enum", types, sizeof(types) / sizeof(types[0]));
    uint32_t event = below(0, "components/schemas/Event/properties"),
             all = below(0, "components/schemas/Settings/properties");
    assert_int_equal(nodes[event].count, 1 + sizeof(fields) / sizeof(fields[0]));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_int_not_equal(member(event, text_of(fields[i])), 0);
    assert_int_equal(nodes[all].count, sizeof(settings) / sizeof(settings[0]));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        assert_int_not_equal(member(all, text_of(settings[i])), 0);
    for (unsigned r = REASON_NONE + 1; r < REASON_END; r++) {
        uint32_t list = below(0, "components/schemas/EventResult/properties/reason/enum"), at = list + 1;
        bool found = false;
        for (uint32_t i = 0; i < nodes[list].count; i++, at = nodes[at].next)
            found |= text_equal(nodes[at].text, text_of(reason_name((enum reason)r)));
        assert_true(found);
    }
}

static void every_reference_leads_somewhere(void **state)
{
    size_t references = 0;

    for (uint32_t i = 0; i < nodes_count; i++) {
        if (!text_equal(nodes[i].key, TEXT("$ref")))
            continue;
        char path[128];
        assert_true(nodes[i].text.length < sizeof(path) && !memcmp(nodes[i].text.at, "#/", 2));
        snprintf(path, sizeof(path), "%.*s", (int)nodes[i].text.length - 2, nodes[i].text.at + 2);
        assert_int_not_equal(below(0, path), 0);
        references++;
    }
    assert_true(references > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),        cmocka_unit_test(every_route_can_refuse),
        cmocka_unit_test(nothing_else_is_described),       cmocka_unit_test(lists_are_those_of_the_source),
        cmocka_unit_test(every_reference_leads_somewhere),
    };
    return cmocka_run_group_tests(tests, read_description, forget);
}
