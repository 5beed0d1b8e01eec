/* Rules of channels: the most specific that sets a field, the most cautious of equals, places switched off;
 * and random rules against a plain reading of the same words. */
#include "core/model/rules.h"
#include "world.h"

enum { RULES_MOST = 12, RANDOM_WORLDS = 3000, PLACES = 3, SKUS = 3 };

struct shop {
    struct world w;
    uint64_t version;
    instant_t at;
};

static void put(struct shop *s, enum record_kind kind, struct text id, const void *decoded)
{
    struct record r = {
        .kind = kind,
        .reference = {.id = id, .document = TEXT("{}"), .occurred_at = INSTANT_NONE, .decoded = decoded}};
    assert_int_equal(world_record(&s->w, &r), 0);
    assert_int_equal(s->w.outcome.verdicts[0].verdict, VERDICT_APPLIED);
}

static const char *const places[PLACES] = {"store-1", "store-2", "depot"};
static const struct text all_places[PLACES] = {TEXT("store-1"), TEXT("store-2"), TEXT("depot")};
static const char *const skus[SKUS] = {"shirt-s", "shirt-l", "mug"};

/* Groups: `stores` has the first two places, `all` has three. Products: the shirts are one. */
static void open_shop(struct shop *s)
{
    *s = (struct shop){0};
    world_open(&s->w);
    for (int i = 0; i < PLACES; i++)
        put(s, RECORD_LOCATION, text_of(places[i]),
            &(struct location){.enabled = true, .methods = i == 2 ? METHOD_SHIP : 0});
    put(s, RECORD_GROUP, TEXT("stores"), &(struct group){.members_count = 2, .members = all_places});
    put(s, RECORD_GROUP, TEXT("all"), &(struct group){.members_count = 3, .members = all_places});
    for (int i = 0; i < SKUS; i++)
        put(s, RECORD_ITEM, text_of(skus[i]),
            &(struct item){
                .step = 1, .release_at = INSTANT_NONE, .product = i < 2 ? TEXT("shirt") : TEXT("mug")});
}

static void put_rules(struct shop *s, const char *channel, const struct rule *rules, uint32_t count)
{
    put(s, RECORD_CHANNEL, text_of(channel), &(struct channel){.rules_count = count, .rules = rules});
}

static struct terms terms_when(const struct shop *s, const char *channel, const char *sku, const char *place,
                               bool stale, uint32_t method)
{
    const struct catalogue *c = s->w.state->catalogue;
    const struct sku *of = table_find(s->w.state->table, text_of(sku));
    struct rules r = rules_of(c, channel ? catalogue_channel(c, text_of(channel)) : NULL);
    return rules_resolve(c, &r, text_of(sku), of ? item_of(of) : NULL,
                         (struct rules_place){catalogue_location(c, text_of(place)), stale}, method);
}

static struct terms terms_of(const struct shop *s, const char *channel, const char *sku, const char *place,
                             uint32_t method)
{
    return terms_when(s, channel, sku, place, false, method);
}

static struct rule rule_for(const char *sku, const char *product, const char *location, const char *group)
{
    struct rule r = {0};
    if (sku || product)
        r.item = (struct narrowing){sku ? NARROWED_BY_NAME : NARROWED_BY_GROUP, text_of(sku ? sku : product)};
    if (location || group)
        r.place = (struct narrowing){location ? NARROWED_BY_NAME : NARROWED_BY_GROUP,
                                     text_of(location ? location : group)};
    return r;
}

static struct rule sets(struct rule r, enum rule_field field, milli_t value)
{
    r.sets |= 1u << field;
    r.value[field] = value;
    return r;
}

static struct rule enables(struct rule r, bool enabled)
{
    r.sets |= RULE_SETS_ENABLED;
    r.enabled = enabled;
    return r;
}

