/* Help for people at a terminal, from the tables of commands and settings. */
#include "cli/cli.h"

#include <stdio.h>

enum { LINE_BYTES = 100, HELP_COLUMN = 30 };

/* The text, broken between words, each further line set in by HELP_COLUMN. */
static void put_wrapped(struct buffer *out, size_t column, const char *text)
{
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + word > LINE_BYTES) {
            buffer_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            buffer_byte(out, ' ');
            column++;
        }
        buffer_add(out, text, word);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    buffer_byte(out, '\n');
}

static void put_row(struct buffer *out, const char *left, const char *text)
{
    size_t length = strlen(left);

    buffer_printf(out, "  %s", left);
    if (length + 4 > HELP_COLUMN)
        buffer_printf(out, "\n%*s", HELP_COLUMN, "");
    else
        buffer_printf(out, "%*s", (int)(HELP_COLUMN - 2 - length), "");
    put_wrapped(out, HELP_COLUMN, text);
}

static void put_setting(struct buffer *out, const struct setting_row *row)
{
    char left[120], text[400], plain[60];
    bool list = row->type == SETTING_LIST, choice = row->type == SETTING_CHOICE;

    snprintf(plain, sizeof(plain), "%s", choice ? "WORD" : row->argument);
    snprintf(left, sizeof(left), "--%s%s%s", row->flag, *plain ? " " : "", plain);
    snprintf(text, sizeof(text), "%s%s%s%s%s%s%s", row->help, choice ? "; one of " : "",
             choice ? row->argument : "", *row->initial && row->type != SETTING_FLAG ? " (default " : "",
             row->type != SETTING_FLAG ? row->initial : "",
             *row->initial && row->type != SETTING_FLAG ? ")" : "", list ? "" : "");
    put_row(out, left, text);
}

void usage_command(enum command_name c, struct buffer *out)
{
    const struct command_row *row = &command_rows[c];
    const struct setting_row *settings = setting_rows();

    buffer_printf(out, "onhand %s%s%s [OPTION...]\n%s\n\n", row->name, *row->arguments ? " " : "",
                  row->arguments, row->summary);
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].commands >> c & 1)
            put_setting(out, &settings[i]);
    buffer_string(out, "\nEach option may also stand in the environment (--http-threads: "
                       "ONHAND_HTTP_THREADS) or in the file\n"
                       "that --config names (http-threads = 2). The flag is strongest, then the environment, "
                       "then the file.\n");
}

void usage_program(struct buffer *out)
{
    buffer_string(
        out,
        "onhand: what is available of every item, at every location, now\n\nonhand COMMAND [OPTION...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[80];
        snprintf(left, sizeof(left), "%s %s", command_rows[i].name, command_rows[i].arguments);
        put_row(out, left, command_rows[i].summary);
    }
    buffer_string(out, "\nonhand COMMAND --help shows the options of a command. Exit codes:\n");
#define EXIT(NAME, code, meaning) buffer_printf(out, "  %d  %s\n", code, meaning);
#include "cli/exits.def"
#undef EXIT
}
