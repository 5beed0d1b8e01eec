/* What a channel is shown is what it is granted: answers and judgements about the same rows. */
#include "../model/reserving.h"

#include "core/answer/query.h"

enum { RANDOM_STORIES = 150, STEPS = 40 };
static const char *const channels[] = {"web", "marketplace", "store"};

static void look(const struct world *w, struct view *v)
{
    *v = (struct view){.epoch = w->epoch,
                       .table = w->state->table,
                       .catalogue = w->state->catalogue,
                       .reservations = w->state->reservations,
                       .places = &w->state->places};
}

static struct question question_of(const struct world *w, const char *channel)
{
    const struct catalogue *c = w->state->catalogue;
    return (struct question){.channel = channel ? catalogue_channel(c, text_of(channel)) : NULL,
                             .now = w->state->log_time,
                             .supply_grace_us = w->state->settings.supply_grace_us};
}

static struct figure figure_for(const struct world *w, const char *sku, const char *place,
                                const struct question *q)
{
    struct view v;
    struct query_row row;
    milli_t total;
    look(w, &v);
    query_locations(&v, table_find(v.table, text_of(sku)), q,
                    &catalogue_location(v.catalogue, text_of(place))->number, 1, &row, &total);
    return row.figure;
}

static milli_t sees(const struct world *w, const char *channel)
{
    struct question q = question_of(w, channel);
    return figure_for(w, "SKU-1", "L1", &q).available;
}

static milli_t sees_by(const struct world *w, const char *channel, instant_t by)
{
    struct question q = question_of(w, channel);
    q.at = by;
    return figure_for(w, "SKU-1", "L1", &q).available;
}

static void put_channel(struct world *w, const char *id, const struct rule *rules, uint32_t count)
{
    put_the_channel(
        w, (struct channel){.id = text_of(id), .rules_count = count, .rules = rules, .low_threshold = U(2)});
}

static void stocked(struct world *w, milli_t q)
{
    world_open(w);
    expect_verdict(w, counted(at(8, 0), BASIS_PHYSICAL, q), APPLIED);
    for (int i = 0; i < 3; i++)
        put_channel(w, channels[i], NULL, 0);
}

static struct event set_aside(int hour, const char *channel, milli_t q)
{
    return allocation(at(hour, 0), ALLOCATION_SET, channel, q, NULL);
}

static struct event limit_of(int hour, uint32_t has, milli_t safety_stock, milli_t backorder)
{
    struct event e = event_of(EVENT_SETTING, at(hour, 0));
    e.has |= has;
    e.safety_stock = safety_stock;
    e.backorder_limit = backorder;
    return e;
}

static void model_what_the_marketplace_holds_both_see(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, limit_of(8, HAS(safety_stock), U(10), 0), APPLIED);
    expect_verdict(&w, set_aside(9, "marketplace", U(30)), APPLIED);
    assert_int_equal(sees(&w, "web"), U(60));
    assert_int_equal(sees(&w, NULL), U(60));
    assert_int_equal(sees(&w, "marketplace"), U(90));
    expect_applied(&w, for_channel(reserve("m-1", U(40)), "marketplace"));
    assert_int_equal(sees(&w, "web"), U(50));
    assert_int_equal(sees(&w, "marketplace"), U(50));
    expect_applied(&w, ask_of(STEP_RELEASE, "m-1"));
    assert_int_equal(sees(&w, "web"), U(60));
    assert_int_equal(sees(&w, "marketplace"), U(90));
    expect_verdict(&w, counted(at(10, 0), BASIS_PHYSICAL, U(25)), APPLIED);
    assert_int_equal(sees(&w, "web"), 0);
    assert_int_equal(sees(&w, "marketplace"), U(15));
    expect_refused(&w, for_channel(reserve("m-2", U(16)), "marketplace"), INSUFFICIENT);
    expect_verdict(&w, limit_of(11, HAS(backorder_limit), 0, U(5)), APPLIED);
    expect_refused(&w, for_channel(reserve("m-2", U(21)), "marketplace"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("m-2", U(20)), "marketplace"));
    world_close(&w);
}

