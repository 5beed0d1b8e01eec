/* Opens a file, finds out its format, and hands on what it holds. */
#include "cli/feed.h"

#include <stdlib.h>

static int broken(const struct input *in, unsigned long line, int error, const char *problem)
{
    return cli_fail(cli_exit_code(error), "%s, line %lu: %s", input_name(in), line, problem);
}

static int feed_json(struct input *in, bool lines, enum data_kind kind, const struct feed_reader *r)
{
    struct json_documents *d = malloc(sizeof(*d));
    struct feed_document out = {.kind = kind, .id = {"", 0}, .file = input_name(in)};
    const char *problem = "";
    int got, code = EXIT_OK;

    if (!d)
        return cli_fail(EXIT_FAILED, "out of memory");
    json_documents_init(d, in, lines);
    while (code == EXIT_OK && (got = json_documents_next(d, &out.json, &problem)) != 0) {
        if (got < 0) {
            code = broken(in, d->line, got, problem);
            break;
        }
        out.line = d->line;
        out.progress = input_progress(in);
        code = r->take(r->context, &out);
    }
    json_documents_finish(d);
    free(d);
    return code;
}

struct csv_feed {
    struct csv csv;
    struct columns columns;
    struct buffer json;
    bool bad_rows;
    unsigned long holidays;
};

static int csv_header(struct csv_feed *f, struct input *in, const struct settings *s, enum data_kind kind)
{
    char detail[COLUMNS_DETAIL_BYTES];
    const char *problem = "there is nothing in it";
    int got = csv_next(&f->csv, &problem);

    if (got <= 0)
        return broken(in, f->csv.line, got ? got : ERROR_INVALID, problem);
    got = columns_read(&f->columns, kind, &f->csv, &s->column, detail);
    if (!got)
        got = columns_have_id(&f->columns, detail);
    if (got)
        return broken(in, f->csv.line, got, detail);
    if (*f->columns.skipped)
        cli_fail(0, "%s: columns that %s do not have are left out: %s", input_name(in),
                 data_kind_name(f->columns.kind), f->columns.skipped);
    return EXIT_OK;
}

static int csv_row(struct csv_feed *f, struct input *in, const struct feed_reader *r)
{
    char detail[COLUMNS_DETAIL_BYTES];
    struct feed_document out = {.kind = f->columns.kind,
                                .row = true,
                                .file = input_name(in),
                                .line = f->csv.line,
                                .progress = input_progress(in)};
    bool holidays;

    buffer_clear(&f->json);
    int error = columns_row(&f->columns, &f->csv, &f->json, &out.id, &holidays, detail);
    if (error == ERROR_NOMEM)
        return cli_fail(EXIT_FAILED, "out of memory");
    if (error) {
        f->bad_rows = true;
        broken(in, f->csv.line, error, detail);
        return EXIT_OK;
    }
    f->holidays += holidays;
    out.json = (struct text){f->json.at, f->json.length};
    return r->take(r->context, &out);
}

static int feed_csv(struct input *in, const struct settings *s, enum data_kind kind,
                    const struct feed_reader *r)
{
    struct csv_feed *f = calloc(1, sizeof(*f));
    const char *problem = "";
    int got = 1;

    if (!f)
        return cli_fail(EXIT_FAILED, "out of memory");
    csv_init(&f->csv, input_read, in);
    int code = csv_header(f, in, s, kind);
    while (code == EXIT_OK && (got = csv_next(&f->csv, &problem)) == 1)
        code = csv_row(f, in, r);
    if (got < 0)
        code = broken(in, f->csv.line, got, problem);
    if (f->holidays)
        cli_fail(
            0,
            "%s: hours of public holidays were left out in %lu rows: they belong into `exceptions`, by date",
            input_name(in), f->holidays);
    if (code == EXIT_OK && f->bad_rows)
        code = EXIT_USAGE;
    buffer_finish(&f->json);
    csv_finish(&f->csv);
    free(f);
    return code;
}

int feed_file(const char *path, const struct settings *s, enum data_kind kind, const struct feed_reader *r)
{
    char detail[400];
    struct input *in;

    if (s->format > INPUT_CSV)
        return cli_fail(EXIT_USAGE, "--format jsonld and google-local-inventory are for export");
    int error = input_open(path, &in, detail, sizeof(detail));

    if (error)
        return cli_fail(cli_exit_code(error), "%s", error == ERROR_NOMEM ? "out of memory" : detail);
    enum input_format format = s->format ? (enum input_format)s->format : input_guess(in);
    int code =
        format == INPUT_CSV ? feed_csv(in, s, kind, r) : feed_json(in, format == INPUT_NDJSON, kind, r);
    input_close(in);
    return code;
}
