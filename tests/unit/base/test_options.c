/* Options: the four places a value may come from, which is stronger, and what is said of wrong ones. */
#include "base/error.h"
#include "base/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

static struct settings settings;
static char detail[OPTIONS_DETAIL_BYTES];

/* Words behind the command, divided by spaces. */
static int read_words(enum command_name c, const char *words)
{
    static char line[2000];
    char *argv[100];
    int argc = 0;

    snprintf(line, sizeof(line), "%s", words);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    settings_finish(&settings);
    return settings_read(&settings, c, argc, argv, detail);
}

static void assert_refused(enum command_name c, const char *words, const char *said)
{
    assert_int_equal(read_words(c, words), ERROR_INVALID);
    if (!strstr(detail, said))
        fail_msg("%s: expected “%s” in “%s”", words, said, detail);
}

static const char *file_of(const char *content)
{
    static char path[] = "/tmp/onhand-options-XXXXXX";
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (int)strlen(content));
    close(fd);
    return path;
}

static int read_file(const char *content)
{
    char words[200];
    const char *path = file_of(content);

    snprintf(words, sizeof(words), "--config %s", path);
    int error = read_words(COMMAND_serve, words);
    unlink(path);
    return error;
}

static void defaults_are_those_of_the_contract(void **unused)
{
    assert_int_equal(read_words(COMMAND_serve, ""), 0);
    assert_string_equal(settings.data, "onhand-data");
    assert_string_equal(settings.listen, "127.0.0.1:8080");
    assert_int_equal(settings.http_threads, 1);
    assert_int_equal(settings.log, 0);
    assert_int_equal(settings.intake.count, 0);
    assert_string_equal(settings.keys, "");
    assert_int_equal(settings.origin[SETTING_listen], ORIGIN_DEFAULT);
}

static void flags_are_read_in_both_forms(void **unused)
{
    assert_int_equal(
        read_words(COMMAND_serve,
                   "--listen=127.0.0.1:0 --http-threads 4 --intake a=json --intake=b@2=protobuf"),
        0);
    assert_string_equal(settings.listen, "127.0.0.1:0");
    assert_int_equal(settings.http_threads, 4);
    assert_int_equal(settings.intake.count, 2);
    assert_string_equal(settings.intake.at[0], "a=json");
    assert_string_equal(settings.intake.at[1], "b@2=protobuf");
    assert_int_equal(settings.origin[SETTING_http_threads], ORIGIN_FLAG);
}

static void arguments_may_stand_between_flags(void **unused)
{
    assert_int_equal(read_words(COMMAND_get, "SKU-1 --json SKU-2 -- --odd"), 0);
    assert_int_equal(settings.arguments_count, 3);
    assert_string_equal(settings.arguments[1], "SKU-2");
    assert_string_equal(settings.arguments[2], "--odd");
    assert_true(settings.json);
    assert_int_equal(read_words(COMMAND_send, "-"), 0); /* standard input is an argument */
    assert_string_equal(settings.arguments[0], "-");
    assert_refused(COMMAND_get, "", "something is missing: onhand get SKU...");
    assert_refused(COMMAND_serve, "now", "now is too much");
}

static void the_last_flag_wins(void **unused)
{
    assert_int_equal(read_words(COMMAND_serve, "--http-threads 4 --http-threads 8"), 0);
    assert_int_equal(settings.http_threads, 8);
}