static void model_backorder_of_the_web_leaves_the_marketplace_its_own(void **unused)
{
    struct world w;
    stocked(&w, U(30));
    expect_verdict(&w, set_aside(9, "marketplace", U(30)), APPLIED);
    expect_verdict(&w, limit_of(9, HAS(backorder_limit), 0, U(5)), APPLIED);
    expect_refused(&w, for_channel(reserve("w-1", U(6)), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("w-1", U(5)), "web"));
    expect_refused(&w, for_channel(reserve("w-2", U(1)), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("m-1", U(30)), "marketplace"));
    world_close(&w);
}

static void model_a_promise_for_today_never_eats_an_earlier_one(void **unused)
{
    struct world w;
    stocked(&w, U(10));
    const instant_t day = DAY_ZERO;
    expect_verdict(&w, inbound(at(9, 0), "PO-1", U(5), day + 2 * INSTANT_DAY, NULL), APPLIED);
    expect_verdict(&w, inbound(at(9, 0), "PO-2", U(20), day + 6 * INSTANT_DAY, NULL), APPLIED);
    struct event later = order(EVENT_ORDER_PLACED, at(9, 0), "O-1", U(12));
    later.has |= HAS(required_at);
    later.required_at = day + 4 * INSTANT_DAY;
    expect_verdict(&w, later, APPLIED);
    assert_int_equal(sees(&w, NULL), U(3));
    assert_int_equal(sees_by(&w, NULL, day + 2 * INSTANT_DAY), U(3));
    assert_int_equal(sees_by(&w, NULL, day + 4 * INSTANT_DAY), U(3));
    assert_int_equal(sees_by(&w, NULL, day + 6 * INSTANT_DAY), U(23));
    expect_refused(&w, reserve("r-1", U(4)), INSUFFICIENT);
    struct ask on_day_6 = reserve("r-2", U(20));
    on_day_6.said.required_at = day + 6 * INSTANT_DAY;
    expect_applied(&w, on_day_6);
    expect_applied(&w, reserve("r-1", U(3)));
    assert_int_equal(sees(&w, NULL), 0);
    world_close(&w);
}

static void case_19_each_channel_its_own_place(void **unused)
{
    struct world w;
    stocked(&w, 0);
    expect_verdict(&w, with_location(counted(at(8, 0), BASIS_PHYSICAL, U(10)), "L2"), APPLIED);
    const struct rule not_there[2] = {
        {.place = {NARROWED_BY_NAME, TEXT("L2")}, .sets = RULE_SETS_ENABLED, .enabled = false},
        {.place = {NARROWED_BY_NAME, TEXT("L1")}, .sets = RULE_SETS_ENABLED, .enabled = false}};
    put_channel(&w, "web", &not_there[0], 1);
    put_channel(&w, "marketplace", &not_there[1], 1);
    struct question a = question_of(&w, "web"), b = question_of(&w, "marketplace");
    assert_int_equal(figure_for(&w, "SKU-1", "L1", &a).level, LEVEL_OUT_OF_STOCK);
    assert_int_equal(figure_for(&w, "SKU-1", "L2", &a).level, LEVEL_OUT_OF_STOCK);
    assert_int_equal(figure_for(&w, "SKU-1", "L2", &b).level, LEVEL_IN_STOCK);
    expect_refused(&w, for_channel(reserve_at("r-1", "SKU-1", U(1), "L2"), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve_at("r-1", "SKU-1", U(1), "L2"), "marketplace"));
    world_close(&w);
}

static void case_27_a_hold_of_the_web_takes_its_own(void **unused)
{
    struct world w;
    stocked(&w, U(50));
    expect_verdict(&w, set_aside(9, "web", U(10)), APPLIED);
    expect_verdict(&w, allocation(at(9, 5), ALLOCATION_MOVE, "web", U(2), "marketplace"), APPLIED);
    expect_applied(&w, for_channel(reserve("w-1", U(3)), "web"));
    assert_int_equal(world_promise(&w, "web").fenced, U(5));
    assert_int_equal(world_promise(&w, NULL).pool, U(40));
    world_close(&w);
}

