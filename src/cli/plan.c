/* `onhand plan`: shares out what locations have of an item among channels, and sets it aside. */
#include "cli/report.h"
#include "cli/table.h"

#include <stdio.h>

enum { SHARES_BYTES_MOST = 1 << 20, PART_BYTES = 140 };

/* ---- a share: CHANNEL=PERCENT[+MINIMUM][@RANK] ---- */

struct share {
    char channel[PART_BYTES], percent[PART_BYTES], minimum[PART_BYTES], rank[PART_BYTES];
};

/* The part of the word up to one of the ends; what follows is in *word. False: empty or too long. */
static bool cut(const char **word, const char *ends, char ret[PART_BYTES])
{
    size_t length = strcspn(*word, ends);

    if (!length || length >= PART_BYTES)
        return false;
    memcpy(ret, *word, length);
    ret[length] = 0;
    *word += length;
    return true;
}

static bool is_number(const char *t)
{
    return !*t || (t[strspn(t, "0123456789.")] == 0 && t[0] != '.');
}

/* What follows the mark, if it is there. */
static bool cut_after(const char **word, char mark, const char *ends, char ret[PART_BYTES])
{
    if (**word != mark)
        return true;
    ++*word;
    return cut(word, ends, ret);
}

static bool cut_share(const char *word, struct share *ret)
{
    *ret = (struct share){.rank = ""};
    bool right = cut(&word, "=", ret->channel) && *word++ == '=' && cut(&word, "+@", ret->percent) &&
                 cut_after(&word, '+', "@", ret->minimum) && cut_after(&word, '@', "", ret->rank);
    return right && !*word && is_number(ret->percent) && is_number(ret->minimum) && is_number(ret->rank);
}

/* Without a rank the shares are served as they stand. */
static bool put_share(struct buffer *out, const char *word, size_t number)
{
    struct share s;

    if (!cut_share(word, &s)) {
        cli_fail(EXIT_USAGE, "%s: must be CHANNEL=PERCENT[+MINIMUM][@RANK], such as web=40+100@1 or pool=10",
                 word);
        return false;
    }
    if (strcmp(s.channel, "pool") == 0) {
        buffer_string(out, "{\"pool\":true");
    } else {
        buffer_string(out, "{\"channel\":");
        json_put_string(out, text_of(s.channel));
    }
    if (s.rank[0])
        buffer_printf(out, ",\"rank\":%s", s.rank);
    else
        buffer_printf(out, ",\"rank\":%zu", number);
    buffer_printf(out, ",\"percent\":%s", s.percent);
    if (s.minimum[0])
        buffer_printf(out, ",\"minimum\":%s", s.minimum);
    buffer_byte(out, '}');
    return true;
}

static bool put_shares(struct buffer *out, const struct settings *s)
{
    bool right = true;

    buffer_byte(out, '[');
    for (size_t i = 1; i < s->arguments_count && right; i++) {
        if (i > 1)
            buffer_byte(out, ',');
        right = put_share(out, s->arguments[i], i);
    }
    buffer_byte(out, ']');
    return right;
}

/* ---- shares from a file: a JSON array of what the route takes ---- */

static bool read_file(const char *path, struct buffer *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char bytes[4096];
    size_t n;

    if (!file) {
        cli_fail(EXIT_USAGE, "cannot read %s", path);
        return false;
    }
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0 && out->length < SHARES_BYTES_MOST)
        buffer_text(out, (struct text){bytes, n});
    bool right = !ferror(file) && feof(file);
    if (file != stdin)
        fclose(file);
    if (!right)
        cli_fail(EXIT_USAGE, "cannot read %s, or it is longer than 1 MiB", path);
    return right;
}

static bool put_shares_of_file(struct buffer *out, const char *path)
{
    struct buffer file = {0};
    struct document d = {0};
    bool right = read_file(path, &file);

    if (right) {
        right = document_read(&d, (struct text){file.at, file.length}) && d.nodes[0].type == JSON_ARRAY;
        if (right)
            json_put_node(out, d.nodes, 0);
        else
            cli_fail(EXIT_USAGE, "%s: must hold a JSON array of shares", path);
        document_finish(&d);
    }
    buffer_finish(&file);
    return right;
}