static void environment_is_stronger_than_file_and_weaker_than_flag(void **unused)
{
    char words[200];
    const char *path = file_of("http-threads = 2\nconnections_most = 7\n[onhand]\nlisten = 127.0.0.1:1\n");

    setenv("ONHAND_HTTP_THREADS", "3", 1);
    setenv("ONHAND_LISTEN", "127.0.0.1:2", 1);
    snprintf(words, sizeof(words), "--config %s --listen 127.0.0.1:3", path);
    assert_int_equal(read_words(COMMAND_serve, words), 0);
    assert_int_equal(settings.http_threads, 3);
    assert_int_equal(settings.origin[SETTING_http_threads], ORIGIN_ENVIRONMENT);
    assert_int_equal(settings.connections_most, 7);
    assert_int_equal(settings.origin[SETTING_connections_most], ORIGIN_FILE);
    assert_string_equal(settings.listen, "127.0.0.1:3");
    setenv("ONHAND_CONFIG", path, 1);
    assert_int_equal(read_words(COMMAND_serve, ""), 0);
    assert_int_equal(settings.connections_most, 7);
    unsetenv("ONHAND_CONFIG");
    unsetenv("ONHAND_HTTP_THREADS");
    unsetenv("ONHAND_LISTEN");
    unlink(path);
}

static void an_empty_variable_is_not_set(void **unused)
{
    setenv("ONHAND_LISTEN", "", 1);
    assert_int_equal(read_words(COMMAND_serve, ""), 0);
    assert_string_equal(settings.listen, "127.0.0.1:8080");
    unsetenv("ONHAND_LISTEN");
}

static void lists_come_from_every_place_and_are_not_mixed(void **unused)
{
    setenv("ONHAND_INTAKE", "a=json,b=protobuf", 1);
    assert_int_equal(read_words(COMMAND_serve, ""), 0);
    assert_int_equal(settings.intake.count, 2);
    assert_string_equal(settings.intake.at[1], "b=protobuf");
    assert_int_equal(read_words(COMMAND_serve, "--intake c=json"), 0);
    assert_int_equal(settings.intake.count, 1);
    unsetenv("ONHAND_INTAKE");
    assert_int_equal(
        read_file("intake = a=json\nintake = b=json\nintake = c=json\nintake = d=json\nintake = e=json\n"),
        0);
    assert_int_equal(settings.intake.count, 5);
    assert_string_equal(settings.intake.at[4], "e=json");
}

static void numbers_are_held_to_their_range(void **unused)
{
    static const char *const wrong[] = {"0",  "65", "-1", "+1", "1x", "0x2", "1.0", "18446744073709551617",
                                        "one"};
    char words[80];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        snprintf(words, sizeof(words), "--http-threads=%s", wrong[i]);
        assert_refused(COMMAND_serve, words, "it must be an integer from 1 to 64");
    }
    assert_refused(COMMAND_serve, "--http-threads=", "(nothing) is not possible");
    assert_int_equal(read_words(COMMAND_serve, "--http-threads=64"), 0);
}

static void what_is_wrong_names_its_place(void **unused)
{
    setenv("ONHAND_HTTP_THREADS", "many", 1);
    assert_refused(COMMAND_serve, "", "ONHAND_HTTP_THREADS: many is not possible");
    unsetenv("ONHAND_HTTP_THREADS");
    assert_int_equal(read_file("http-threads = many\n"), ERROR_INVALID);
    assert_non_null(strstr(detail, "http-threads in the configuration file: many"));
    assert_refused(COMMAND_serve, "--log=paper", "one of embedded|kafka");
    assert_refused(COMMAND_get, "A --json=maybe", "true or false");
    assert_refused(COMMAND_serve, "--listen", "--listen needs a value: --listen HOST:PORT");
    assert_refused(COMMAND_serve, "--config=/nowhere/at/all", "/nowhere/at/all cannot be read");
}

static void unknown_flags_name_the_nearest(void **unused)
{
    assert_refused(COMMAND_serve, "--http-thread 2", "did you mean --http-threads?");
    assert_refused(COMMAND_serve, "--lisetn x", "did you mean --listen?");
    assert_refused(COMMAND_serve, "--checkpoint=3", "did you mean --checkpoint-seconds?");
    assert_refused(COMMAND_serve, "--colour", "see onhand serve --help");
    assert_refused(COMMAND_get, "A --http-threads 2", "--http-threads is not an option of `onhand get`");
    assert_refused(COMMAND_serve, "-l", "options begin with two dashes");
}