static void case_37_yesterdays_hold_is_given_back_to_the_pool(void **unused)
{
    struct world w;
    stocked(&w, U(100));
    expect_verdict(&w, set_aside(9, "marketplace", U(30)), APPLIED);
    expect_applied(&w, for_channel(reserve("m-1", U(20)), "marketplace"));
    expect_applied(&w, for_channel(reserve("m-2", U(10)), "marketplace"));
    expect_verdict(&w, set_aside(11, "marketplace", U(30)), APPLIED);
    milli_t pool = world_promise(&w, NULL).pool;
    expect_applied(&w, ask_of(STEP_RELEASE, "m-2"));
    assert_int_equal(world_promise(&w, NULL).pool, pool + U(10));
    assert_int_equal(world_promise(&w, "marketplace").fenced, U(30));
    world_close(&w);
}

static void case_43_what_is_held_back_is_not_granted(void **unused)
{
    const struct rule buffer = {.sets = 1u << RULE_BUFFER, .value[RULE_BUFFER] = U(3)};
    struct world w;
    stocked(&w, U(10));
    put_channel(&w, "web", &buffer, 1);
    assert_int_equal(sees(&w, "web"), U(7));
    assert_int_equal(sees(&w, NULL), U(10));
    expect_refused(&w, for_channel(reserve("w-1", U(10)), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("w-1", U(7)), "web"));
    world_close(&w);
}

static void one_line_has_at_most_so_many(void **unused)
{
    const struct rule two = {.sets = 1u << RULE_MAX_PER_LINE, .value[RULE_MAX_PER_LINE] = U(2)};
    struct world w;
    stocked(&w, U(10));
    put_channel(&w, "*", &two, 1);
    assert_int_equal(sees(&w, "web"), U(10)); /* bounds what is granted, not what is shown */
    expect_refused(&w, for_channel(reserve("w-1", U(3)), "web"), MAX_PER_LINE);
    expect_applied(&w, for_channel(reserve("w-1", U(2)), "web"));
    world_close(&w);
}

/* ---- past its own holds ---- */

static milli_t sees_past(const struct world *w, const char *first, const char *second)
{
    static struct left_out_set past;
    const struct text ids[] = {text_of(first), text_of(second)};
    static const char *const places[] = {"L1", "L2"};
    struct view v;
    milli_t total = 0;
    look(w, &v);
    left_out_read(&v, ids, second ? 2 : first ? 1 : 0, &past);
    struct question q = question_of(w, NULL);
    q.left_out = &past;
    for (int i = 0; i < 2; i++)
        total += figure_for(w, "SKU-1", places[i], &q).available;
    assert_true(left_out_holds(&v, &past));
    return total;
}

static void case_10_a_basket_sees_past_its_own_holds(void **unused)
{
    struct world w;
    stocked(&w, U(4));
    expect_verdict(&w, with_location(counted(at(8, 0), BASIS_PHYSICAL, U(3)), "L2"), APPLIED);
    assert_int_equal(sees_past(&w, NULL, NULL), U(7));
    struct ask both = reserve("r-1", U(2));
    ask_line(&both, "SKU-1", U(1), "L2");
    expect_applied(&w, both);
    expect_applied(&w, reserve("r-2", U(2)));
    assert_int_equal(sees_past(&w, NULL, NULL), U(2));
    assert_int_equal(sees_past(&w, "r-1", NULL), U(5));
    assert_int_equal(sees_past(&w, "r-2", NULL), U(4));
    assert_int_equal(sees_past(&w, "r-1", "r-2"), U(7));
    assert_int_equal(sees_past(&w, "nobody", NULL), U(2));
    world_close(&w);
}

