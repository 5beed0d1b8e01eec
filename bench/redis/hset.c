/* The peer of the Redis sink: the same figures by unguarded HSETs, pipelined, on one connection.
 *
 *   hset SOCKET SKUS LOCATIONS row|sku     prints the seconds it took; `row`: one HSET a row, `sku`: one HSET
 * with all its rows */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT = 512, LOCATIONS_MOST = 64, TEXT = 48 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take_replies(redisContext *c, unsigned *waiting, unsigned until)
{
    for (; *waiting > until; --*waiting) {
        void *reply = NULL;
        if (redisGetReply(c, &reply) != REDIS_OK) {
            fprintf(stderr, "%s\n", c->errstr);
            exit(1);
        }
        freeReplyObject(reply);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return fprintf(stderr, "usage: hset SOCKET SKUS LOCATIONS row|sku\n"), 2;
    redisContext *c = redisConnectUnix(argv[1]);
    unsigned skus = (unsigned)atoi(argv[2]), locations = (unsigned)atoi(argv[3]), waiting = 0;
    unsigned fields = strcmp(argv[4], "sku") == 0 ? locations : 1;
    char text[2 + 2 * LOCATIONS_MOST][TEXT] = {"HSET"};
    const char *parts[2 + 2 * LOCATIONS_MOST];
    size_t lengths[2 + 2 * LOCATIONS_MOST];

    if (!c || c->err || locations == 0 || locations > LOCATIONS_MOST)
        return fprintf(stderr, "%s\n", c && c->err ? c->errstr : "1 to 64 locations"), 1;
    for (unsigned i = 0; i < 2 + 2 * fields; i++)
        parts[i] = text[i];
    double began = now_s();
    for (unsigned s = 0; s < skus; s++) {
        snprintf(text[1], TEXT, "onhand:a:{SKU-%u}", s);
        for (unsigned from = 0; from < locations; from += fields) {
            for (unsigned i = 0; i < fields; i++) {
                snprintf(text[2 + 2 * i], TEXT, "store-%02u", from + i);
                snprintf(text[3 + 2 * i], TEXT, "%u", (s + from + i) % 100);
            }
            for (unsigned i = 0; i < 2 + 2 * fields; i++)
                lengths[i] = strlen(text[i]);
            redisAppendCommandArgv(c, (int)(2 + 2 * fields), parts, lengths);
            if (++waiting == IN_FLIGHT)
                take_replies(c, &waiting, IN_FLIGHT / 2);
        }
    }
    take_replies(c, &waiting, 0);
    printf("%.3f\n", now_s() - began);
    redisFree(c);
    return 0;
}
