/* `onhand tail`: what changes, as it changes, until it is interrupted. A connection that breaks is made anew
 * and goes on behind the last change that was seen. */
#include "cli/report.h"

#include <stdio.h>
#include <time.h>

enum { LINE_BYTES_MOST = 4096, AGAIN_S = 1 };
enum { KIND_AUTO, KIND_ALL = 7, KIND_CHANGE }; /* of --kind; what stands between is for others */

/* Server-Sent Events, as they come in pieces. */
struct tail {
    const struct settings *settings;
    char line[LINE_BYTES_MOST];
    size_t line_length;
    char event[32], id[64], last_id[64];
    struct buffer data, out;
    int code; /* not EXIT_OK: nothing can be written any more */
    bool heard;
};

static bool tells_change_only(const struct tail *t)
{
    return t->settings->kind == KIND_AUTO || t->settings->kind == KIND_CHANGE;
}

static void put_figures(struct tail *t, const struct document *d)
{
    struct text sku = json_text(d->nodes, 0, "sku"), location = json_text(d->nodes, 0, "location"),
                was = json_text(d->nodes, 0, "previous"), now = json_text(d->nodes, 0, "available"),
                level = json_text(d->nodes, 0, "level");
    char difference[QUANTITY_TEXT_BYTES];
    milli_t a, b;

    buffer_printf(&t->out, "%.*s at %.*s: %.*s", (int)sku.length, sku.at, (int)location.length, location.at,
                  (int)was.length, was.at);
    if (!text_equal(was, now) && !quantity_parse(was, &a) && !quantity_parse(now, &b)) {
        size_t length = quantity_format(b - a, difference);
        buffer_printf(&t->out, " → %.*s (%s%.*s)", (int)now.length, now.at, b > a ? "+" : "", (int)length,
                      difference);
    }
    if (!tells_change_only(t))
        buffer_printf(&t->out, ", %.*s", (int)level.length, level.at);
}

static void put_reservation(struct tail *t, const struct document *d)
{
    struct text id = json_text(d->nodes, 0, "id"), state = json_text(d->nodes, 0, "state"),
                reference = json_text(d->nodes, 0, "reference");

    buffer_printf(&t->out, "%.*s: %.*s", (int)id.length, id.at, (int)state.length, state.at);
    if (reference.length && !text_equal(reference, TEXT("null")))
        buffer_printf(&t->out, " (%.*s)", (int)reference.length, reference.at);
}

static void put_silence(struct tail *t, const struct document *d)
{
    struct text location = json_text(d->nodes, 0, "location"),
                heard = json_text(d->nodes, 0, "last_event_at");

    buffer_printf(&t->out, "%.*s, last heard of at %.*s", (int)location.length, location.at,
                  (int)heard.length, heard.at);
}

/* A line for people. */
static void put_event(struct tail *t, const struct document *d)
{
    struct text at = json_text(d->nodes, 0, "at");

    buffer_printf(&t->out, "%.*s  ", (int)at.length, at.at);
    if (!tells_change_only(t))
        buffer_printf(&t->out, "%s  ", t->event);
    if (strcmp(t->event, "reservation") == 0)
        put_reservation(t, d);
    else if (strcmp(t->event, "stale") == 0)
        put_silence(t, d);
    else
        put_figures(t, d);
    buffer_byte(&t->out, '\n');
}

/* Its data, which says its kind where there are several. */
static void put_json(struct tail *t, struct text data)
{
    if (tells_change_only(t) || data.length < 2)
        buffer_printf(&t->out, "%.*s\n", (int)data.length, data.at);
    else
        buffer_printf(&t->out, "{\"event\":\"%s\",%.*s\n", t->event, (int)data.length - 1, data.at + 1);
}

/* An event is whole; an id may stand alone. */
static void dispatch(struct tail *t)
{
    struct document d = {0};
    struct text data = {t->data.at, t->data.length};

    if (*t->id)
        memcpy(t->last_id, t->id, sizeof(t->last_id));
    if (strcmp(t->event, "missed") == 0)
        cli_fail(EXIT_OK, "some changes are too long ago to be told: what follows is new");
    else if (strcmp(t->event, "refresh") == 0)
        cli_fail(EXIT_OK, "a rule, an item, a group or a location changed, and figures with it: %.*s",
                 (int)data.length, data.at);
    else if (data.length && t->settings->json)
        put_json(t, data);
    else if (data.length && document_read(&d, data))
        put_event(t, &d);
    document_finish(&d);
    *t->event = *t->id = 0;
    buffer_clear(&t->data);
}