static void a_change_between_is_noticed(void **unused)
{
    static struct left_out_set past;
    const struct text id = TEXT("r-1");
    struct view v;
    struct world w;
    stocked(&w, U(4));
    look(&w, &v);
    left_out_read(&v, &id, 1, &past);
    assert_true(left_out_holds(&v, &past));
    expect_applied(&w, reserve("r-1", U(2)));
    assert_false(left_out_holds(&v, &past)); /* nobody knew it, and now it is there */
    left_out_read(&v, &id, 1, &past);
    assert_true(left_out_holds(&v, &past));
    expect_applied(&w, ask_of(STEP_RELEASE, "r-1"));
    assert_false(left_out_holds(&v, &past));
    world_close(&w);
}

/* ---- kits ---- */

/* What a component took of what is set aside goes back there, not to the pool. */
static void a_kits_own_hold_goes_back_to_the_fence(void **unused)
{
    static struct left_out_set past;
    struct world w;
    struct view v;
    const struct text id = TEXT("r-1");
    struct component parts[] = {{TEXT("SKU-1"), U(2)}};
    stocked(&w, U(10));
    put_the_item(
        &w, "KIT",
        (struct item){.step = 1, .release_at = INSTANT_NONE, .components_count = 1, .components = parts});
    expect_verdict(&w, allocation(at(9, 0), ALLOCATION_SET, "web", U(6), NULL), APPLIED);
    expect_applied(&w, for_channel(reserve_at("r-1", "KIT", U(2), "L1"), "web"));
    struct question pool = question_of(&w, NULL), web = question_of(&w, "web");
    assert_int_equal(figure_for(&w, "SKU-1", "L1", &pool).available, U(4));
    look(&w, &v);
    left_out_read(&v, &id, 1, &past);
    pool.left_out = web.left_out = &past;
    assert_int_equal(figure_for(&w, "SKU-1", "L1", &pool).available, U(4));
    assert_int_equal(figure_for(&w, "SKU-1", "L1", &web).available, U(10));
    assert_int_equal(figure_for(&w, "KIT", "L1", &web).available, U(5));
    world_close(&w);
}

static void kits_are_the_least_over_their_components(void **unused)
{
    struct component parts[] = {{TEXT("SKU-1"), U(2)}, {TEXT("SKU-2"), U(1)}};
    const struct rule rules[] = {
        {.item = {NARROWED_BY_NAME, TEXT("SKU-1")}, .sets = 1u << RULE_BUFFER, .value[RULE_BUFFER] = U(3)},
        {.item = {NARROWED_BY_NAME, TEXT("SKU-2")}, .sets = 1u << RULE_CAP, .value[RULE_CAP] = U(1)},
        {.item = {NARROWED_BY_NAME, TEXT("SET")}, .sets = 1u << RULE_CAP, .value[RULE_CAP] = U(2)}};
    struct world w;
    stocked(&w, U(11));
    expect_verdict(&w, with_sku(counted(at(8, 0), BASIS_PHYSICAL, U(4)), "SKU-2"), APPLIED);
    put_the_item(
        &w, "SET",
        (struct item){.step = 1, .release_at = INSTANT_NONE, .components_count = 2, .components = parts});
    struct question pool = question_of(&w, NULL);
    assert_int_equal(figure_for(&w, "SET", "L1", &pool).available, U(4));
    put_channel(&w, "web", rules, 3);
    struct question web = question_of(&w, "web");
    struct figure f = figure_for(&w, "SET", "L1", &web);
    assert_int_equal(f.available, U(2));
    assert_int_equal(f.grantable, U(4)); /* (11 − 3) / 2 */
    expect_refused(&w, for_channel(reserve_at("r-1", "SET", U(5), "L1"), "web"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve_at("r-1", "SET", U(4), "L1"), "web"));
    assert_int_equal(sees(&w, NULL), U(3));
    expect_verdict(&w, with_sku(inbound(at(9, 0), "PO-1", U(10), at(20, 0), NULL), "SKU-2"), APPLIED);
    expect_verdict(&w, inbound(at(9, 0), "PO-2", U(10), at(22, 0), NULL), APPLIED);
    pool = question_of(&w, NULL);
    pool.at = at(21, 0);
    assert_int_equal(figure_for(&w, "SET", "L1", &pool).available, U(1)); /* 3 of SKU-1 */
    pool.at = at(23, 0);
    assert_int_equal(figure_for(&w, "SET", "L1", &pool).available, U(6));
    world_close(&w);
}

