/* redis_guard.lua and redis_meta.lua inside a real Redis: which write wins, and what becomes of hashes that
 * are not whole. */
#include "redis_server.h"

#include "sinks/packed.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const char guard_script[] = {
#include "sinks/redis_guard_bytes.h"
    '\0'};
static const char meta_script[] = {
#include "sinks/redis_meta_bytes.h"
    '\0'};

static struct redis_server server;
static redisContext *redis;

#define KEY "onhand:a:{S}"
#define KEY_2 "onhand:a:{T}"
/* one call's beginning: incarnation, milliseconds, channel, bytes before the SKU */
#define HEAD(incarnation) incarnation, "1000", "changes", "10"
#define KEYS(n, ...) #n, __VA_ARGS__

/* Words of MessagePack hold any byte: their lengths are kept beside them. */
enum { PACKED = 16, WORDS_MOST = 64 };
static struct buffer packed[PACKED];
static unsigned packed_next;

static int set_up(void **unused)
{
    int status = server_start(&server);
    if (status > 0)
        return 0; /* none here: the tests skip themselves */
    redis = status == 0 ? redisConnectUnix(server.socket) : NULL;
    return redis && !redis->err ? 0 : -1;
}

static int tear_down(void **unused)
{
    if (!redis)
        return 0;
    redisFree(redis);
    server_stop(&server);
    for (size_t i = 0; i < PACKED; i++)
        buffer_finish(&packed[i]);
    return 0;
}

static int flush(void **unused)
{
    if (redis)
        freeReplyObject(redisCommand(redis, "FLUSHALL"));
    return 0;
}

#define REDIS_OR_SKIP \
    if (!redis)       \
    skip()

static struct buffer *packed_new(void)
{
    struct buffer *b = &packed[packed_next++ % PACKED];
    buffer_clear(b);
    return b;
}

static size_t length_of(const char *word)
{
    for (size_t i = 0; i < PACKED; i++)
        if (packed[i].at == word)
            return packed[i].length;
    return strlen(word);
}

/* What the script is told of one key in one word. `texts`: pairs, up to a NULL. */
static const char *pack(uint32_t more, const char *offset, const char *base, uint32_t fields,
                        const char *channels, const char *const *texts)
{
    struct buffer *b = packed_new();

    packed_number(b, more);
    packed_text(b, text_of(offset));
    packed_text(b, text_of(base));
    packed_number(b, fields);
    packed_text(b, text_of(channels));
    for (; *texts; texts++)
        packed_text(b, text_of(*texts));
    return b->at;
}
#define HASH(offset, base, fields, channels, ...) \
    pack(0, offset, base, fields, channels, (const char *const[]){__VA_ARGS__, NULL})

/* The answer as text; lives until the next one. */
static const char *ask(size_t count, const char **argv)
{
    static char text[4096];
    size_t lengths[WORDS_MOST];

    assert_in_range(count, 1, WORDS_MOST);
    for (size_t i = 0; i < count; i++)
        lengths[i] = length_of(argv[i]);
    redisReply *r = redisCommandArgv(redis, (int)count, argv, lengths);

    assert_non_null(r);
    if (r->type == REDIS_REPLY_NIL)
        snprintf(text, sizeof(text), "(nil)");
    else if (r->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", r->integer);
    else
        snprintf(text, sizeof(text), "%s", r->str ? r->str : "");
    freeReplyObject(r);
    return text;
}
#define ASK(...) \
    ask(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *[]){__VA_ARGS__})
#define GUARD(...) ASK("EVAL", guard_script, __VA_ARGS__)
#define FIELD(name) ASK("HGET", KEY, name)
/* A whole hash of locations L1 and L2 */
#define WHOLE(incarnation, offset, l1, l2, sum) \
    GUARD(KEYS(1, KEY), HEAD(incarnation), HASH(offset, "", 5, "", "L1", l1, "L2", l2, "*", sum))
/* L1 alone, on top of what `base` left */
#define PART(incarnation, offset, base, l1, sum) \
    GUARD(KEYS(1, KEY), HEAD(incarnation), HASH(offset, base, 5, "", "L1", l1, "*", sum))

