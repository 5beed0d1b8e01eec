/* Kits that listeners asked for: of those who are live together, of those who are behind each by itself. */
#include "http/listeners_internal.h"

#include <stdlib.h>

const struct item *listener_kit(const struct listener *n, size_t i)
{
    const struct wanted *w = &n->skus[i];
    const struct item *item = w->known ? item_of(table_sku(view_of(n)->table, w->number)) : NULL;

    return item && item->components_count ? item : NULL;
}

static bool is_named(const struct listener *n, struct text sku)
{
    for (size_t i = 0; i < n->skus_count; i++)
        if (text_equal(n->skus[i].name, sku))
            return true;
    return false;
}

static int add_kit(struct listener *n, struct text sku)
{
    if (is_named(n, sku))
        return 0;
    if (n->skus_count >= LISTENER_NAMES_MOST)
        return ERROR_LIMIT;
    struct wanted *grown = realloc(n->skus, (n->skus_count + 1) * sizeof(*grown));
    if (!grown)
        return ERROR_NOMEM;
    n->skus = grown;
    n->skus[n->skus_count++] = (struct wanted){.name = sku};
    return 0;
}

static int find_kits_of(struct listener *n, struct text product)
{
    const struct view *v = view_of(n);
    size_t most = catalogue_variants(v->catalogue, product, NULL, 0);
    uint32_t *numbers = malloc((most ? most : 1) * sizeof(*numbers));
    int error = numbers ? 0 : ERROR_NOMEM;
    size_t count = numbers ? catalogue_variants(v->catalogue, product, numbers, most) : 0;

    for (size_t i = 0; i < (count < most ? count : most) && !error; i++) {
        const struct sku *s = table_sku(v->table, numbers[i]);
        const struct item *item = s ? item_of(s) : NULL;
        if (item && item->components_count && text_equal(item->product, product))
            error = add_kit(n, sku_text(s));
    }
    free(numbers);
    return error;
}

int listener_find_kits(struct listener *n)
{
    int error = 0;

    n->said_skus_count = n->skus_count;
    for (size_t i = 0; i < n->products_count && !error; i++)
        error = find_kits_of(n, n->products[i].name);
    return error;
}

static void watch_drop(struct listeners *l, struct kit_watch *k)
{
    if (--k->users)
        return;
    for (struct kit_watch **at = &l->touched; *at && k->touched; at = &(*at)->touched_next)
        if (*at == k) {
            *at = k->touched_next;
            break;
        }
    for (size_t i = 0; i < kit_stand_parts(k->stand); i++)
        index_unsubscribe(l, &k->parts[i]);
    if (k->next)
        k->next->previous = k->previous;
    *(k->previous ? &k->previous->next : &l->kits) = k->next;
    kit_stand_destroy(k->stand);
    free(k);
}

static void drop_stands(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->stands_count; i++)
        kit_stand_destroy(n->stands[i]);
    l->own_stands -= n->stands_count;
    free(n->stands);
    n->stands = NULL;
    n->stands_count = 0;
    n->stands_made = false;
}

/* Its kits are told to it no more, neither with the others nor by itself. */
void listener_leave_kits(struct listeners *l, struct listener *n)
{
    for (size_t i = 0; i < n->subscriptions_count; i++) {
        if (n->subscriptions[i].watch)
            watch_drop(l, n->subscriptions[i].watch);
        n->subscriptions[i].watch = NULL;
    }
    drop_stands(l, n);
}

/* Components of all its kits, as they stood where it is. */
int listener_make_stands(struct listeners *l, struct listener *n)
{
    size_t kits = 0;
    int error = 0;

    for (size_t i = 0; i < n->skus_count; i++)
        kits += listener_kit(n, i) != NULL;
    if (l->own_stands && l->own_stands + kits > OWN_STANDS_MOST)
        return ERROR_BUSY;
    n->stands = calloc(kits ? kits : 1, sizeof(*n->stands));
    if (!n->stands)
        return ERROR_NOMEM;
    for (size_t i = 0; i < n->skus_count && !error; i++) {
        if (!listener_kit(n, i))
            continue;
        error =
            kit_stand_create(view_of(n), window_of(n->loop), n->cursor,
                             table_sku(view_of(n)->table, n->skus[i].number), &n->stands[n->stands_count]);
        n->stands_count += !error;
        l->own_stands += !error;
    }
    n->stands_made = !error;
    if (error)
        listener_leave_kits(l, n);
    return error;
}