/* ---- shown is granted ---- */

static struct rule random_rule(struct world *w, unsigned *seed)
{
    struct rule r = {0};
    for (enum rule_field f = 0; f < RULE_FIELDS; f++)
        if (rand_r(seed) % 3 == 0 && f != RULE_MAX_PER_LINE && f != RULE_CAP) {
            r.sets |= 1u << f;
            r.value[f] = f == RULE_BUFFER_PERCENT ? rand_r(seed) % 30000 : rand_r(seed) % 4000;
        }
    if (rand_r(seed) % 8 == 0) {
        r.sets |= RULE_SETS_ENABLED;
        r.enabled = false;
        r.place = (struct narrowing){NARROWED_BY_NAME, rand_r(seed) % 2 ? TEXT("L1") : TEXT("L2")};
    }
    return r;
}

static enum verdict put_place(struct world *w, const char *source)
{
    const struct text sources[] = {text_of(source)};
    const struct location l = {.enabled = true,
                               .registered = true,
                               .stale_after_us = 60 * INSTANT_MINUTE,
                               .sources_count = source[0] != '\0',
                               .sources = sources};
    struct record r = {
        .kind = RECORD_LOCATION,
        .reference = {.id = TEXT("L1"), .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = &l}};
    assert_int_equal(world_record(w, &r), 0);
    return (enum verdict)w->outcome.verdicts[0].verdict;
}

static void fall_silent(struct world *w)
{
    instant_t heard = places_heard(&w->state->places, 0);
    w->now = heard + 60 * INSTANT_MINUTE > w->now ? heard + 60 * INSTANT_MINUTE : w->now;
    struct record r = {.kind = RECORD_PROPOSAL,
                       .proposal = {.kind = PROPOSAL_STALE,
                                    .location = TEXT("L1"),
                                    .seen = heard,
                                    .due = heard + 60 * INSTANT_MINUTE}};
    assert_int_equal(world_record(w, &r), 0);
}

static struct event heartbeat(instant_t when, const char *source)
{
    struct event e = event_of(EVENT_HEARTBEAT, when);
    e.source = text_of(source);
    return e;
}

static const struct rule stale_buffer = {
    .when = RULE_WHEN_STALE, .sets = 1u << RULE_BUFFER, .value = {[RULE_BUFFER] = U(2)}};
static const struct rule stale_off = {.when = RULE_WHEN_STALE, .sets = RULE_SETS_ENABLED};

static void expect_level(const struct world *w, const char *channel, milli_t shown, enum level level)
{
    struct question q = question_of(w, channel);
    struct figure f = figure_for(w, "SKU-1", "L1", &q);
    assert_int_equal(f.available, shown);
    assert_int_equal(f.level, level);
}

static void model_a_silent_store_is_held_back_until_it_speaks(void **unused)
{
    struct world w;
    stocked(&w, U(4));
    put_place(&w, "");
    put_channel(&w, "web", &stale_buffer, 1);
    put_channel(&w, "marketplace", &stale_off, 1);
    expect_level(&w, "web", U(4), LEVEL_IN_STOCK);
    expect_level(&w, "marketplace", U(4), LEVEL_IN_STOCK);
    fall_silent(&w);
    assert_true(places_is_stale(&w.state->places, 0));
    assert_int_equal(places_silence(&w.state->places, 0).since, at(9, 0));
    expect_level(&w, "web", U(2), LEVEL_LOW_STOCK);
    expect_level(&w, "marketplace", 0, LEVEL_OUT_OF_STOCK);
    expect_level(&w, "store", U(4), LEVEL_IN_STOCK);
    expect_level(&w, NULL, U(4), LEVEL_IN_STOCK);
    expect_refused(&w, for_channel(reserve("r-1", U(3)), "web"), INSUFFICIENT);
    expect_refused(&w, for_channel(reserve("r-2", U(1)), "marketplace"), INSUFFICIENT);
    expect_applied(&w, for_channel(reserve("r-3", U(2)), "web"));
    expect_level(&w, "web", 0, LEVEL_OUT_OF_STOCK);
    expect_verdict(&w, event_of(EVENT_HEARTBEAT, w.now), APPLIED);
    expect_level(&w, "web", U(2), LEVEL_LOW_STOCK);
    expect_level(&w, "marketplace", U(2), LEVEL_LOW_STOCK);
    expect_applied(&w, for_channel(reserve("r-2", U(1)), "marketplace"));
    world_close(&w);
}