static void a_whole_hash_has_everything(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "8.5", "0", "8.5"), "0");
    assert_string_equal(FIELD("L1"), "8.5");
    assert_string_equal(FIELD("L2"), "0");
    assert_string_equal(FIELD("*"), "8.5");
    assert_string_equal(FIELD("@v"), "7:12");
    assert_string_equal(FIELD("@t"), "1000");
    assert_string_equal(ASK("HLEN", KEY), "5");
}

static void the_greater_version_wins_incarnation_first(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "1", "2"), "0");
    assert_string_equal(WHOLE("7", "9", "5", "5", "10"), "1"); /* 9 < 12, as numbers */
    assert_string_equal(WHOLE("6", "99", "5", "5", "10"), "1");
    assert_string_equal(PART("7", "11", "10", "5", "6"), "1");
    assert_string_equal(FIELD("L1"), "1");
    assert_string_equal(WHOLE("10", "1", "3", "4", "7"), "0"); /* 10 > 7, as numbers */
    assert_string_equal(FIELD("@v"), "10:1");
    assert_string_equal(FIELD("L2"), "4");
}

/* The pool's view of L1, and under it the web channel's. */
#define WITH_WEB(offset, pool, web)                                       \
    GUARD(KEYS(2, KEY, KEY ":web"), HEAD("7"),                            \
          HASH(offset, "", 5, "web", "L1", pool, "*", pool, "@c", "web"), \
          HASH(offset, "", 4, "", "L1", web, "*", web))
#define WITHOUT_WEB(offset, pool) \
    GUARD(KEYS(1, KEY), HEAD("7"), HASH(offset, "", 4, "", "L1", pool, "*", pool))

static void a_channels_hash_comes_and_goes_with_its_difference(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WITH_WEB("12", "5", "9"), "0");
    assert_string_equal(ASK("HGET", KEY ":web", "L1"), "9");
    assert_string_equal(ASK("HGET", KEY ":web", "@v"), "7:12");
    assert_string_equal(WITH_WEB("13", "5", "9"), "3"); /* nothing new */
    assert_string_equal(WITH_WEB("14", "5", "8"), "0"); /* of the channel alone */
    assert_string_equal(WITH_WEB("11", "1", "1"), "1"); /* older: neither of the two */
    assert_string_equal(ASK("HGET", KEY ":web", "L1"), "8");
    assert_string_equal(WITHOUT_WEB("15", "5"), "3");
    assert_string_equal(ASK("EXISTS", KEY ":web"), "0");
    assert_string_equal(FIELD("@c"), "(nil)");
    assert_string_equal(WITH_WEB("14", "5", "8"), "1"); /* an older writer brings it not back */
    assert_string_equal(ASK("EXISTS", KEY ":web"), "0");
    assert_string_equal(WITH_WEB("16", "5", "7"), "0");
    assert_string_equal(ASK("DEL", KEY ":web"), "1"); /* lost: a part does not stand on it */
    assert_string_equal(GUARD(KEYS(2, KEY, KEY ":web"), HEAD("7"),
                              HASH("17", "16", 5, "web", "L1", "4", "*", "4", "@c", "web"),
                              HASH("17", "16", 4, "", "L1", "6", "*", "6")),
                        "2");
}

static void versions_are_exact_beyond_doubles(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("9007199254740993", "18446744073709551615", "1", "1", "2"), "0");
    assert_string_equal(WHOLE("9007199254740992", "18446744073709551615", "5", "5", "10"), "1");
    assert_string_equal(WHOLE("9007199254740993", "18446744073709551614", "5", "5", "10"), "1");
    assert_string_equal(FIELD("L1"), "1");
}

static void a_part_stands_on_what_it_knows(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(PART("7", "12", "10", "1", "1"), "2"); /* nothing there */
    assert_string_equal(ASK("EXISTS", KEY), "0");
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    assert_string_equal(PART("7", "15", "12", "4", "6"), "0");
    assert_string_equal(FIELD("L1"), "4");
    assert_string_equal(FIELD("L2"), "2");
    assert_string_equal(FIELD("*"), "6");
    assert_string_equal(FIELD("@v"), "7:15");
    assert_string_equal(PART("7", "30", "20", "5", "7"),
                        "2"); /* it is older than the part believes: from a dump */
    assert_string_equal(PART("8", "1", "0", "5", "7"), "2"); /* of another log */
    assert_string_equal(FIELD("@v"), "7:15");
}