static void each_field_by_its_most_specific_rule(void **unused)
{
    struct shop s;
    open_shop(&s);
    const struct rule all[] = {sets(rule_for(NULL, NULL, NULL, NULL), RULE_CAP, U(50)),
                               sets(rule_for(NULL, NULL, NULL, NULL), RULE_BUFFER, U(9))};
    const struct rule web[] = {
        sets(rule_for(NULL, NULL, NULL, NULL), RULE_BUFFER, U(1)),
        sets(rule_for(NULL, NULL, "store-1", NULL), RULE_BUFFER, U(2)),
        sets(rule_for(NULL, "shirt", NULL, NULL), RULE_BUFFER, U(3)),
        sets(rule_for(NULL, "shirt", NULL, "stores"), RULE_BUFFER, U(4)),
        sets(rule_for("shirt-s", NULL, NULL, NULL), RULE_BUFFER, 0),
        sets(rule_for("shirt-s", NULL, NULL, NULL), RULE_SAFETY_STOCK, U(6)),
    };
    put_rules(&s, "*", all, 2);
    put_rules(&s, "web", web, 6);
    assert_int_equal(terms_of(&s, "web", "mug", "depot", METHOD_SHIP).buffer, U(1));
    assert_int_equal(terms_of(&s, "web", "mug", "store-1", 0).buffer, U(2));
    assert_int_equal(terms_of(&s, "web", "shirt-l", "depot", 0).buffer, U(3));
    assert_int_equal(terms_of(&s, "web", "shirt-l", "store-1", 0).buffer, U(4)); /* item before place */
    struct terms t = terms_of(&s, "web", "shirt-s", "store-1", 0);
    assert_true(t.buffer == 0 && t.safety_stock == U(6) && t.cap == U(50) && t.enabled);
    t = terms_of(&s, "unknown", "mug", "nowhere", 0);
    assert_true(t.buffer == U(9) && t.cap == U(50) && t.safety_stock == LIMIT_NONE);
    assert_int_equal(terms_of(&s, NULL, "mug", "depot", 0).buffer, U(9)); /* the pool: those of `*` */
    world_close(&s.w);
}

static void of_equals_the_most_cautious(void **unused)
{
    struct shop s;
    open_shop(&s);
    const struct rule web[] = {
        sets(sets(rule_for(NULL, NULL, NULL, "stores"), RULE_BUFFER, U(4)), RULE_CAP, U(4)),
        sets(sets(rule_for(NULL, NULL, NULL, "all"), RULE_BUFFER, U(5)), RULE_CAP, U(5)),
    };
    put_rules(&s, "web", web, 2);
    struct terms t = terms_of(&s, "web", "mug", "store-1", 0);
    assert_true(t.buffer == U(5) && t.cap == U(4));
    t = terms_of(&s, "web", "mug", "depot", 0);
    assert_true(t.buffer == U(5) && t.cap == U(5));
    world_close(&s.w);
}

static void without_a_method_the_most_cautious_of_those_offered(void **unused)
{
    struct shop s;
    open_shop(&s);
    struct rule pickup = sets(rule_for(NULL, NULL, NULL, NULL), RULE_BUFFER, U(2));
    struct rule ship = sets(rule_for(NULL, NULL, NULL, NULL), RULE_CAP, U(7));
    pickup.method = METHOD_PICKUP;
    ship.method = METHOD_SHIP;
    put_rules(&s, "web", (struct rule[]){pickup, ship}, 2);
    struct terms t = terms_of(&s, "web", "mug", "store-1", 0);
    assert_true(t.buffer == U(2) && t.cap == U(7));
    t = terms_of(&s, "web", "mug", "depot", 0); /* ships only */
    assert_true(t.buffer == 0 && t.cap == U(7));
    t = terms_of(&s, "web", "mug", "store-1", METHOD_PICKUP);
    assert_true(t.buffer == U(2) && t.cap == LIMIT_NONE);
    assert_false(terms_of(&s, "web", "mug", "depot", METHOD_PICKUP).enabled);
    world_close(&s.w);
}

static bool enabled_with(const struct rule *rules, uint32_t count, const char *sku, const char *place)
{
    struct shop s;
    open_shop(&s);
    put_rules(&s, "web", rules, count);
    bool enabled = terms_of(&s, "web", sku, place, METHOD_SHIP).enabled;
    world_close(&s.w);
    return enabled;
}

