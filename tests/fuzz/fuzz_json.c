/* The scanner against jansson: the same verdict on every input but for the differences named in
 * jansson_beside.h, and the same values. */
#include "base/error.h"
#include "fuzz.h"
#include "jansson_beside.h"

/* The node at `at` and the value are the same, all the way down; the index behind the node. */
static uint32_t compare(const struct json_node *nodes, uint32_t at, json_t *value)
{
    const struct json_node *n = &nodes[at];
    uint32_t i = at + 1;

    switch (n->type) {
    case JSON_NULL:
        MUST(json_typeof(value) == JANSSON_NULL);
        break;
    case JSON_FALSE:
        MUST(json_typeof(value) == JANSSON_FALSE);
        break;
    case JSON_TRUE:
        MUST(json_typeof(value) == JANSSON_TRUE);
        break;
    case JSON_STRING:
        MUST(json_typeof(value) == JANSSON_STRING && json_string_length(value) == n->text.length);
        MUST(!n->text.length || !memcmp(json_string_value(value), n->text.at, n->text.length));
        MUST(text_is_utf8(n->text));
        break;
    case JSON_NUMBER: {
        char *text = strndup(n->text.at, n->text.length);
        MUST(json_typeof(value) == JANSSON_REAL && json_real_value(value) == strtod(text, NULL));
        free(text);
        break;
    }
    case JSON_ARRAY:
        MUST(json_typeof(value) == JANSSON_ARRAY && json_array_size(value) == n->count);
        for (uint32_t k = 0; k < n->count; k++)
            i = compare(nodes, i, json_array_get(value, k));
        break;
    case JSON_OBJECT:
        MUST(json_typeof(value) == JANSSON_OBJECT && json_object_size(value) == n->count);
        for (uint32_t k = 0; k < n->count; k++) {
            char *key = strndup(nodes[i].key.at, nodes[i].key.length);
            json_t *member = json_object_get(value, key);
            free(key);
            MUST(member);
            i = compare(nodes, i, member);
        }
        break;
    }
    MUST(n->next == i);
    return i;
}

/* Writes what was read and reads it again: strings survive. */
static void write_and_read(const struct json_node *nodes, size_t count)
{
    struct buffer b = {0};
    struct arena a = {0};
    struct problems p = {0};

    for (size_t i = 0; i < count; i++) {
        const struct json_node *again;
        size_t one;
        if (nodes[i].type != JSON_STRING)
            continue;
        buffer_clear(&b);
        json_put_string(&b, nodes[i].text);
        MUST(json_parse((struct text){b.at, b.length}, &a, &again, &one, &p) == 0);
        MUST(one == 1 && text_equal(again[0].text, nodes[i].text));
    }
    buffer_finish(&b);
    arena_finish(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text t = {(const char *)data, size};
    struct arena a = {0};
    struct problems ours = {0}, check = {0};
    const struct json_node *nodes;
    json_error_t theirs;
    size_t count;

    int error = json_parse(t, &a, &nodes, &count, &ours);
    int checked = json_check(t, &check);
    json_t *value = jansson_load(t, &theirs);
    MUST(error == 0 || error == ERROR_INVALID);
    MUST((error != 0) == (ours.count == 1));
    if ((error == 0) != (value != NULL))
        MUST(jansson_may_differ(t, &theirs, &ours));
    if (!error)
        MUST(checked == 0 && nodes[0].next == count);
    if (checked) /* json_check does not compare keys, so that it may go on where json_parse stopped */
        MUST(error &&
             (strstr(ours.at[0].detail, "a key twice") || !strcmp(check.at[0].detail, ours.at[0].detail)));
    if (!error && value) {
        compare(nodes, 0, value);
        write_and_read(nodes, count);
    }
    json_decref(value);
    arena_finish(&a);
    return 0;
}