static void only_its_own_sources_speak_for_a_place(void **unused)
{
    struct world w;
    world_open(&w);
    put_place(&w, "store-1/*");
    expect_verdict(&w, heartbeat(at(8, 0), "store-1/till"), APPLIED);
    expect_verdict(&w, heartbeat(at(8, 30), "webshop"), APPLIED);
    assert_int_equal(places_heard(&w.state->places, 0), at(8, 0));
    fall_silent(&w);
    expect_verdict(&w, heartbeat(w.now, "webshop"), APPLIED);
    expect_verdict(&w, heartbeat(w.now, "store-11/till"), APPLIED);
    assert_true(places_is_stale(&w.state->places, 0));
    expect_verdict(&w, heartbeat(w.now, "store-1/"), APPLIED);
    assert_false(places_is_stale(&w.state->places, 0));
    world_close(&w);
}

static void an_explanation_says_that_silence_did_it(void **unused)
{
    struct world w;
    struct explain_term terms[EXPLAIN_TERMS_MOST];
    struct view v;
    struct query_row row;
    milli_t total;
    stocked(&w, U(4));
    put_place(&w, "");
    put_channel(&w, "web", &stale_buffer, 1);
    fall_silent(&w);
    look(&w, &v);
    struct question q = question_of(&w, "web");
    const struct sku *s = table_find(v.table, TEXT("SKU-1"));
    query_locations(&v, s, &q, &(uint32_t){0}, 1, &row, &total);
    struct asked_row asked = query_asked(&v, s, &q, &row);
    assert_int_equal(asked.terms.by_silence, 1u << RULE_BUFFER);
    size_t count = figure_explain(&asked, &q, terms);
    bool said = false;
    for (size_t i = 0; i < count; i++)
        said |= terms[i].value == -U(2) && strstr(terms[i].meaning, "while the location is stale");
    assert_true(said);
    assert_int_equal(terms[count - 1].value, U(2));
    world_close(&w);
}

static void random_step(struct world *w, unsigned *seed, int number)
{
    const char *channel = channels[rand_r(seed) % 3];
    instant_t now = w->now;
    char reference[24];
    snprintf(reference, sizeof(reference), "ref-%d", number);
    struct rule rules[2] = {random_rule(w, seed), random_rule(w, seed)};
    struct event placed =
        with_channel(order(EVENT_ORDER_PLACED, now, reference, rand_r(seed) % 3000 + 1), channel);
    switch (rand_r(seed) % 11) {
    case 9:
        fall_silent(w);
        break;
    case 10:
        say(w, event_of(EVENT_HEARTBEAT, now));
        break;
    case 0:
        say(w, plain(EVENT_RECEIPT, now, rand_r(seed) % 20000 + 1));
        break;
    case 1:
        say(w, with_channel(plain(EVENT_SALE, now, rand_r(seed) % 4000 + 1), channel));
        break;
    case 2:
        say(w, allocation(now, ALLOCATION_SET, channel, rand_r(seed) % 9000, NULL));
        break;
    case 3:
        say(w, allocation(now, ALLOCATION_MOVE, channel, rand_r(seed) % 2000 + 1, "kiosk"));
        break;
    case 4:
        say(w,
            inbound(now, reference, rand_r(seed) % 9000 + 1, now + rand_r(seed) % 50 * INSTANT_MINUTE, NULL));
        break;
    case 5:
        placed.has |= HAS(required_at);
        placed.required_at = now + rand_r(seed) % 50 * INSTANT_MINUTE;
        say(w, placed);
        break;
    case 6:
        say(w, placed);
        break;
    case 7:
        put_channel(w, rand_r(seed) % 4 ? channel : "*", rules, rand_r(seed) % 3);
        break;
    default:
        ask(w, for_channel(reserve(reference, rand_r(seed) % 3000 + 1), channel));
    }
    w->now += INSTANT_MINUTE;
}