static void a_place_switched_off_stays_off_unless_that_place_is_switched_on(void **unused)
{
    const struct rule place_off = enables(rule_for(NULL, NULL, "store-1", NULL), false);
    const struct rule stores_off = enables(rule_for(NULL, NULL, NULL, "stores"), false);
    const struct rule all_off = enables(rule_for(NULL, NULL, NULL, NULL), false);
    const struct rule mug_on = enables(rule_for("mug", NULL, NULL, NULL), true);
    const struct rule mug_on_in_stores = enables(rule_for("mug", NULL, NULL, "stores"), true);
    const struct rule mug_on_in_all = enables(rule_for("mug", NULL, NULL, "all"), true);
    const struct rule mug_on_there = enables(rule_for("mug", NULL, "store-1", NULL), true);

    assert_false(enabled_with((struct rule[]){place_off, mug_on}, 2, "mug", "store-1"));
    assert_true(enabled_with((struct rule[]){place_off, mug_on}, 2, "mug", "store-2"));
    assert_false(enabled_with((struct rule[]){place_off, mug_on_in_stores}, 2, "mug", "store-1"));
    assert_true(enabled_with((struct rule[]){place_off, mug_on_there}, 2, "mug", "store-1"));
    assert_false(enabled_with((struct rule[]){place_off, mug_on_there}, 2, "shirt-s", "store-1"));
    assert_false(enabled_with((struct rule[]){stores_off, mug_on}, 2, "mug", "store-1"));
    assert_false(enabled_with((struct rule[]){stores_off, mug_on_in_all}, 2, "mug", "store-1"));
    assert_true(enabled_with((struct rule[]){stores_off, mug_on_in_stores}, 2, "mug", "store-1"));
    assert_true(enabled_with((struct rule[]){stores_off, mug_on_there}, 2, "mug", "store-1"));
    assert_true(enabled_with((struct rule[]){all_off, mug_on}, 2, "mug", "store-1"));
    assert_false(enabled_with((struct rule[]){all_off, mug_on}, 2, "shirt-s", "store-1"));
}

static void silence_never_shows_more(void **unused)
{
    struct shop s;
    open_shop(&s);
    struct rule buffers[] = {sets(rule_for("mug", NULL, "store-1", NULL), RULE_BUFFER, U(5)),
                             sets(rule_for(NULL, NULL, NULL, NULL), RULE_BUFFER, U(2)),
                             enables(rule_for("mug", NULL, "store-2", NULL), true),
                             enables(rule_for(NULL, NULL, NULL, "stores"), false),
                             enables(rule_for("shirt-s", NULL, NULL, "stores"), true),
                             enables(rule_for("shirt-s", NULL, NULL, "stores"), true)};
    buffers[1].when = buffers[3].when = buffers[5].when = RULE_WHEN_STALE;
    put_rules(&s, "web", buffers, 6);
    assert_int_equal(terms_when(&s, "web", "mug", "depot", false, 0).buffer, 0);
    assert_int_equal(terms_when(&s, "web", "mug", "depot", true, 0).buffer, U(2));
    assert_int_equal(terms_when(&s, "web", "mug", "store-1", false, 0).buffer, U(5));
    assert_int_equal(terms_when(&s, "web", "mug", "store-1", true, 0).buffer, U(5)); /* more than 2 */
    assert_true(terms_when(&s, "web", "mug", "store-2", false, 0).enabled);
    assert_false(terms_when(&s, "web", "mug", "store-2", true, 0).enabled);    /* said of other times */
    assert_true(terms_when(&s, "web", "shirt-s", "store-2", true, 0).enabled); /* said of silence too */
    assert_int_equal(terms_when(&s, "web", "mug", "depot", true, 0).by_silence, 1u << RULE_BUFFER);
    assert_int_equal(terms_when(&s, "web", "mug", "store-2", true, 0).by_silence,
                     1u << RULE_BUFFER | RULE_SETS_ENABLED);
    assert_int_equal(terms_when(&s, "web", "mug", "store-1", false, 0).by_silence, 0);
    world_close(&s.w);
}