/* ---- the request ---- */

static bool put_body(struct buffer *out, const struct settings *s)
{
    bool of_file = *s->shares != 0;

    if (of_file == (s->arguments_count > 1)) {
        cli_fail(EXIT_USAGE, "say who shares: CHANNEL=PERCENT[+MINIMUM][@RANK]… or --shares FILE");
        return false;
    }
    if (!s->location.count) {
        cli_fail(EXIT_USAGE, "say where: --location (repeats)");
        return false;
    }
    buffer_string(out, "{\"sku\":");
    json_put_string(out, text_of(s->arguments[0]));
    buffer_string(out, ",\"locations\":[");
    for (size_t i = 0; i < s->location.count; i++) {
        buffer_string(out, i ? "," : "");
        json_put_string(out, text_of(s->location.at[i]));
    }
    buffer_string(out, "],\"shares\":");
    if (!(of_file ? put_shares_of_file(out, s->shares) : put_shares(out, s)))
        return false;
    if (*s->id) {
        buffer_string(out, ",\"id\":");
        json_put_string(out, text_of(s->id));
    }
    buffer_string(out, s->dry_run ? ",\"dry_run\":true}" : "}");
    return true;
}

/* ---- the answer ---- */

static int show(const struct document *d)
{
    struct text_table table = {0};
    struct buffer out = {0};
    uint32_t list = json_member(d->nodes, 0, "allocations");

    table_column_add(&table, "LOCATION", false, 0);
    table_column_add(&table, "CHANNEL", false, 0);
    table_column_add(&table, "WAS", true, 0);
    table_column_add(&table, "SET ASIDE", true, 0);
    table_column_add(&table, "VERDICT", false, 0);
    table_column_add(&table, "REASON", false, 0);
    json_each(d->nodes, list, i)
    {
        struct text channel = json_text(d->nodes, i, "channel");
        table_cell(&table, json_text(d->nodes, i, "location"));
        table_cell(&table, channel.length ? channel : TEXT("(pool)"));
        table_cell(&table, json_text(d->nodes, i, "previous"));
        table_cell(&table, json_text(d->nodes, i, "quantity"));
        table_cell(&table, json_text(d->nodes, i, "verdict"));
        table_cell(&table, json_text(d->nodes, i, "reason"));
    }
    table_write(&table, &out);
    if (text_equal(json_text(d->nodes, 0, "dry_run"), TEXT("true")))
        buffer_string(&out, "\nnothing was set: --dry-run\n");
    int code = cli_write(&out);
    table_finish(&table);
    buffer_finish(&out);
    return code;
}

static int send(const struct settings *s, const struct buffer *body)
{
    struct client_answer answer = {0};
    struct document d = {0};
    int code = EXIT_OK;
    struct client *c = report_client(s, &code);

    if (!c)
        return code;
    const struct client_request r = {.method = "POST",
                                     .target = "/v1/allocations/plan",
                                     .content_type = "application/json",
                                     .body = {body->at, body->length}};
    code =
        report_answer(c, body->failed ? ERROR_NOMEM : client_send(c, &r, &answer), &answer, s->arguments[0]);
    if (code == EXIT_OK && s->json) {
        buffer_byte(&answer.body, '\n');
        code = cli_write(&answer.body);
    } else if (code == EXIT_OK) {
        code = document_read(&d, (struct text){answer.body.at, answer.body.length}) ? show(&d)
                                                                                    : EXIT_UNREACHABLE;
    }
    document_finish(&d);
    buffer_finish(&answer.body);
    client_destroy(c);
    return code;
}

int cli_plan(const struct settings *s)
{
    struct buffer body = {0};
    int code = put_body(&body, s) ? send(s, &body) : EXIT_USAGE;

    buffer_finish(&body);
    return code;
}
