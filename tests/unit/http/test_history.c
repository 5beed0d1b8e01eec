/* Histories and live changes over HTTP: another thread answers, or does not, or too late for anybody to care.
 */
#include "front.h"

#include "base/error.h"
#include "core/answer/notice.h"

#include <time.h>
#include <unistd.h>

/* ---- whoever keeps the history ---- */

static struct {
    pthread_mutex_t lock;
    struct history_question *asked; /* the one question at a time */
    int refuses;
} keeper = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int keeper_ask(void *context, struct history_question *q)
{
    pthread_mutex_lock(&keeper.lock);
    int error = keeper.refuses;
    if (!error)
        keeper.asked = q;
    pthread_mutex_unlock(&keeper.lock);
    return error;
}

static struct history_question *take_question(void)
{
    struct history_question *q = NULL;

    for (unsigned i = 0; i < 5000 && !q; i++) {
        pthread_mutex_lock(&keeper.lock);
        q = keeper.asked;
        keeper.asked = NULL;
        pthread_mutex_unlock(&keeper.lock);
        if (!q)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_non_null(q);
    return q;
}

static void answer(struct history_question *q, int status)
{
    q->status = status;
    q->incarnation = DESK_INCARNATION;
    q->applied_to = 3;
    q->lines = arena_alloc(&q->arena, sizeof(*q->lines));
    q->lines[0] = (struct history_line){.offset = 2,
                                        .event = 1,
                                        .sku = q->sku,
                                        .location = q->location,
                                        .type = arena_text(&q->arena, TEXT("sale")),
                                        .verdict = TEXT("applied"),
                                        .quantity = LIMIT_NONE,
                                        .was = {.on_hand = 5000},
                                        .now = {.on_hand = 3500},
                                        .occurred_at = 1,
                                        .appended_at = 2};
    q->count = 1;
    q->next_before = 77;
    q->done(q);
}

/* ---- the server ---- */

static int set_up(void **state)
{
    front_open(state);
    desk_say(&desk, "{\"id\":\"e1\",\"source\":\"t\",\"type\":\"receipt\",\"sku\":\"S\",\"location\":\"L\","
                    "\"quantity\":5,"
                    "\"occurred_at\":\"2026-11-21T10:00:00Z\"}");
    options.window = window_create(64);
    options.history = (struct history_port){.history = &keeper, .ask = keeper_ask};
    keeper.asked = NULL;
    keeper.refuses = 0;
    front_start();
    return 0;
}

static int tear_down(void **state)
{
    front_stop(100);
    front_tear_down(state);
    window_destroy((struct window *)(uintptr_t)options.window);
    return 0;
}

static struct talk say(const char *target)
{
    struct talk t = talk_to(http_address(server));
    char request[400];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    talk_say(&t, request);
    return t;
}

#define TARGET "/v1/rows/S/L/history"

static void the_answer_of_another_thread_comes_back(void **state)
{
    struct talk t = say(TARGET "?limit=7&after=99&from=2026-11-21T00:00:00Z");
    struct history_question *q = take_question();

    assert_true(text_equal(q->sku, TEXT("S")) && text_equal(q->location, TEXT("L")));
    assert_int_equal(q->limit, 7);
    assert_int_equal(q->before, 99);
    assert_true(q->from == INT64_C(1795219200000000) && q->to == INSTANT_NONE);
    answer(q, 0);
    struct answer a = talk_answer(&t, false);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"type\":\"sale\",\"quantity\":null,\"verdict\":\"applied\""));
    assert_non_null(strstr(a.body, "\"before\":{\"on_hand\":5,"));
    assert_non_null(strstr(a.body, "\"after\":{\"on_hand\":3.5,"));
    assert_non_null(strstr(a.body, "\"next\":\"77\""));
    answer_free(&a);
    talk_say(&t, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); /* and the connection goes on */
    a = talk_answer(&t, false);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    talk_end(&t);
}

#define PAST "/v1/rows/S/L/explain?version=1795219200000042:1"

static void refused(struct history_question *q)
{
    q->incarnation = DESK_INCARNATION;
    q->applied_to = 3;
    q->lines = arena_zalloc(&q->arena, sizeof(*q->lines));
    q->lines[0] = (struct history_line){.offset = 2,
                                        .sku = q->sku,
                                        .location = q->location,
                                        .type = TEXT("reserve"),
                                        .verdict = TEXT("rejected"),
                                        .verdict_reason = TEXT("insufficient"),
                                        .reservation = TEXT("r-1"),
                                        .quantity = 6000,
                                        .is_refused = true,
                                        .refusal = {.bound = BOUND_SET_ASIDE,
                                                    .requested = 6000,
                                                    .available = 3000,
                                                    .on_hand = 10000,
                                                    .reserved = 2000,
                                                    .safety_stock = 1000,
                                                    .n = 7000,
                                                    .pool = 3000,
                                                    .max_per_line = LIMIT_NONE,
                                                    .required_at = INSTANT_NONE},
                                        .occurred_at = 1,
                                        .appended_at = 2};
    q->count = 1;
    q->done(q);
}

