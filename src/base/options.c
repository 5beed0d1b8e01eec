/* Collects what was said in flags, environment and file, keeps the strongest, and turns its text into values.
 */
#include "base/options.h"
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct command_row command_rows[COMMANDS] = {
#define COMMAND(name, arguments, least, most, summary) {#name, arguments, least, most, summary},
#include "base/commands.def"
#undef COMMAND
};

#define F(name) | UINT64_C(1) << COMMAND_##name
#define ALL | UINT64_MAX
static struct setting_row rows[SETTINGS] = {
#define SETTING(TYPE, member, commands, argument, initial, least, most, help) \
    {SETTING_##TYPE, #member, NULL, NULL, 0 commands, argument, initial, least, most, help},
#include "base/settings.def"
#undef SETTING
};

/* Where a value lies in struct settings. */
static const size_t places[SETTINGS] = {
#define SETTING(TYPE, member, commands, argument, initial, least, most, help) \
    offsetof(struct settings, member),
#include "base/settings.def"
#undef SETTING
};

enum { NAME_BYTES = 40 };
static char flags[SETTINGS][NAME_BYTES], variables[SETTINGS][NAME_BYTES];

const struct setting_row *setting_rows(void)
{
    for (size_t i = 0; i < SETTINGS && !rows[SETTINGS - 1].flag; i++) {
        size_t n = 0, v = (size_t)snprintf(variables[i], NAME_BYTES, "ONHAND_");
        for (const char *c = rows[i].member; *c && v < NAME_BYTES - 1; c++, n++, v++) {
            flags[i][n] = *c == '_' ? '-' : *c;
            variables[i][v] = (char)toupper((unsigned char)*c);
        }
        rows[i].variable = variables[i];
        rows[i].flag = flags[i];
    }
    return rows;
}

/* What was said of one setting at the strongest place so far. */
struct said {
    enum setting_origin origin;
    size_t count, capacity;
    const char **texts;
};

struct reading {
    struct settings *settings;
    struct said said[SETTINGS];
    char *detail;
    int error; /* the first one */
};

__attribute__((format(printf, 3, 4))) static int fail(struct reading *r, int error, const char *format, ...)
{
    va_list args;

    if (r->error)
        return r->error;
    va_start(args, format);
    vsnprintf(r->detail, OPTIONS_DETAIL_BYTES, format, args);
    va_end(args);
    return r->error = error;
}

static int out_of_memory(struct reading *r)
{
    return fail(r, ERROR_NOMEM, "out of memory");
}

unsigned word_distance(const char *a, const char *b)
{
    enum { MOST = 40 };
    unsigned distance[3][MOST + 1], *before = distance[0], *last = distance[1], *now = distance[2];
    size_t a_length = strnlen(a, MOST), b_length = strnlen(b, MOST);

    for (size_t j = 0; j <= b_length; j++)
        last[j] = before[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
        unsigned *free_row = before;
        before = last, last = now, now = free_row;
    }
    return last[b_length];
}

/* Near means: at most a third of the letters are wrong, or one is the beginning of the other. */
static bool nearer(const char *word, const char *candidate, unsigned *best)
{
    size_t length = strlen(word);
    unsigned distance = word_distance(word, candidate);

    if (length >= 3 && strncmp(word, candidate, length) == 0)
        distance = 1;
    if (distance > length / 3 + 1 || distance >= *best)
        return false;
    *best = distance;
    return true;
}

enum command_name command_find(const char *name, const char **ret_nearest)
{
    unsigned best = UINT32_MAX;
    const char *nearest = NULL;

    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, command_rows[i].name) == 0)
            return (enum command_name)i;
        if (nearer(name, command_rows[i].name, &best))
            nearest = command_rows[i].name;
    }
    if (ret_nearest)
        *ret_nearest = nearest;
    return COMMANDS;
}

static bool knows(enum command_name c, size_t setting)
{
    return rows[setting].commands >> c & 1;
}

/* `_` and `-` are the same in names. SETTINGS when there is none. */
static size_t setting_find(struct text name)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        size_t n = 0;
        while (n < name.length && rows[i].flag[n] &&
               (name.at[n] == '_' ? '-' : name.at[n]) == rows[i].flag[n])
            n++;
        if (n == name.length && !rows[i].flag[n])
            return i;
    }
    return SETTINGS;
}

