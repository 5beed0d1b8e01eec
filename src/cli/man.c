/* The man page, in roff, from the same tables as the help: `onhand man | man -l -`. */
#include "cli/cli.h"

/* Roff takes a backslash, a leading dot and a leading quote for itself; a minus must be escaped to stay one.
 */
static void put_roff(struct buffer *out, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            buffer_string(out, "\\e");
        else if (*c == '-')
            buffer_string(out, "\\-");
        else if ((*c == '.' || *c == '\'') && c == text)
            buffer_printf(out, "\\&%c", *c);
        else
            buffer_byte(out, *c);
    }
}

static void put_setting(struct buffer *out, const struct setting_row *row)
{
    buffer_string(out, ".TP\n\\fB\\-\\-");
    put_roff(out, row->flag);
    buffer_string(out, "\\fR");
    if (*row->argument) {
        buffer_string(out, " \\fI");
        put_roff(out, row->argument);
        buffer_string(out, "\\fR");
    }
    buffer_byte(out, '\n');
    put_roff(out, row->help);
    buffer_string(out, ".\n");
    if (row->type == SETTING_NUMBER)
        buffer_printf(out, "From %llu to %llu, default %s.\n", (unsigned long long)row->least,
                      (unsigned long long)row->most, row->initial);
    else if (*row->initial && row->type != SETTING_FLAG) {
        buffer_string(out, "Default ");
        put_roff(out, row->initial);
        buffer_string(out, ".\n");
    }
    buffer_printf(out, "Variable \\fB%s\\fR; for", row->variable);
    if (row->commands == UINT64_MAX)
        buffer_string(out, " all commands");
    for (size_t c = 0; c < COMMANDS && row->commands != UINT64_MAX; c++)
        if (row->commands >> c & 1)
            buffer_printf(out, " %s", command_rows[c].name);
    buffer_string(out, ".\n");
}

static void put_commands(struct buffer *out)
{
    buffer_string(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        buffer_printf(out, ".TP\n\\fB%s\\fR \\fI", command_rows[i].name);
        put_roff(out, command_rows[i].arguments);
        buffer_string(out, "\\fR\n");
        put_roff(out, command_rows[i].summary);
        buffer_string(out, ".\n");
    }
}

static void put_exits(struct buffer *out)
{
    buffer_string(out, ".SH EXIT STATUS\n");
#define EXIT(NAME, code, meaning)          \
    buffer_printf(out, ".TP\n%d\n", code); \
    put_roff(out, meaning);                \
    buffer_string(out, ".\n");
#include "cli/exits.def"
#undef EXIT
}

void man_write(struct buffer *out)
{
    const struct setting_row *settings = setting_rows();

    buffer_string(out,
                  ".TH ONHAND 1 \"\" \"onhand " ONHAND_VERSION "\" \"onhand\"\n.SH NAME\nonhand \\- "
                  "what is available of every item, at every location, now\n.SH SYNOPSIS\n\\fBonhand\\fR "
                  "\\fICOMMAND\\fR [\\fIARGUMENT\\fR...] [\\fIOPTION\\fR...]\n");
    put_commands(out);
    buffer_string(
        out,
        ".SH OPTIONS\nA flag is stronger than its variable in the environment, that is stronger than the "
        "file that \\fB\\-\\-config\\fR names (lines of \\fIname\\fR = \\fIvalue\\fR, the names as the "
        "flags without the dashes in front), and that is stronger than the default.\n");
    for (size_t i = 0; i < SETTINGS; i++)
        put_setting(out, &settings[i]);
    put_exits(out);
    buffer_string(
        out,
        ".SH FILES\n.TP\n\\&./onhand\\-data\nThe log and the checkpoints, unless \\fB\\-\\-data\\fR says "
        "otherwise.\n");
}

int cli_man(const struct settings *s)
{
    struct buffer out = {0};

    man_write(&out);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}