static void a_refusal_of_the_past_is_explained(void **state)
{
    struct talk t = say(PAST);
    struct history_question *q = take_question();

    assert_true(q->of_record && q->offset == 1);
    refused(q);
    struct answer a = talk_answer(&t, false);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"version\":\"1795219200000042:1\""));
    assert_non_null(
        strstr(a.body, "\"refusal\":{\"bounded_by\":\"set_aside\",\"detail\":\"the rest is set aside"));
    assert_non_null(
        strstr(a.body, "\"requested\":6,\"available\":3,\"backorder_limit\":0,\"max_per_line\":null"));
    assert_non_null(strstr(a.body, "{\"name\":\"on_hand\",\"value\":10,"));
    assert_non_null(strstr(a.body, "{\"name\":\"set_aside\",\"value\":-4,"));
    assert_non_null(strstr(a.body, "{\"name\":\"available\",\"value\":3,"));
    answer_free(&a);
    talk_end(&t);
}

static void what_the_history_does_not_have_is_said(void **state)
{
    struct talk t = say(PAST);
    struct history_question *q = take_question();

    q->incarnation = DESK_INCARNATION;
    q->complete_from = 3;
    q->applied_to = 9;
    q->done(q);
    struct answer a = talk_answer(&t, false);
    assert_int_equal(a.status, 404);
    assert_non_null(strstr(a.body, "complete from 1795219200000042:3 on"));
    answer_free(&a);
    talk_end(&t);
    static const struct {
        const char *query, *said;
        unsigned status;
    } all[] = {{"version=x", "must be a version", 400},
               {"version=1795219200000042:2&channel=web", "stands alone", 400},
               {"version=1795219200000042:99", "still to come", 404},
               {"version=7:1", "of another log", 404}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char target[120];
        snprintf(target, sizeof(target), "/v1/rows/S/L/explain?%s", all[i].query);
        expect(get(target), all[i].status, all[i].said);
    }
}

static void others_are_answered_meanwhile(void **state)
{
    struct talk waiting = say(TARGET);
    struct history_question *q = take_question();

    expect_status(get("/v1/availability/S"), 200);
    answer(q, ERROR_UNAVAILABLE);
    struct answer a = talk_answer(&waiting, false);
    assert_int_equal(a.status, 503);
    answer_free(&a);
    talk_end(&waiting);
}

static void an_answer_that_nobody_waits_for_is_dropped(void **state)
{
    struct talk t = say(TARGET);
    struct history_question *q = take_question();

    close(t.fd); /* with unread input the peer is gone at once; the loop notices in its own time */
    t.fd = -1;
    struct answer a = get("/healthz");
    answer_free(&a);
    answer(q, 0);
    expect_status(get("/healthz"), 200);
    buffer_finish(&t.in);
}

static void an_answer_that_comes_when_the_server_is_gone_is_dropped(void **state)
{
    struct talk t = say(TARGET);
    struct history_question *q = take_question();

    front_stop(50);
    answer(q, 0);
    assert_true(talk_ended(&t));
    talk_end(&t);
    front_start();
}

static void a_full_history_says_so(void **state)
{
    keeper.refuses = ERROR_BUSY;
    expect_status(get(TARGET), 429);
    keeper.refuses = ERROR_UNAVAILABLE;
    expect_status(get(TARGET), 503);
    expect_status(get("/v1/rows/S/ELSEWHERE/history"), 404);
    expect_status(post_as(TARGET, "Content-Length: 0\r\n", NULL), 405);
}

static void add_row(struct window *w, uint64_t offset, const char *sku, milli_t was, milli_t now)
{
    struct sku *s = table_find(desk.state->table, text_of(sku));
    struct outcome_change c = {.sku = s,
                               .was = {.sellable = was, .free = was},
                               .now = {.sellable = now, .free = now},
                               .reorder_point = LIMIT_NONE};
    const struct outcome o = {.changes = &c, .changes_count = 1};

    assert_non_null(s);
    notices_add(w, desk.state, &(struct record){.kind = RECORD_EVENTS}, &o, offset);
}

/* A listener hears what is shown, and its stream ends with the server. */
static void a_listener_hears_what_is_shown(void **state)
{
    struct window *w = (struct window *)(uintptr_t)options.window;
    struct talk t = say("/v1/changes?sku=S");
    char bytes[4096] = "";
    size_t length = 0;
    bool added = false;

    window_show(w, 2);
    while (length < sizeof(bytes) - 1) {
        ssize_t n = read(t.fd, bytes + length, sizeof(bytes) - 1 - length);
        assert_true(n > 0);
        length += (size_t)n;
        bytes[length] = 0;
        if (strstr(bytes, "retry:") && !added) {
            add_row(w, 2, "S", 5000, 7000);
            window_show(w, 3);
            added = true;
        }
        if (strstr(bytes, "\"available\":7,\"previous\":5"))
            break;
    }
    assert_non_null(strstr(bytes, "text/event-stream"));
    assert_non_null(strstr(bytes, "id: 1795219200000042:2\n"));
    front_stop(1000);
    while (read(t.fd, bytes, sizeof(bytes)) > 0)
        ;
    close(t.fd);
    buffer_finish(&t.in);
    front_start();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_answer_of_another_thread_comes_back),
        TEST(a_refusal_of_the_past_is_explained),
        TEST(what_the_history_does_not_have_is_said),
        TEST(others_are_answered_meanwhile),
        TEST(an_answer_that_nobody_waits_for_is_dropped),
        TEST(an_answer_that_comes_when_the_server_is_gone_is_dropped),
        TEST(a_full_history_says_so),
        TEST(a_listener_hears_what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
