/* What the subcommands share: their entry points, exit codes, and how they speak to people. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/options.h"

enum exit_code {
#define EXIT(NAME, code, meaning) EXIT_##NAME = code,
#include "cli/exits.def"
#undef EXIT
};

/* Each runs one subcommand and answers an enum exit_code. */
#define COMMAND(name, arguments, least, most, summary) int cli_##name(const struct settings *s);
#include "base/commands.def"
#undef COMMAND

/* "onhand: " and the message on standard error; answers `code`, for `return cli_fail(EXIT_USAGE, …)`. Control
 * bytes are shown as \xNN. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The exit code for an error of the library. */
int cli_exit_code(int error);
/* Writes to standard output; EXIT_FAILED (with a message) when that was not possible, else EXIT_OK. */
int cli_write(const struct buffer *b);

/* usage.c: help of the program, or of one command. man.c, completion.c: the same table as roff and as a
 * script. */
void usage_program(struct buffer *out);
void usage_command(enum command_name c, struct buffer *out);
void man_write(struct buffer *out);
void completion_bash(struct buffer *out);

#endif
