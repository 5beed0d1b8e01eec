/* What the engine promises, for a program that computes the same in another way (promise_check.py). A desk
 * with its server, whose log has the time that it is told. usage: promise_probe NOW (seconds); stdin: a
 * command a line, its words tab-separated; for each of the last two a line of answer:
 *
 *     now SECONDS                           log time from here on; it never goes back
 *     say METHOD PATH BODY                  a request; ends the program when it is not taken
 *     ask BODY                              POST /v1/promises: the answer's body
 *     year LOCATION METHOD LATITUDE LONGITUDE FIRST STEP COUNT SKU QUANTITY…
 *
 * `year` asks for one place and method at each of so many instants (seconds; angles and quantities as the
 * engine has them), in process, and tells the answer where it is another than the last: its number, when it
 * is ready, its required_at, and where each line comes from, with when it leaves and arrives. */
#include "../unit/http/front.h"

#include "base/arena.h"
#include "core/answer/promises.h"

enum { WORDS_MOST = 64, ANSWER_BYTES = 2000 };

struct words {
    int count;
    char *at[WORDS_MOST];
};

static void give_up(const char *why, const char *about)
{
    fprintf(stderr, "promise_probe: %s: %s\n", why, about);
    exit(2);
}

static struct words words_of(char *line)
{
    struct words w = {0};

    line[strcspn(line, "\n")] = '\0';
    for (char *word; w.count < WORDS_MOST && (word = strsep(&line, "\t"));)
        w.at[w.count++] = word;
    return w;
}

/* ---- requests ---- */

static struct answer ask_on(struct talk *t, const char *method, const char *target, const char *body)
{
    struct buffer b = {0};

    buffer_printf(&b, "%s %s HTTP/1.1\r\nHost: onhand\r\n" JSON "Content-Length: %zu\r\n\r\n", method, target,
                  strlen(body));
    buffer_add(&b, body, strlen(body));
    talk_send(t, b.at, b.length);
    buffer_finish(&b);
    return talk_answer(t, false);
}

static void say(struct talk *t, const struct words *w)
{
    struct answer a = ask_on(t, w->at[1], w->at[2], w->at[3]);

    if (a.status < 200 || a.status > 299 || strstr(a.body, "\"rejected\":1"))
        give_up(w->at[3], a.body ? a.body : "no answer");
    answer_free(&a);
}

static void put_asked(struct talk *t, const char *body)
{
    struct answer a = ask_on(t, "POST", "/v1/promises", body);

    if (a.status != 200)
        give_up(body, a.body ? a.body : "no answer");
    puts(a.body);
    answer_free(&a);
}

/* ---- a year of instants, in process ---- */

static size_t put_seconds(char *out, const char *before, instant_t at)
{
    return (size_t)(at == INSTANT_NONE ? sprintf(out, "%s-", before)
                                       : sprintf(out, "%s%ld", before, at / INSTANT_SECOND));
}

static void write_option(const struct basket *b, const struct promise_option *o, char *out)
{
    out += put_seconds(out, "", o->readiness.ready_at);
    out += put_seconds(out, " ", o->required_at);
    for (size_t i = 0; i < b->items_count; i++) {
        const struct line_source *s = &o->source[i];
        out += sprintf(out, " %.*s", (int)s->location->id.length, s->location->id.at);
        if (s->lane) {
            out += put_seconds(out, ">", s->transit.leaves_at);
            out += put_seconds(out, ">", s->transit.arrives_at);
        }
    }
}

/* As http/promises.c looks at one place. */
static void write_answer(struct basket *b, const struct location *l, enum method m,
                         const struct lane_found *lanes, size_t lanes_count, char *out)
{
    struct promise_option o;
    double distance;
    bool whole = promise_offered(b, l, m, &distance) && promise_is_whole(b, l, m);

    strcpy(out, "-");
    if (promise_option(b, l, m, lanes, whole ? 0 : lanes_count, &o))
        write_option(b, &o, out);
}

static void put_year(struct words *w)
{
    static struct lane_found lanes[LANES_FOUND_MOST];
    struct basket_line lines[BASKET_LINES_MOST];
    struct promise_ask ask = {.view = &desk.view, .lines = lines};
    const struct location *l = catalogue_location(desk.view.catalogue, text_of(w->at[1]));
    enum method m = (enum method)(1 << atoi(w->at[2]));
    int64_t first = atol(w->at[5]), step = atol(w->at[6]), count = atol(w->at[7]);
    char before[ANSWER_BYTES] = "", now[ANSWER_BYTES];
    struct arena arena = {0};

    if (!l)
        give_up("no such location", w->at[1]);
    ask.has_point = *w->at[3];
    ask.latitude_e7 = atoi(w->at[3]);
    ask.longitude_e7 = atoi(w->at[4]);
    for (int i = 8; i + 1 < w->count && ask.lines_count < BASKET_LINES_MOST; i += 2)
        lines[ask.lines_count++] = (struct basket_line){text_of(w->at[i]), atol(w->at[i + 1])};
    size_t lanes_count = promise_lanes(&ask, &l->number, 1, lanes, LANES_FOUND_MOST);
    for (int64_t k = 0; k < count; k++) {
        struct basket b;
        arena_reset(&arena);
        ask.ordered_at = (first + k * step) * INSTANT_SECOND;
        if (basket_prepare(&ask, &arena, &b))
            give_up("no such basket", w->at[8]);
        write_answer(&b, l, m, lanes, lanes_count, now);
        if (strcmp(now, before))
            printf("%ld=%s;", k, now);
        strcpy(before, now);
    }
    putchar('\n');
    arena_finish(&arena);
}

int main(int count, char **arguments)
{
    char *line = NULL;
    size_t capacity = 0;

    if (count != 2)
        give_up("usage", "promise_probe NOW");
    desk_start_at(&desk, atol(arguments[1]) * INSTANT_SECOND);
    front_start();
    struct talk talk = talk_to(http_address(server));
    struct epoch_reader *reader = epoch_register(desk.view.epoch);
    while (getline(&line, &capacity, stdin) > 0) {
        struct words w = words_of(line);
        if (!strcmp(w.at[0], "now")) {
            desk.now_us = atol(w.at[1]) * INSTANT_SECOND; /* nobody else is at the desk now */
        } else if (!strcmp(w.at[0], "say")) {
            say(&talk, &w);
        } else if (!strcmp(w.at[0], "ask")) {
            put_asked(&talk, w.at[1]);
        } else {
            epoch_enter(reader);
            put_year(&w);
            epoch_exit(reader);
        }
    }
    free(line);
    talk_end(&talk);
    epoch_unregister(reader);
    front_tear_down(NULL);
    return 0;
}