/* The nearest name that the command knows (any command: COMMANDS); NULL when none is near. */
static const char *setting_nearest(enum command_name c, struct text name)
{
    char word[NAME_BYTES];
    unsigned best = UINT32_MAX;
    const char *nearest = NULL;

    snprintf(word, sizeof(word), "%.*s", (int)name.length, name.at);
    for (size_t i = 0; i < SETTINGS; i++)
        if ((c == COMMANDS || knows(c, i)) && nearer(word, rows[i].flag, &best))
            nearest = rows[i].flag;
    return nearest;
}

/* A stronger place replaces what a weaker one said; the same place adds. */
static int say(struct reading *r, size_t setting, enum setting_origin origin, const char *value,
               size_t length)
{
    struct said *said = &r->said[setting];
    struct text copy = arena_text(&r->settings->arena, (struct text){value, length});

    if (said->origin > origin)
        return 0;
    if (said->origin < origin)
        said->count = 0;
    said->origin = origin;
    if (said->count == said->capacity) {
        size_t capacity = said->capacity ? said->capacity * 2 : 4;
        const char **texts = arena_alloc(&r->settings->arena, capacity * sizeof(*texts));
        if (!texts)
            return out_of_memory(r);
        if (said->count)
            memcpy(texts, said->texts, said->count * sizeof(*texts));
        said->texts = texts;
        said->capacity = capacity;
    }
    if (length && !copy.at)
        return out_of_memory(r);
    said->texts[said->count++] = length ? copy.at : "";
    return 0;
}

/* ---- flags ---- */

static int unknown_flag(struct reading *r, struct text name)
{
    enum command_name c = r->settings->command;
    const char *nearest = setting_nearest(c, name);
    size_t other = setting_find(name);

    if (other < SETTINGS)
        return fail(r, ERROR_INVALID, "--%s is not an option of `onhand %s`; see onhand %s --help",
                    rows[other].flag, command_rows[c].name, command_rows[c].name);
    if (nearest)
        return fail(r, ERROR_INVALID, "--%.*s is not an option of `onhand %s`; did you mean --%s?",
                    (int)name.length, name.at, command_rows[c].name, nearest);
    return fail(r, ERROR_INVALID, "--%.*s is not an option of `onhand %s`; see onhand %s --help",
                (int)name.length, name.at, command_rows[c].name, command_rows[c].name);
}

/* Returns how many words it took, or an error. */
static int read_flag(struct reading *r, int left, char **argv)
{
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    struct text key = {name, equals ? (size_t)(equals - name) : strlen(name)};
    size_t setting = setting_find(key);

    if (setting == SETTINGS || !knows(r->settings->command, setting))
        return unknown_flag(r, key);
    if (equals)
        return say(r, setting, ORIGIN_FLAG, equals + 1, strlen(equals + 1)) ? r->error : 1;
    if (rows[setting].type == SETTING_FLAG)
        return say(r, setting, ORIGIN_FLAG, "true", 4) ? r->error : 1;
    if (left < 2)
        return fail(r, ERROR_INVALID, "--%s needs a value: --%s %s", rows[setting].flag, rows[setting].flag,
                    rows[setting].argument);
    return say(r, setting, ORIGIN_FLAG, argv[1], strlen(argv[1])) ? r->error : 2;
}

static int read_argument(struct reading *r, const char *argument)
{
    struct settings *s = r->settings;

    s->arguments[s->arguments_count++] = argument;
    return 1;
}

static int read_flags(struct reading *r, int argc, char **argv)
{
    struct settings *s = r->settings;
    bool only_arguments = false;

    s->arguments = arena_alloc(&s->arena, sizeof(char *) * ((size_t)argc + 1));
    if (!s->arguments)
        return out_of_memory(r);
    for (int i = 0; i < argc;) {
        int taken = 1;
        if (only_arguments || argv[i][0] != '-' || !argv[i][1])
            taken = read_argument(r, argv[i]);
        else if (strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else if (strcmp(argv[i], "-h") == 0)
            taken = say(r, SETTING_help, ORIGIN_FLAG, "true", 4) ? r->error : 1;
        else if (argv[i][1] == '-')
            taken = read_flag(r, argc - i, argv + i);
        else
            return fail(r, ERROR_INVALID,
                        "%s is not an option: options begin with two dashes; see onhand %s --help", argv[i],
                        command_rows[s->command].name);
        if (taken < 0)
            return taken;
        i += taken;
    }
    return 0;
}

/* ---- environment ---- */

static int read_environment(struct reading *r)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *value = i == SETTING_help ? NULL : getenv(rows[i].variable);
        if (!value || !*value) /* empty is what container files say for "not set" */
            continue;
        if (rows[i].type != SETTING_LIST) {
            if (say(r, i, ORIGIN_ENVIRONMENT, value, strlen(value)))
                return r->error;
            continue;
        }
        while (*value) {
            size_t length = strcspn(value, ",");
            if (length && say(r, i, ORIGIN_ENVIRONMENT, value, length))
                return r->error;
            value += length + (value[length] == ',');
        }
    }
    return 0;
}