static struct ask wish(const char *id, const char *channel, instant_t by, milli_t quantity)
{
    struct ask a = reserve(id, quantity);
    a.said.required_at = by ? by : INSTANT_NONE;
    return channel ? for_channel(a, channel) : a;
}

/* Neither less nor more. */
static void expect_shown_is_granted(struct world *w, unsigned *seed, int number)
{
    char wished[24];
    snprintf(wished, sizeof(wished), "wish-%d", number);
    const char *channel = rand_r(seed) % 4 ? channels[rand_r(seed) % 3] : NULL;
    instant_t by = rand_r(seed) % 2 ? w->now + (1 + rand_r(seed) % 60) * INSTANT_MINUTE : 0;
    struct question q = question_of(w, channel);
    static struct left_out_set past;
    const struct text id = text_of(wished);
    struct view v;
    q.at = by;
    q.now = w->now; /* the record's log time */
    struct figure f = figure_for(w, "SKU-1", "L1", &q);
    expect_refused(w, wish(wished, channel, by, f.available + 1), INSUFFICIENT);
    if (f.available == 0)
        return;
    expect_applied(w, wish(wished, channel, by, f.available));
    if (!by) /* demand for later takes of what is set aside when it falls due */
        assert_int_equal(figure_for(w, "SKU-1", "L1", &q).available, 0);
    look(w, &v);
    left_out_read(&v, &id, 1, &past);
    q.left_out = &past;
    assert_int_equal(figure_for(w, "SKU-1", "L1", &q).available, f.available);
    expect_applied(w, ask_of(STEP_RELEASE, wished));
    q.left_out = NULL;
    assert_int_equal(figure_for(w, "SKU-1", "L1", &q).available, f.available);
}

static void what_is_shown_is_what_is_granted(void **unused)
{
    for (unsigned story = 1; story <= RANDOM_STORIES; story++) {
        unsigned seed = story;
        struct world w;
        stocked(&w, U(10));
        put_place(&w, "");
        for (int i = 0; i < STEPS; i++) {
            random_step(&w, &seed, i);
            expect_shown_is_granted(&w, &seed, i);
        }
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_what_the_marketplace_holds_both_see),
        cmocka_unit_test(model_backorder_of_the_web_leaves_the_marketplace_its_own),
        cmocka_unit_test(model_a_promise_for_today_never_eats_an_earlier_one),
        cmocka_unit_test(case_19_each_channel_its_own_place),
        cmocka_unit_test(case_27_a_hold_of_the_web_takes_its_own),
        cmocka_unit_test(case_37_yesterdays_hold_is_given_back_to_the_pool),
        cmocka_unit_test(case_43_what_is_held_back_is_not_granted),
        cmocka_unit_test(one_line_has_at_most_so_many),
        cmocka_unit_test(case_10_a_basket_sees_past_its_own_holds),
        cmocka_unit_test(a_change_between_is_noticed),
        cmocka_unit_test(a_kits_own_hold_goes_back_to_the_fence),
        cmocka_unit_test(kits_are_the_least_over_their_components),
        cmocka_unit_test(model_a_silent_store_is_held_back_until_it_speaks),
        cmocka_unit_test(only_its_own_sources_speak_for_a_place),
        cmocka_unit_test(an_explanation_says_that_silence_did_it),
        cmocka_unit_test(what_is_shown_is_what_is_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
