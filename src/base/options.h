/* Options: one table (settings.def), four places a value may come from. Flag before environment before file
 * before default. */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/arena.h"

enum command_name {
#define COMMAND(name, arguments, least, most, summary) COMMAND_##name,
#include "base/commands.def"
#undef COMMAND
    COMMANDS
};

enum setting_name {
#define SETTING(TYPE, member, commands, argument, initial, least, most, help) SETTING_##member,
#include "base/settings.def"
#undef SETTING
    SETTINGS
};

enum setting_type { SETTING_FLAG, SETTING_NUMBER, SETTING_CHOICE, SETTING_TEXT, SETTING_PATH, SETTING_LIST };
enum setting_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

/* The tables as data, for help, man page, completion and tests. */
struct command_row {
    const char *name, *arguments;
    size_t arguments_least, arguments_most;
    const char *summary;
};
struct setting_row {
    enum setting_type type;
    const char *member;   /* http_threads */
    const char *flag;     /* http-threads: behind "--", and in the file */
    const char *variable; /* ONHAND_HTTP_THREADS */
    uint64_t commands;    /* bit COMMAND_x */
    const char *argument; /* what stands for the value in help; of a CHOICE: the words */
    const char *initial;
    uint64_t least, most;
    const char *help;
};
extern const struct command_row command_rows[COMMANDS];
/* @thread any; filled at the first call (before there are threads). */
const struct setting_row *setting_rows(void);

struct setting_list {
    size_t count;
    const char **at;
};

/* The value of every setting, one member a row; a CHOICE is the number of its word, from 0. Texts belong to
 * the settings. */
struct settings {
    enum command_name command;
    size_t arguments_count; /* what is no option */
    const char **arguments;
    enum setting_origin origin[SETTINGS];
#define VALUE_FLAG bool
#define VALUE_NUMBER uint64_t
#define VALUE_CHOICE unsigned
#define VALUE_TEXT const char *
#define VALUE_PATH const char *
#define VALUE_LIST struct setting_list
#define SETTING(TYPE, member, commands, argument, initial, least, most, help) VALUE_##TYPE member;
#include "base/settings.def"
#undef SETTING
    struct arena arena;
};

enum { OPTIONS_DETAIL_BYTES = 400 };

/* Reads the options of one subcommand: argv is what stands behind its name. 0, or ERROR_INVALID (`detail`:
 * which option, where it came from, what was wrong, what would be right; an unknown one names the nearest
 * known), ERROR_NOMEM. With --help nothing else is judged. Settings must be finished in either case. */
int settings_read(struct settings *ret, enum command_name c, int argc, char **argv,
                  char detail[OPTIONS_DETAIL_BYTES]);
/* Takes NULL. */
void settings_finish(struct settings *s);

/* COMMANDS when there is none of that name; `ret_nearest` (may be NULL) then gets the nearest name, or NULL
 * when none is near. */
enum command_name command_find(const char *name, const char **ret_nearest);
/* The word of a CHOICE, copied to out; "" when there is no such number. */
void setting_choice_word(const struct setting_row *row, unsigned number, char *out, size_t size);
/* How many letters must be changed, put in, taken out or swapped to make one from the other. */
unsigned word_distance(const char *a, const char *b);

#endif
