/* What the Redis sink asks and what it makes of answers: patience with a Redis in trouble, the scripts it
 * needs there, and whether it is still the one that was filled. */
#include "sinks/redis_internal.h"
#include "base/clock.h"
#include "base/logger.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define INFO_EVERY_US (INT64_C(1000) * 1000)
#define EVICT_REBUILD_US (INT64_C(5) * 1000 * 1000)

static const char guard_script[] = {
#include "redis_guard_bytes.h"
    '\0'};
static const char meta_script[] = {
#include "redis_meta_bytes.h"
    '\0'};

void redis_drop(struct redis_sink *s)
{
    redisAsyncContext *connection = s->connection;

    s->ready = false;
    s->connection = NULL;
    patience_pause(&s->patience);
    if (connection)
        redisAsyncFree(connection); /* calls back for all that was asked, now or after this callback */
}

/* ---- questions and answers ---- */

bool redis_send(struct redis_sink *s, redisCallbackFn *callback, void *context, size_t count,
                const char *const *argv, const size_t *lengths)
{
    const char **words = (const char **)(uintptr_t)argv; /* hiredis 0.14 forgot a const */

    if (!s->connection ||
        redisAsyncCommandArgv(s->connection, callback, context, (int)count, words, lengths) != REDIS_OK)
        return false;
    if (s->asked++ == 0)
        s->progress_us = clock_monotonic_us();
    return true;
}

static bool send_texts(struct redis_sink *s, redisCallbackFn *callback, size_t count, const char *const *argv)
{
    size_t lengths[8];

    for (size_t i = 0; i < count; i++)
        lengths[i] = strlen(argv[i]);
    return redis_send(s, callback, s, count, argv, lengths);
}

static bool begins(const redisReply *r, const char *word)
{
    return strncmp(r->str, word, strlen(word)) == 0;
}

static void on_error(struct redis_sink *s, const redisReply *reply)
{
    redis_add(&s->published.errors_total, 1);
    if (begins(reply, "NOSCRIPT")) {
        if (s->ready)
            redis_handshake(s);
        return;
    }
    trouble_say(&s->patience.trouble, "Redis says: %.180s", reply->str);
    patience_pause(&s->patience);
    if (begins(reply, "READONLY") || !s->ready)
        redis_drop(s); /* after a fail-over the same address may lead to another */
}

bool redis_answered(struct redis_sink *s, const redisReply *reply)
{
    s->asked--;
    if (!reply)
        return false;
    s->progress_us = clock_monotonic_us();
    if (reply->type == REDIS_REPLY_ERROR)
        on_error(s, reply);
    return reply->type != REDIS_REPLY_ERROR;
}

/* ---- handshake: the scripts, and whether this is the Redis that was filled ---- */

static bool text_answer(struct redis_sink *s, const redisReply *reply, char *ret, size_t size)
{
    if (!redis_answered(s, reply))
        return false;
    if (reply->type != REDIS_REPLY_STRING || (size_t)reply->len >= size) {
        trouble_say(&s->patience.trouble, "an answer that Redis does not give: is it one?");
        redis_drop(s);
        return false;
    }
    memcpy(ret, reply->str, (size_t)reply->len + 1);
    return true;
}

static void on_guard_sha(redisAsyncContext *connection, void *reply, void *context)
{
    struct redis_sink *s = context;
    text_answer(s, reply, s->guard_sha, sizeof(s->guard_sha));
}

static void on_meta_sha(redisAsyncContext *connection, void *reply, void *context)
{
    struct redis_sink *s = context;
    text_answer(s, reply, s->meta_sha, sizeof(s->meta_sha));
}

static void on_mark(redisAsyncContext *connection, void *reply, void *context)
{
    struct redis_sink *s = context;
    char mark[MARK_BYTES];

    if (!text_answer(s, reply, mark, sizeof(mark)))
        return;
    if (!s->take_over && (s->fresh || strcmp(mark, s->mark) != 0))
        redis_rebuild(s);
    memcpy(s->mark, mark, sizeof(mark));
}

