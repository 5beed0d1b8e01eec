/* Reads answers, and turns the bad ones into a sentence and an exit code. */
#include "cli/report.h"

#include <stdio.h>

bool document_read(struct document *d, struct text t)
{
    struct problems p = {0};

    *d = (struct document){0};
    int error = json_parse(t, &d->arena, &d->nodes, &d->count, &p);
    if (!error)
        return true;
    cli_fail(EXIT_UNREACHABLE, "the answer is not JSON: %s", p.count ? p.at[0].detail : error_text(error));
    document_finish(d);
    return false;
}

void document_finish(struct document *d)
{
    arena_finish(&d->arena);
    *d = (struct document){0};
}

void json_put_lines(struct buffer *out, const struct json_node *nodes, const char *list)
{
    uint32_t array = json_member(nodes, 0, list);

    json_each(nodes, array, i)
    {
        json_put_node(out, nodes, i);
        buffer_byte(out, '\n');
    }
}

int report_lines(const struct document *d, const char *list)
{
    struct buffer out = {0};

    json_put_lines(&out, d->nodes, list);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}

struct client *report_client(const struct settings *s, int *ret_code)
{
    char detail[CLIENT_DETAIL_BYTES];
    struct client *c = NULL;
    int error = client_create(s, &c, detail);

    if (error)
        *ret_code = cli_fail(cli_exit_code(error), "%s", detail);
    return error ? NULL : c;
}

static bool contains(struct text whole, struct text part)
{
    return part.length && whole.length && memmem(whole.at, whole.length, part.at, part.length);
}

/* What the sentence before has not said already. */
static void put_errors(const struct json_node *nodes, struct text said, struct buffer *out)
{
    uint32_t errors = json_member(nodes, 0, "errors");

    json_each(nodes, errors, i)
    {
        struct text pointer = json_text(nodes, i, "pointer"), detail = json_text(nodes, i, "detail");
        if (contains(said, detail))
            continue;
        buffer_string(out, "\n  ");
        buffer_text(out, pointer);
        buffer_string(out, pointer.length ? " " : "");
        buffer_text(out, detail);
    }
}

void report_problem(struct text body, struct buffer *out)
{
    struct arena a = {.most_bytes = 16 << 20};
    struct problems p = {0};
    const struct json_node *nodes;
    size_t count;

    if (json_parse(body, &a, &nodes, &count, &p) == 0) {
        struct text title = json_text(nodes, 0, "title"), detail = json_text(nodes, 0, "detail");
        buffer_text(out, title);
        buffer_string(out, title.length && detail.length ? ": " : "");
        buffer_text(out, detail);
        put_errors(nodes, detail, out);
    }
    arena_finish(&a);
}

static int status_exit_code(int status)
{
    return status == 503 || status == 429 || status == 504 ? EXIT_UNREACHABLE
           : status < 500                                  ? EXIT_REFUSED
                                                           : EXIT_UNREACHABLE;
}

int report_answer(const struct client *c, int error, const struct client_answer *a, const char *what)
{
    struct buffer said = {0};

    if (error)
        return cli_fail(
            cli_exit_code(error == ERROR_IO || error == ERROR_INVALID ? ERROR_UNAVAILABLE : error), "%s",
            *client_detail(c) ? client_detail(c) : error_text(error));
    if (a->status >= 200 && a->status < 300)
        return EXIT_OK;
    report_problem((struct text){a->body.at, a->body.length}, &said);
    if (a->status == 401)
        buffer_string(&said, "\n  A key is needed: --api-key-file FILE or the variable ONHAND_API_KEY.");
    buffer_byte(&said, 0);
    int code =
        cli_fail(status_exit_code(a->status), "%s: %d %s", what, a->status, said.failed ? "" : said.at);
    buffer_finish(&said);
    return code;
}

void put_row_target(struct buffer *out, const struct settings *s)
{
    buffer_string(out, "/v1/rows/");
    url_put(out, text_of(s->arguments[0]));
    buffer_byte(out, '/');
    url_put(out, text_of(s->arguments[1]));
}

int report_get(const struct settings *s, struct buffer *target, const char *what, struct buffer *ret_body)
{
    struct client_answer answer = {0};
    int code = EXIT_OK;
    struct client *c = report_client(s, &code);

    if (!c)
        return code;
    buffer_byte(target, 0);
    int error = target->failed ? ERROR_NOMEM : client_get(c, target->at, &answer);
    code = report_answer(c, error, &answer, what);
    client_destroy(c);
    *ret_body = answer.body;
    return code;
}

int report_get_document(const struct settings *s, struct buffer *target, const char *what,
                        struct buffer *ret_body, struct document *ret)
{
    int code = report_get(s, target, what, ret_body);

    if (code == EXIT_OK && !document_read(ret, (struct text){ret_body->at, ret_body->length}))
        code = EXIT_UNREACHABLE;
    return code;
}