static void a_deleted_channel_has_no_rules(void **unused)
{
    struct shop s;
    open_shop(&s);
    put_rules(&s, "web", (struct rule[]){sets(rule_for("mug", NULL, "depot", NULL), RULE_CAP, U(3))}, 1);
    const struct channel *c = catalogue_channel(s.w.state->catalogue, TEXT("web"));
    assert_true(c->registered && c->rules_count == 1 && !c->rules_name_methods && !c->rules_name_groups);
    struct record gone = {.kind = RECORD_CHANNEL,
                          .reference = {.id = TEXT("web"), .deleted = true, .occurred_at = INSTANT_NONE}};
    s.w.now += INSTANT_MINUTE;
    assert_int_equal(world_record(&s.w, &gone), 0);
    assert_int_equal(terms_of(&s, "web", "mug", "depot", 0).cap, LIMIT_NONE);
    world_close(&s.w);
}

/* ---- a plain reading ---- */

struct told { /* a rule, and whose */
    struct rule rule;
    bool own;
};

static bool plain_in_group(struct text group, int place)
{
    return text_equal(group, TEXT("all")) || (text_equal(group, TEXT("stores")) && place < 2);
}

static bool plain_matches(const struct rule *r, int sku, int place, uint32_t method)
{
    struct text product = sku < 2 ? TEXT("shirt") : TEXT("mug");
    bool item = r->item.by == NARROWED_NOT ||
                text_equal(r->item.name, r->item.by == NARROWED_BY_NAME ? text_of(skus[sku]) : product);
    bool where = r->place.by == NARROWED_NOT ||
                 (r->place.by == NARROWED_BY_NAME && text_equal(r->place.name, text_of(places[place]))) ||
                 (r->place.by == NARROWED_BY_GROUP && plain_in_group(r->place.name, place));
    return item && where && (!r->method || r->method == method);
}

/* Greater than 0: `a` is more specific. */
static int plain_more_specific(const struct told *a, const struct told *b)
{
    if (a->rule.item.by != b->rule.item.by)
        return (int)a->rule.item.by - (int)b->rule.item.by;
    if (a->rule.place.by != b->rule.place.by)
        return (int)a->rule.place.by - (int)b->rule.place.by;
    if (!a->rule.method != !b->rule.method)
        return a->rule.method ? 1 : -1;
    return (int)a->own - (int)b->own;
}

static milli_t plain_field(const struct told *told, int count, enum rule_field field, milli_t otherwise,
                           int sku, int place, uint32_t method)
{
    const struct told *best = NULL;
    milli_t value = otherwise;
    bool more = field != RULE_CAP && field != RULE_MAX_PER_LINE;
    for (int i = 0; i < count; i++) {
        const struct told *t = &told[i];
        if (!(t->rule.sets & 1u << field) || !plain_matches(&t->rule, sku, place, method))
            continue;
        milli_t said = t->rule.value[field];
        int order = best ? plain_more_specific(t, best) : 1;
        if (order > 0 || (order == 0 && (more ? said > value : said < value))) {
            best = t;
            value = said;
        }
    }
    return value;
}

static bool plain_enabled(const struct told *told, int count, int sku, int place, uint32_t method)
{
    for (int i = 0; i < count; i++) {
        const struct rule *off = &told[i].rule;
        if (!(off->sets & RULE_SETS_ENABLED) || off->enabled || !plain_matches(off, sku, place, method))
            continue;
        bool on_again = false;
        for (int k = 0; k < count; k++) {
            const struct rule *on = &told[k].rule;
            bool same = off->place.by == NARROWED_NOT || on->place.by == NARROWED_BY_NAME ||
                        (on->place.by == off->place.by && text_equal(on->place.name, off->place.name));
            on_again |= on->sets & RULE_SETS_ENABLED && on->enabled && same &&
                        plain_matches(on, sku, place, method) && plain_more_specific(&told[k], &told[i]) > 0;
        }
        if (!on_again)
            return false;
    }
    return true;
}

static struct rule random_rule(unsigned *seed)
{
    static const char *const groups[] = {"stores", "all", "nobody"}, *const products[] = {"shirt", "mug"};
    unsigned item = rand_r(seed) % 3, place = rand_r(seed) % 3;
    struct rule r = rule_for(
        item == 1 ? skus[rand_r(seed) % SKUS] : NULL, item == 2 ? products[rand_r(seed) % 2] : NULL,
        place == 1 ? places[rand_r(seed) % PLACES] : NULL, place == 2 ? groups[rand_r(seed) % 3] : NULL);
    if (rand_r(seed) % 3 == 0)
        r.method = 1u << rand_r(seed) % 3;
    r.when = rand_r(seed) % 3 ? RULE_ALWAYS : RULE_WHEN_STALE;
    for (enum rule_field f = 0; f < RULE_FIELDS; f++)
        if (rand_r(seed) % 3 == 0)
            r = sets(r, f, rand_r(seed) % 4);
    return rand_r(seed) % 2 ? enables(r, rand_r(seed) % 2) : r;
}