static void copy_field(char *to, size_t size, const char *value)
{
    if (strlen(value) < size)
        memcpy(to, value, strlen(value) + 1);
}

static void read_line(struct tail *t)
{
    char *colon = strchr(t->line, ':');
    const char *value = "";

    t->heard = true;
    if (!*t->line) {
        dispatch(t);
        return;
    }
    if (colon) {
        *colon = 0;
        value = colon + 1 + (colon[1] == ' ');
    }
    if (strcmp(t->line, "event") == 0)
        copy_field(t->event, sizeof(t->event), value);
    else if (strcmp(t->line, "id") == 0)
        copy_field(t->id, sizeof(t->id), value);
    else if (strcmp(t->line, "data") == 0)
        buffer_string(&t->data, value);
}

static int take(void *context, int status, const char *bytes, size_t length)
{
    struct tail *t = context;

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            if (t->line_length == sizeof(t->line) - 1)
                return ERROR_INVALID;
            t->line[t->line_length++] = bytes[i];
            continue;
        }
        t->line_length -= t->line_length && t->line[t->line_length - 1] == '\r';
        t->line[t->line_length] = 0;
        t->line_length = 0;
        read_line(t);
    }
    if (t->out.length)
        t->code = cli_write(&t->out);
    buffer_clear(&t->out);
    return t->code == EXIT_OK ? 0 : ERROR_CLOSED;
}

static void put_filters(struct buffer *out, const char *name, const struct setting_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buffer_printf(out, "&%s=", name);
        url_put(out, text_of(list->at[i]));
    }
}

/* One connection. EXIT_OK: it broke, or ended; come again. */
static int listen_once(struct tail *t, struct client *c, const char *target)
{
    const struct answer_body body = {.context = t, .take = take};
    struct client_answer answer = {0};
    char headers[120] = "";

    if (*t->last_id)
        snprintf(headers, sizeof(headers), "Last-Event-ID: %s\r\n", t->last_id);
    bool heard_before = t->heard;
    t->line_length = 0;
    *t->event = *t->id = 0;
    buffer_clear(&t->data);
    int error = client_send(
        c, &(struct client_request){.method = "GET", .target = target, .headers = headers, .stream = &body},
        &answer);
    int code = EXIT_OK;
    if (t->code != EXIT_OK)
        code = t->code;
    else if (error == ERROR_INVALID || error == ERROR_NOMEM || (error && !t->heard) ||
             (!error && answer.status >= 300 && (answer.status != 503 || !heard_before)))
        code = report_answer(c, error, &answer, "changes");
    buffer_finish(&answer.body);
    return code;
}

static void put_filter(struct buffer *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buffer_printf(out, "&%s=", name);
    url_put(out, text_of(value));
}

static void put_question(struct buffer *out, const struct settings *s)
{
    unsigned kind = s->kind == KIND_AUTO ? KIND_CHANGE : s->kind;
    char word[40];

    buffer_string(out, "/v1/changes?");
    setting_choice_word(&setting_rows()[SETTING_kind], kind, word, sizeof(word));
    if (kind != KIND_ALL)
        put_filter(out, "kind", word);
    put_filters(out, "sku", &s->sku);
    put_filters(out, "product", &s->product);
    put_filters(out, "location", &s->location);
    put_filter(out, "group", s->group);
    put_filter(out, "channel", s->channel);
}

int cli_tail(const struct settings *s)
{
    struct tail t = {.settings = s, .code = EXIT_OK};
    struct buffer target = {0};
    int code = EXIT_OK;
    if (s->kind != KIND_AUTO && s->kind < KIND_ALL)
        return cli_fail(EXIT_USAGE, "--kind: what is told is change, level, back_in_stock, low_stock, "
                                    "oversold, stale, reservation, or all of it");
    struct client *c = report_client(s, &code);

    if (!c)
        return code;
    put_question(&target, s);
    buffer_byte(&target, 0);
    if (target.failed)
        code = cli_fail(EXIT_FAILED, "out of memory");
    while (code == EXIT_OK) {
        code = listen_once(&t, c, target.at);
        if (code == EXIT_OK)
            nanosleep(&(struct timespec){.tv_sec = AGAIN_S}, NULL);
    }
    buffer_finish(&t.data);
    buffer_finish(&t.out);
    buffer_finish(&target);
    client_destroy(c);
    return code;
}