static struct kit_watch *watch_of(const struct listeners *l, uint32_t kit)
{
    struct kit_watch *k = l->kits;

    while (k && kit_stand_kit(k->stand) != kit)
        k = k->next;
    return k;
}

/* One that nobody had yet is everybody's from now on: it stands where the others are. */
static struct kit_watch *watch_add(struct listeners *l, struct kit_stand *stand)
{
    size_t parts = kit_stand_parts(stand);
    struct kit_watch *k = calloc(1, sizeof(*k) + parts * sizeof(k->parts[0]));

    if (!k)
        return NULL;
    k->stand = stand;
    k->next = l->kits;
    if (k->next)
        k->next->previous = k;
    l->kits = k;
    for (size_t i = 0; i < parts; i++) {
        k->parts[i].watch = k;
        if (kit_stand_part(stand, i) == UINT32_MAX)
            continue;
        k->parts[i].key = key_of(BY_PART, kit_stand_part(stand, i));
        l->subscriptions_count++;
        index_grow(l);
        index_chain(l, &k->parts[i]);
    }
    return k;
}

static struct kit_stand *own_stand(const struct listener *n, uint32_t kit)
{
    for (size_t i = 0; i < n->stands_count; i++)
        if (n->stands[i] && kit_stand_kit(n->stands[i]) == kit)
            return n->stands[i];
    return NULL;
}

static void forget_stand(struct listener *n, const struct kit_stand *stand)
{
    for (size_t i = 0; i < n->stands_count; i++)
        if (n->stands[i] == stand)
            n->stands[i] = NULL;
}

/* From its own to the others'. False: a kit is another than when it began, or memory ran out: it begins with
 * them anew where it is. */
bool listener_give_stands(struct listeners *l, struct listener *n)
{
    bool given = true;

    n->has_kits = false;
    for (size_t i = 0; i < n->skus_count && given; i++) {
        const struct item *item = listener_kit(n, i);
        if (!item)
            continue;
        n->has_kits = true;
        struct kit_stand *own = own_stand(n, n->skus[i].number);
        struct kit_watch *k = watch_of(l, n->skus[i].number);
        if (k && (k->lost || kit_stand_version(k->stand) != item->version))
            k = NULL; /* the others find out themselves */
        if (!k && own && kit_stand_version(own) == item->version) {
            k = watch_add(l, own);
            if (k)
                forget_stand(n, own);
        }
        given = k != NULL;
        if (k) {
            k->users++;
            n->subscriptions[i].watch = k;
        }
    }
    if (!given) {
        listener_leave_kits(l, n);
        return false;
    }
    drop_stands(l, n);
    return true;
}

/* Does it hear of just the kits that it asked for, as they are now? */
static bool kits_are_right(const struct listener *n)
{
    for (size_t i = 0; i < n->skus_count; i++) {
        const struct item *item = listener_kit(n, i);
        const struct kit_watch *k = n->subscriptions[i].watch;
        if (!item != !k || (k && (k->lost || kit_stand_version(k->stand) != item->version)))
            return false;
        for (size_t p = 0; k && p < kit_stand_parts(k->stand); p++) {
            struct text name = item->components[p].sku;
            if (!k->parts[p].key && table_find(view_of(n)->table, name))
                return false; /* a component became known */
        }
    }
    return true;
}

void listener_set_waiting(struct listeners *l, struct listener *n, bool waits)
{
    l->waiting_count += (size_t)waits - (size_t)n->waits;
    n->waits = waits;
}

/* An item is another, or a name became known: whose kits are others begins with them anew, where all are. */
void listeners_look_at_kits(struct listeners *l)
{
    l->kits_changed = false;
    for (struct listener *n = l->first; n; n = n->next) {
        if (n->behind || !n->skus_count || kits_are_right(n))
            continue;
        listener_leave_kits(l, n);
        n->has_kits = n->behind = true;
        n->cursor = l->cursor;
        listener_set_waiting(l, n, true);
    }
}