static void what_is_not_whole_is_never_shown_as_whole(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    ASK("HDEL", KEY, "L2");
    assert_string_equal(PART("7", "15", "12", "4", "6"), "2");
    assert_string_equal(FIELD("@v"), "(nil)"); /* a reader sees that */
    assert_string_equal(WHOLE("7", "15", "4", "2", "6"), "0");
    ASK("HSET", KEY, "gone", "9");
    assert_string_equal(WHOLE("7", "15", "4", "2", "6"), "0"); /* the same version, but a field too many */
    assert_string_equal(FIELD("gone"), "(nil)");
    ASK("HDEL", KEY, "@v");
    assert_string_equal(WHOLE("7", "15", "4", "2", "6"), "0");
    assert_string_equal(FIELD("@v"), "7:15");
    ASK("HSET", KEY, "@v", "nonsense");
    assert_string_equal(PART("7", "16", "15", "4", "6"), "2");
    ASK("SET", KEY, "no hash at all");
    assert_string_equal(WHOLE("7", "16", "4", "2", "6"), "0");
    assert_string_equal(FIELD("L2"), "2");
}

static void nothing_new_moves_the_version_and_tells_nobody(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    assert_string_equal(WHOLE("7", "20", "1", "2", "3"), "3");
    assert_string_equal(FIELD("@v"), "7:20");
    assert_string_equal(WHOLE("7", "21", "1", "1", "2"), "0");
}

static void every_key_of_a_call_is_judged_alone(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    assert_string_equal(GUARD(KEYS(2, KEY, KEY_2), HEAD("7"),
                              HASH("11", "", 5, "", "L1", "9", "L2", "9", "*", "18"),
                              HASH("11", "", 4, "", "L1", "6", "*", "6")),
                        "10");
    assert_string_equal(FIELD("L1"), "1");
    assert_string_equal(ASK("HGET", KEY_2, "*"), "6");
}

static void a_message_a_change(void **unused)
{
    REDIS_OR_SKIP;
    redisContext *listener = redisConnectUnix(server.socket);
    redisReply *r = redisCommand(listener, "SUBSCRIBE changes");
    static const char *const expected[] = {"S 7:12", "S 7:15"};

    freeReplyObject(r);
    WHOLE("7", "12", "1", "2", "3");
    WHOLE("7", "11", "1", "1", "2"); /* lost */
    WHOLE("7", "13", "1", "2", "3"); /* nothing new */
    PART("7", "15", "13", "4", "6");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(redisGetReply(listener, (void **)&r), REDIS_OK);
        assert_string_equal(r->element[2]->str, expected[i]);
        freeReplyObject(r);
    }
    redisFree(listener);
}

static void more_locations_than_fit_on_luas_stack(void **unused)
{
    REDIS_OR_SKIP;
    enum { ROWS = 9000, A_WORD = 1000 };
    const char *argv[WORDS_MOST] = {"EVAL", guard_script, "2", KEY, KEY_2, HEAD("7")};
    size_t n = 9;
    char name[16];

    argv[n++] = pack(ROWS / A_WORD, "12", "", ROWS + 3, "", (const char *const[]){"*", "9000", NULL});
    for (int i = 0; i < ROWS; i += A_WORD) {
        struct buffer *b = packed_new();
        for (int k = i; k < i + A_WORD; k++) {
            packed_text(b, (struct text){name, (size_t)sprintf(name, "L%d", k)});
            packed_text(b, TEXT("1"));
        }
        argv[n++] = b->at;
    }
    argv[n++] = HASH("12", "", 4, "", "L1", "6", "*", "6"); /* the next is found behind all these */
    assert_string_equal(ask(n, argv), "00");
    assert_string_equal(ASK("HLEN", KEY), "9003");
    assert_string_equal(FIELD("L8999"), "1");
    assert_string_equal(ASK("HGET", KEY_2, "L1"), "6");
    assert_string_equal(ask(n, argv), "33");
    ASK("HSET", KEY, "L8500", "2");
    assert_string_equal(ask(n, argv), "03");
    assert_string_equal(FIELD("L8500"), "1");
}

