/* `onhand tail`: what changes, as it changes, until it is interrupted. A connection that breaks is made anew
 * and goes on behind the last change that was seen. */
#include "cli/report.h"

#include <stdio.h>
#include <time.h>

enum { LINE_BYTES_MOST = 4096, AGAIN_S = 1 };

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

static void put_change(struct tail *t, const struct document *d)
{
    struct text sku = json_text(d->nodes, 0, "sku"), location = json_text(d->nodes, 0, "location"),
                was = json_text(d->nodes, 0, "previous"), now = json_text(d->nodes, 0, "available"),
                at = json_text(d->nodes, 0, "at");
    char difference[QUANTITY_TEXT_BYTES];
    milli_t a, b;

    buffer_printf(&t->out, "%.*s  %.*s at %.*s: %.*s", (int)at.length, at.at, (int)sku.length, sku.at,
                  (int)location.length, location.at, (int)was.length, was.at);
    if (!text_equal(was, now) && !quantity_parse(was, &a) && !quantity_parse(now, &b)) {
        size_t length = quantity_format(b - a, difference);
        buffer_printf(&t->out, " → %.*s (%s%.*s)", (int)now.length, now.at, b > a ? "+" : "", (int)length,
                      difference);
    }
    buffer_byte(&t->out, '\n');
}

/* An event is whole. */
static void dispatch(struct tail *t)
{
    struct document d = {0};
    struct text data = {t->data.at, t->data.length};

    if (*t->id)
        memcpy(t->last_id, t->id, sizeof(t->last_id));
    if (strcmp(t->event, "missed") == 0)
        cli_fail(EXIT_OK, "some changes are too long ago to be told: what follows is new");
    else if (strcmp(t->event, "change") == 0 && t->settings->json)
        buffer_printf(&t->out, "%.*s\n", (int)data.length, data.at);
    else if (strcmp(t->event, "change") == 0 && document_read(&d, data))
        put_change(t, &d);
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

int cli_tail(const struct settings *s)
{
    struct tail t = {.settings = s, .code = EXIT_OK};
    struct buffer target = {0};
    int code = EXIT_OK;
    struct client *c = report_client(s, &code);

    if (!c)
        return code;
    buffer_string(&target, "/v1/changes?kind=change");
    put_filters(&target, "sku", &s->sku);
    put_filters(&target, "location", &s->location);
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