/* ---- file ---- */

/* inih calls this for each `name = value`. Returns 1 for fine, 0 for an error at this line. */
static int file_line(void *context, const char *section, const char *name, const char *value)
{
    struct reading *r = context;
    struct text key = text_of(name);
    size_t setting = setting_find(key);

    if (r->error)
        return 0;
    if (*section && strcmp(section, "onhand") != 0) {
        fail(r, ERROR_INVALID, "[%s] is not a section: the names stand without one, or in [onhand]", section);
        return 0;
    }
    if (setting == SETTINGS || setting == SETTING_help || setting == SETTING_config) {
        const char *nearest = setting_nearest(COMMANDS, key);
        fail(r, ERROR_INVALID, "%s is not a setting%s%s%s", name, nearest ? "; did you mean " : "",
             nearest ? nearest : "", nearest ? "?" : "");
        return 0;
    }
    if (rows[setting].type != SETTING_LIST && r->said[setting].origin == ORIGIN_FILE) {
        fail(r, ERROR_INVALID, "%s stands here twice", name);
        return 0;
    }
    return say(r, setting, ORIGIN_FILE, value ? value : "", value ? strlen(value) : 0) == 0;
}

struct file_stream {
    FILE *file;
    struct reading *reading;
};

/* As fgets, but ends when a line does not fit: inih would take its rest for a line of its own. */
static char *file_read(char *line, int size, void *stream)
{
    const struct file_stream *s = stream;
    char *got = s->reading->error ? NULL : fgets(line, size, s->file);

    if (got && strlen(got) == (size_t)size - 1 && got[size - 2] != '\n')
        strcpy(got, "[this line is too long\n");
    return got;
}

static int read_file(struct reading *r, const char *path)
{
    FILE *file = fopen(path, "re");
    char why[OPTIONS_DETAIL_BYTES / 2];

    if (!file)
        return fail(r, ERROR_INVALID, "the configuration file %s cannot be read: %s", path, strerror(errno));
    struct file_stream stream = {file, r};
    int line = ini_parse_stream(file_read, &stream, file_line, r);
    fclose(file);
    if (r->error == ERROR_NOMEM || line == -2)
        return out_of_memory(r);
    if (line == 0)
        return 0;
    snprintf(why, sizeof(why), "%s", r->error ? r->detail : "this is not `name = value` (at most 190 bytes)");
    r->error = 0;
    return fail(r, ERROR_INVALID, "%s, line %d: %s", path, line, why);
}

/* ---- from text to value ---- */

void setting_choice_word(const struct setting_row *row, unsigned number, char *out, size_t size)
{
    const char *word = row->argument;

    for (; number && word; number--) {
        word = strchr(word, '|');
        word += word != NULL;
    }
    snprintf(out, size, "%.*s", word ? (int)strcspn(word, "|") : 0, word ? word : "");
}

static bool choice_read(const struct setting_row *row, const char *text, unsigned *ret)
{
    char word[NAME_BYTES];

    for (unsigned i = 0;; i++) {
        setting_choice_word(row, i, word, sizeof(word));
        if (!*word)
            return false;
        if (strcmp(word, text) == 0) {
            *ret = i;
            return true;
        }
    }
}

static bool flag_read(const char *text, bool *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret = i & 1;
            return true;
        }
    }
    return false;
}

static bool number_read(const struct setting_row *row, const char *text, uint64_t *ret)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
            return false;
    }
    if (value < row->least || value > row->most)
        return false;
    *ret = value;
    return true;
}