static int those_that_hold(enum rule_when when, const struct told *told, int count, struct told *ret)
{
    int held = 0;
    for (int i = 0; i < count; i++)
        if (told[i].rule.when == when)
            ret[held++] = told[i];
    return held;
}

/* At a stale place: the more cautious of what rules say always, and what those for silence say. */
static void expect_plain(const struct shop *s, const struct told *told, int count, bool stale, int sku,
                         int place, uint32_t method)
{
    struct terms t = terms_when(s, "web", skus[sku], places[place], stale, method);
    struct told always[2 * RULES_MOST], silent[2 * RULES_MOST];
    int a = those_that_hold(RULE_ALWAYS, told, count, always);
    int n = stale ? those_that_hold(RULE_WHEN_STALE, told, count, silent) : 0;
#define ONE(told, count, field, otherwise) plain_field(told, count, field, otherwise, sku, place, method)
#define LARGER(x, y) ((x) > (y) ? (x) : (y))
#define LESSER(x, y) ((x) < (y) ? (x) : (y))
#define PLAIN(which, field, otherwise) \
    which(ONE(always, a, field, otherwise), ONE(silent, n, field, otherwise))
    assert_int_equal(t.buffer, PLAIN(LARGER, RULE_BUFFER, 0));
    assert_int_equal(t.buffer_percent, PLAIN(LARGER, RULE_BUFFER_PERCENT, 0));
    assert_int_equal(t.cap, PLAIN(LESSER, RULE_CAP, LIMIT_NONE));
    assert_int_equal(t.max_per_line, PLAIN(LESSER, RULE_MAX_PER_LINE, LIMIT_NONE));
    milli_t safety = PLAIN(LARGER, RULE_SAFETY_STOCK, -1);
    assert_int_equal(t.safety_stock, safety < 0 ? LIMIT_NONE : safety);
    assert_int_equal(t.enabled, plain_enabled(always, a, sku, place, method) &&
                                    plain_enabled(silent, n, sku, place, method));
#undef PLAIN
#undef LESSER
#undef LARGER
#undef ONE
}

static void random_rules_say_what_the_words_say(void **unused)
{
    struct shop s;
    unsigned seed = 5;
    open_shop(&s);
    for (int i = 0; i < RANDOM_WORLDS; i++) {
        struct told told[2 * RULES_MOST];
        struct rule rules[RULES_MOST];
        int count = 0;
        for (int own = 0; own < 2; own++) {
            uint32_t of_channel = (uint32_t)rand_r(&seed) % RULES_MOST;
            for (uint32_t k = 0; k < of_channel; k++) {
                rules[k] = random_rule(&seed);
                told[count++] = (struct told){rules[k], own};
            }
            put_rules(&s, own ? "web" : "*", rules, of_channel);
        }
        for (int sku = 0; sku < SKUS; sku++)
            for (int place = 0; place < PLACES; place++)
                for (uint32_t method = place == 2 ? METHOD_SHIP : METHOD_PICKUP;
                     method <= (place == 2 ? METHOD_SHIP : METHOD_SAME_DAY); method <<= 1)
                    for (int stale = 0; stale < 2; stale++)
                        expect_plain(&s, told, count, stale, sku, place, method);
    }
    world_close(&s.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_by_its_most_specific_rule),
        cmocka_unit_test(of_equals_the_most_cautious),
        cmocka_unit_test(without_a_method_the_most_cautious_of_those_offered),
        cmocka_unit_test(a_place_switched_off_stays_off_unless_that_place_is_switched_on),
        cmocka_unit_test(silence_never_shows_more),
        cmocka_unit_test(a_deleted_channel_has_no_rules),
        cmocka_unit_test(random_rules_say_what_the_words_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