/* A channel's hash is left alone where its pool's was not written, and the next SKU's words are found. */
static void a_channel_behind_a_pool_that_lost_is_passed_over(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    assert_string_equal(GUARD(KEYS(3, KEY, KEY ":web", KEY_2), HEAD("7"),
                              HASH("11", "", 5, "web", "L1", "9", "*", "9", "@c", "web"),
                              HASH("11", "", 4, "", "L1", "6", "*", "6"),
                              HASH("11", "", 4, "", "L1", "8", "*", "8")),
                        "10");
    assert_string_equal(ASK("EXISTS", KEY ":web"), "0");
    assert_string_equal(ASK("HGET", KEY_2, "L1"), "8");
}

static void without_memory_nothing_is_half_done(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(WHOLE("7", "12", "1", "2", "3"), "0");
    ASK("CONFIG", "SET", "maxmemory", "1");
    assert_non_null(strstr(WHOLE("7", "13", "5", "5", "10"), "OOM"));
    assert_string_equal(FIELD("@v"), "7:12");
    assert_string_equal(FIELD("L1"), "1");
    ASK("CONFIG", "SET", "maxmemory", "0");
    assert_string_equal(WHOLE("7", "13", "5", "5", "10"), "0");
}

#define META(...) ASK("EVAL", meta_script, "2", "onhand:meta", "onhand:mark", __VA_ARGS__)

static void meta_belongs_to_the_cache_that_was_filled(void **unused)
{
    REDIS_OR_SKIP;
    assert_string_equal(META("mark-a"), "mark-a");
    assert_string_equal(META("mark-b"), "mark-a"); /* who comes second takes the first one's */
    assert_string_equal(META("mark-a", "7", "12", "1000", "3", "here:1"), "ok");
    assert_string_equal(ASK("HGET", "onhand:meta", "version"), "7:12");
    assert_string_equal(META("mark-a", "7", "9", "1000", "3", "there:1"), "older");
    assert_string_equal(META("mark-a", "6", "99", "1000", "3", "there:1"), "older");
    assert_string_equal(ASK("HGET", "onhand:meta", "engine"), "here:1");
    assert_string_equal(META("mark-a", "7", "12", "2000", "0", "here:1"), "ok"); /* still so */
    assert_string_equal(ASK("HGET", "onhand:meta", "at"), "2000");
    ASK("FLUSHALL");
    assert_string_equal(META("mark-a", "7", "13", "1000", "3", "here:1"), "lost");
    assert_string_equal(ASK("EXISTS", "onhand:meta"), "0");
    ASK("HSET", "onhand:meta", "version", "7:13"); /* the mark alone was thrown away */
    assert_string_equal(META("mark-c"), "mark-c");
    assert_string_equal(ASK("HGET", "onhand:meta", "version"), "(nil)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_whole_hash_has_everything, flush),
        cmocka_unit_test_setup(the_greater_version_wins_incarnation_first, flush),
        cmocka_unit_test_setup(a_channels_hash_comes_and_goes_with_its_difference, flush),
        cmocka_unit_test_setup(versions_are_exact_beyond_doubles, flush),
        cmocka_unit_test_setup(a_part_stands_on_what_it_knows, flush),
        cmocka_unit_test_setup(what_is_not_whole_is_never_shown_as_whole, flush),
        cmocka_unit_test_setup(nothing_new_moves_the_version_and_tells_nobody, flush),
        cmocka_unit_test_setup(every_key_of_a_call_is_judged_alone, flush),
        cmocka_unit_test_setup(a_message_a_change, flush),
        cmocka_unit_test_setup(more_locations_than_fit_on_luas_stack, flush),
        cmocka_unit_test_setup(a_channel_behind_a_pool_that_lost_is_passed_over, flush),
        cmocka_unit_test_setup(without_memory_nothing_is_half_done, flush),
        cmocka_unit_test_setup(meta_belongs_to_the_cache_that_was_filled, flush),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
