/* Picks the subcommand. */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>

static int (*const commands[COMMANDS])(const struct settings *s) = {
#define COMMAND(name, arguments, least, most, summary) cli_##name,
#include "base/commands.def"
#undef COMMAND
};

static int help(enum command_name c)
{
    struct buffer out = {0};

    if (c == COMMANDS)
        usage_program(&out);
    else
        usage_command(c, &out);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}

static int run(enum command_name c, int argc, char **argv)
{
    struct settings settings;
    char detail[OPTIONS_DETAIL_BYTES];
    int error = settings_read(&settings, c, argc, argv, detail);
    int code;

    if (error)
        code = cli_fail(error == ERROR_NOMEM ? EXIT_FAILED : EXIT_USAGE, "%s", detail);
    else
        code = settings.help ? help(c) : commands[c](&settings);
    settings_finish(&settings);
    return code;
}

static bool is_any(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

static int unknown(const char *word, const char *nearest)
{
    if (nearest)
        return cli_fail(EXIT_USAGE, "%s is not a command; did you mean %s?", word, nearest);
    return cli_fail(EXIT_USAGE, "%s is not a command; onhand --help lists them", word);
}

int main(int argc, char **argv)
{
    const char *nearest;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help(COMMANDS);
        return EXIT_USAGE;
    }
    if (is_any(argv[1], "--help", "-h", "help")) {
        enum command_name c = argc > 2 ? command_find(argv[2], &nearest) : COMMANDS;
        return argc > 2 && c == COMMANDS ? unknown(argv[2], nearest) : help(c);
    }
    enum command_name c =
        is_any(argv[1], "--version", "-V", "-v") ? COMMAND_version : command_find(argv[1], &nearest);
    return c == COMMANDS ? unknown(argv[1], nearest) : run(c, argc - 2, argv + 2);
}