static void files_say_which_line_is_wrong(void **unused)
{
    char longer[600] = "http-threads = 2\ndata = ";

    assert_int_equal(read_file("# a remark\n\nhttp-threads = 2\nlitsen = x\n"), ERROR_INVALID);
    assert_non_null(strstr(detail, "line 4: litsen is not a setting; did you mean listen?"));
    assert_int_equal(read_file("http-threads = 2\nhttp_threads = 3\n"), ERROR_INVALID);
    assert_non_null(strstr(detail, "line 2: http_threads stands here twice"));
    assert_int_equal(read_file("[other]\nhttp-threads = 2\n"), ERROR_INVALID);
    assert_non_null(strstr(detail, "[other] is not a section"));
    assert_int_equal(read_file("http-threads\n"), ERROR_INVALID);
    assert_non_null(strstr(detail, "line 1"));
    memset(longer + strlen(longer), 'x', 400);
    assert_int_equal(read_file(longer), ERROR_INVALID);
    assert_non_null(strstr(detail, "line 2"));
    assert_int_equal(read_file("http-threads = 2\nurl = http://example.org\n"),
                     0); /* of other commands: fine */
    assert_int_equal(settings.http_threads, 2);
}

static void help_is_judged_first(void **unused)
{
    assert_int_equal(read_words(COMMAND_serve, "--http-threads=99 --help"), 0);
    assert_true(settings.help);
    assert_int_equal(read_words(COMMAND_get, "-h"), 0);
    assert_true(settings.help);
}

static void commands_are_found_and_guessed(void **unused)
{
    const char *nearest = "";
    assert_int_equal(command_find("serve", NULL), COMMAND_serve);
    assert_int_equal(command_find("sevre", &nearest), COMMANDS);
    assert_string_equal(nearest, "serve");
    assert_int_equal(command_find("stat", &nearest), COMMANDS);
    assert_string_equal(nearest, "status");
    assert_int_equal(command_find("zzzzzz", &nearest), COMMANDS);
    assert_null(nearest);
    assert_int_equal(word_distance("listen", "lisetn"), 1);
    assert_int_equal(word_distance("", "abc"), 3);
    assert_int_equal(word_distance("kitten", "sitting"), 3);
}

static void every_row_of_the_table_is_sound(void **unused)
{
    const struct setting_row *rows = setting_rows();

    for (size_t i = 0; i < SETTINGS; i++) {
        assert_true(rows[i].commands != 0);
        assert_true(strlen(rows[i].help) > 10);
        assert_true(strlen(rows[i].flag) < 30);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[i].flag, rows[j].flag);
    }
    assert_string_equal(rows[SETTING_http_threads].variable, "ONHAND_HTTP_THREADS");
    for (size_t c = 0; c < COMMANDS; c++) /* the defaults are possible for every command */
        assert_int_equal(read_words((enum command_name)c, "--help"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(flags_are_read_in_both_forms),
        cmocka_unit_test(arguments_may_stand_between_flags),
        cmocka_unit_test(the_last_flag_wins),
        cmocka_unit_test(environment_is_stronger_than_file_and_weaker_than_flag),
        cmocka_unit_test(an_empty_variable_is_not_set),
        cmocka_unit_test(lists_come_from_every_place_and_are_not_mixed),
        cmocka_unit_test(numbers_are_held_to_their_range),
        cmocka_unit_test(what_is_wrong_names_its_place),
        cmocka_unit_test(unknown_flags_name_the_nearest),
        cmocka_unit_test(files_say_which_line_is_wrong),
        cmocka_unit_test(help_is_judged_first),
        cmocka_unit_test(commands_are_found_and_guessed),
        cmocka_unit_test(every_row_of_the_table_is_sound),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    settings_finish(&settings);
    return failed;
}