/* The version of meta, "17:42", unless it is being rebuilt: the last record that is in. */
static bool place_read(const redisReply *reply, struct duty_place *ret)
{
    char *end = NULL;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING || reply->element[1]->type != REDIS_REPLY_NIL)
        return false;
    reply = reply->element[0];
    ret->incarnation = strtoull(reply->str, &end, 10);
    if (*end != ':')
        return false;
    ret->offset = strtoull(end + 1, &end, 10) + 1;
    return *end == '\0';
}

/* The lesser of what the log and what Redis says is in it, if both say something of the present log. */
static struct duty_place place_known(struct redis_sink *s, const redisReply *version)
{
    uint64_t incarnation = view_incarnation(s->snapshot.view);
    struct duty_place there, recorded;

    if (strcmp(s->mark, s->drawn) == 0 || !place_read(version, &there) || !s->duty.view ||
        !s->duty.recorded(s->duty.output, &recorded) || there.incarnation != incarnation ||
        recorded.incarnation != incarnation)
        return (struct duty_place){0};
    return there.offset < recorded.offset ? there : recorded;
}

static void on_version(redisAsyncContext *connection, void *answer, void *context)
{
    struct redis_sink *s = context;
    const redisReply *reply = answer;

    if (!redis_answered(s, reply))
        return;
    if (s->take_over)
        redis_take_over(s, place_known(s, reply));
    s->take_over = s->fresh = false;
    s->ready = true;
    redis_turn(s);
}

static void on_unsaid(redisAsyncContext *connection, void *reply, void *context)
{
    redis_answered(context, reply);
}

void redis_unsay_whole(struct redis_sink *s)
{
    const char *argv[] = {"HSET", s->meta_key, "rebuilding", "1"};

    send_texts(s, on_unsaid, 4, argv);
}

static void draw(char out[MARK_BYTES])
{
    unsigned char bytes[(MARK_BYTES - 1) / 2] = {0};

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
        int64_t now =
            clock_monotonic_us() ^ clock_wall_us(); /* no two marks need be unguessable, only different */
        memcpy(bytes, &now, sizeof(now));
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

void redis_handshake(struct redis_sink *s)
{
    draw(s->drawn);
    s->ready = false;
    const char *guard[] = {"SCRIPT", "LOAD", guard_script};
    const char *meta[] = {"SCRIPT", "LOAD", meta_script};
    const char *marked[] = {"EVAL", meta_script, "2", s->meta_key, s->mark_key, s->drawn};
    const char *version[] = {"HMGET", s->meta_key, "version", "rebuilding"};
    if (!send_texts(s, on_guard_sha, 3, guard) || !send_texts(s, on_meta_sha, 3, meta) ||
        !send_texts(s, on_mark, 6, marked) || !send_texts(s, on_version, 4, version))
        redis_drop(s);
}

/* ---- evicted keys ---- */

/* Redis does not tell which keys it threw away: all are gone over, though not all the time. */
static void on_info(redisAsyncContext *connection, void *answer, void *context)
{
    static const char field[] = "\nevicted_keys:";
    struct redis_sink *s = context;
    const redisReply *reply = answer;

    if (!redis_answered(s, reply) || reply->type != REDIS_REPLY_STRING)
        return;
    const char *at = strstr(reply->str, field);
    uint64_t evicted = at ? strtoull(at + strlen(field), NULL, 10) : 0;
    int64_t now = clock_monotonic_us();
    if (s->evicted_known && evicted != s->evicted && now - s->evict_rebuild_us < EVICT_REBUILD_US)
        return;
    if (s->evicted_known && evicted != s->evicted) {
        log_warning("redis: it throws keys away (maxmemory): writing everything again");
        s->evict_rebuild_us = now;
        redis_rebuild(s);
        redis_turn(s);
    }
    s->evicted = evicted;
    s->evicted_known = true;
}

void redis_ask_info(struct redis_sink *s, int64_t now)
{
    static const char *const argv[] = {"INFO", "stats"};

    if (!s->ready || now - s->info_us < INFO_EVERY_US)
        return;
    s->info_us = now;
    send_texts(s, on_info, 2, argv);
}
