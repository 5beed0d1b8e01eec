/* `onhand key`: the file of the keys of the HTTP interface. */
#include "cli/cli.h"
#include "cli/table.h"
#include "codec/json.h"
#include "http/keys.h"

#include <stdio.h>

static void join(struct buffer *out, const struct setting_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        buffer_printf(out, "%s%s", i ? "," : "", l->at[i]);
    buffer_byte(out, 0);
}

static int create(const struct settings *s)
{
    struct buffer scopes = {0}, locations = {0}, out = {0};
    struct key_request request = {.rate = (uint32_t)(s->rate > UINT32_MAX ? UINT32_MAX : s->rate),
                                  .scopes = SCOPE_READ};
    char key[KEY_TEXT_BYTES + 1], detail[300] = "";
    int code = EXIT_OK;

    join(&scopes, &s->scope);
    join(&locations, &s->location);
    request.channels = *s->channel ? s->channel : NULL;
    request.locations = s->location.count ? locations.at : NULL;
    if (scopes.failed || locations.failed)
        code = cli_fail(EXIT_FAILED, "out of memory");
    else if (s->scope.count && !scopes_parse(text_of(scopes.at), &request.scopes))
        code = cli_fail(EXIT_USAGE, "--scope %s: a scope is one of read, reserve, events, admin", scopes.at);
    if (code == EXIT_OK) {
        int error = key_create(s->keys, &request, key, detail, sizeof(detail));
        if (error)
            code = cli_fail(cli_exit_code(error), "%s", *detail ? detail : error_text(error));
    }
    if (code == EXIT_OK) {
        if (s->json)
            buffer_printf(&out, "{\"id\":\"%.*s\",\"key\":\"%s\"}\n", KEY_ID_BYTES, key + 7, key);
        else
            buffer_printf(&out, "%s\n", key);
        code = cli_write(&out);
        if (!s->json)
            cli_fail(0, "keep it: only its SHA-256 is in %s, it cannot be shown again", s->keys);
    }
    buffer_finish(&scopes);
    buffer_finish(&locations);
    buffer_finish(&out);
    return code;
}

struct listing {
    struct text_table table;
    struct buffer lines;
    bool json;
};

static void put_texts(struct buffer *out, const struct text *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_string(out, i ? "," : "");
        buffer_text(out, texts[i]);
    }
    if (!count)
        buffer_byte(out, '*');
}

static void list_key(void *context, const struct key *k)
{
    struct listing *l = context;
    struct buffer channels = {0}, locations = {0};
    char scopes[41], rate[24];

    put_texts(&channels, k->channels, k->channels_count);
    put_texts(&locations, k->locations, k->locations_count);
    scopes[scopes_format(k->scopes, scopes)] = 0;
    snprintf(rate, sizeof(rate), "%u", k->rate);
    struct text cells[] = {
        text_of(k->id), text_of(scopes),    {channels.at, channels.length}, {locations.at, locations.length},
        text_of(rate),  text_of(k->created)};
    static const char *const names[] = {"id", "scopes", "channels", "locations", "rate", "created"};
    for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
        if (l->json) {
            buffer_printf(&l->lines, "%s\"%s\":", i ? "," : "{", names[i]);
            if (strcmp(names[i], "rate") == 0)
                buffer_text(&l->lines, cells[i]);
            else
                json_put_string(&l->lines, cells[i]);
        } else {
            table_cell(&l->table, cells[i]);
        }
    }
    if (l->json)
        buffer_string(&l->lines, "}\n");
    buffer_finish(&channels);
    buffer_finish(&locations);
}

static int list(const struct settings *s)
{
    struct listing l = {.json = s->json};
    char detail[300] = "";

    table_column_add(&l.table, "ID", false, 0);
    table_column_add(&l.table, "SCOPES", false, 0);
    table_column_add(&l.table, "CHANNELS", false, 40);
    table_column_add(&l.table, "LOCATIONS", false, 40);
    table_column_add(&l.table, "RATE", true, 0);
    table_column_add(&l.table, "CREATED", false, 0);
    int error = key_list(s->keys, list_key, &l, detail, sizeof(detail)), code;
    if (error) {
        code = cli_fail(cli_exit_code(error), "%s", *detail ? detail : error_text(error));
    } else {
        if (!s->json)
            table_write(&l.table, &l.lines);
        code = cli_write(&l.lines);
    }
    table_finish(&l.table);
    buffer_finish(&l.lines);
    return code;
}

static int revoke(const struct settings *s)
{
    char detail[300] = "";

    if (s->arguments_count < 2)
        return cli_fail(EXIT_USAGE, "which key? onhand key revoke ID (onhand key list shows them)");
    int error = key_revoke(s->keys, s->arguments[1], detail, sizeof(detail));
    if (error)
        return cli_fail(cli_exit_code(error), "%s", *detail ? detail : error_text(error));
    return EXIT_OK;
}

int cli_key(const struct settings *s)
{
    const char *what = s->arguments[0];

    if (!*s->keys)
        return cli_fail(
            EXIT_USAGE,
            "say which file holds the keys: --keys FILE (the same that `onhand serve --keys FILE` gets)");
    if (strcmp(what, "create") == 0)
        return create(s);
    if (strcmp(what, "list") == 0)
        return list(s);
    if (strcmp(what, "revoke") == 0)
        return revoke(s);
    return cli_fail(EXIT_USAGE, "%s is not possible: onhand key create, list or revoke", what);
}