/* "--http-threads" or "ONHAND_HTTP_THREADS" or "http-threads in the file": as the person wrote it. */
static void origin_text(const struct setting_row *row, enum setting_origin origin, char *out, size_t size)
{
    if (origin == ORIGIN_ENVIRONMENT)
        snprintf(out, size, "%s", row->variable);
    else if (origin == ORIGIN_FILE)
        snprintf(out, size, "%s in the configuration file", row->flag);
    else
        snprintf(out, size, "--%s", row->flag);
}

static int bad_value(struct reading *r, size_t setting, const char *value)
{
    const struct setting_row *row = &rows[setting];
    char origin[NAME_BYTES + 32], right[200];

    origin_text(row, r->said[setting].origin, origin, sizeof(origin));
    switch (row->type) {
    case SETTING_NUMBER:
        snprintf(right, sizeof(right), "an integer from %llu to %llu", (unsigned long long)row->least,
                 (unsigned long long)row->most);
        break;
    case SETTING_CHOICE:
        snprintf(right, sizeof(right), "one of %s", row->argument);
        break;
    case SETTING_FLAG:
        snprintf(right, sizeof(right), "true or false");
        break;
    case SETTING_LIST:
        snprintf(right, sizeof(right), "said at most %llu times", (unsigned long long)row->most);
        break;
    default:
        snprintf(right, sizeof(right), "a text of %llu to %llu bytes", (unsigned long long)row->least,
                 (unsigned long long)row->most);
    }
    return fail(r, ERROR_INVALID, "%s: %.80s is not possible; it must be %s", origin,
                *value ? value : "(nothing)", right);
}

static int convert(struct reading *r, size_t setting)
{
    const struct setting_row *row = &rows[setting];
    struct said *said = &r->said[setting];
    void *place = (char *)r->settings + places[setting];
    const char *value = said->count ? said->texts[said->count - 1] : row->initial;
    bool fine = true;

    r->settings->origin[setting] = said->origin;
    switch (row->type) {
    case SETTING_FLAG:
        fine = flag_read(value, place);
        break;
    case SETTING_NUMBER:
        fine = number_read(row, value, place);
        break;
    case SETTING_CHOICE:
        fine = choice_read(row, value, place);
        break;
    case SETTING_TEXT:
    case SETTING_PATH:
        fine = strlen(value) >= row->least && strlen(value) <= row->most;
        *(const char **)place = value;
        break;
    case SETTING_LIST:
        fine = said->count <= row->most;
        *(struct setting_list *)place = (struct setting_list){said->count, said->texts};
        break;
    }
    return fine ? 0 : bad_value(r, setting, value);
}

static int check_arguments(struct reading *r)
{
    const struct command_row *c = &command_rows[r->settings->command];
    size_t count = r->settings->arguments_count;

    if (count < c->arguments_least)
        return fail(r, ERROR_INVALID, "something is missing: onhand %s %s", c->name, c->arguments);
    if (count > c->arguments_most)
        return fail(r, ERROR_INVALID, "%s is too much: onhand %s%s%s",
                    r->settings->arguments[c->arguments_most], c->name, *c->arguments ? " " : "",
                    c->arguments);
    return 0;
}

static const char *config_path(const struct reading *r)
{
    const struct said *said = &r->said[SETTING_config];

    return said->count && *said->texts[said->count - 1] ? said->texts[said->count - 1] : NULL;
}

int settings_read(struct settings *ret, enum command_name c, int argc, char **argv,
                  char detail[OPTIONS_DETAIL_BYTES])
{
    struct reading r = {.settings = ret, .detail = detail};

    *ret = (struct settings){.command = c};
    *detail = 0;
    setting_rows();
    if (read_flags(&r, argc, argv))
        return r.error;
    if (r.said[SETTING_help].count) {
        ret->help = true;
        return 0;
    }
    if (read_environment(&r))
        return r.error;
    if (config_path(&r) && read_file(&r, config_path(&r)))
        return r.error;
    /* What another command's settings say in the file or the environment is its own affair. */
    for (size_t i = 0; i < SETTINGS; i++) {
        if (!knows(c, i))
            r.said[i] = (struct said){0};
        if (convert(&r, i))
            return r.error;
    }
    return check_arguments(&r);
}

void settings_finish(struct settings *s)
{
    if (!s)
        return;
    arena_finish(&s->arena);
    *s = (struct settings){0};
}
