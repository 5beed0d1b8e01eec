/* States out of images. Sections come in any order, but SKUs are numbered in the order they came, and records
 * go by that (apply sweeps them in turn): those that were copied before their turn are kept until it is
 * theirs. They are few: what changed while the image was made. */
#include "core/model/image.h"

#include "base/error.h"
#include "core/model/apply.h"
#include "core/model/image_objects.h"
#include "core/model/repeats_image.h"
#include "core/model/reservations_image.h"

#include <stdlib.h>

/* How many SKUs the index is made for at once: what a head claims is not believed further, the rest grows. */
enum { SKUS_AT_ONCE_MOST = 1 << 23 };

struct waiting { /* a SKU's section before its turn */
    uint32_t number;
    uint32_t length;
    char *bytes;
};

struct image_loading {
    struct hash128 digest;
    struct image_counts expected;
    bool has_positions, has_heard, has_silence, has_outputs, has_reservations;
    struct sku_loading skus;
    uint32_t waiting_count, waiting_capacity;
    struct waiting *waiting; /* a heap, the lowest number on top */
};

void image_loading_destroy(struct image_loading *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->waiting_count; i++)
        free(l->waiting[i].bytes);
    free(l->waiting);
    free(l->skus.seen);
    buffer_finish(&l->skus.rows);
    free(l);
}

/* ---- SKUs in order of their numbers ---- */

static int keep_waiting(struct image_loading *l, uint32_t number, const struct bytes *in)
{
    if (l->waiting_count == l->waiting_capacity) {
        uint32_t capacity = l->waiting_capacity ? 2 * l->waiting_capacity : 64;
        struct waiting *grown = realloc(l->waiting, capacity * sizeof(*grown));
        if (!grown)
            return ERROR_NOMEM;
        l->waiting = grown;
        l->waiting_capacity = capacity;
    }
    char *bytes = malloc(in->left + 1);
    if (!bytes)
        return ERROR_NOMEM;
    memcpy(bytes, in->at, in->left);
    uint32_t at = l->waiting_count++;
    for (; at && l->waiting[(at - 1) / 2].number > number; at = (at - 1) / 2)
        l->waiting[at] = l->waiting[(at - 1) / 2];
    l->waiting[at] = (struct waiting){number, (uint32_t)in->left, bytes};
    return 0;
}

/* Takes the lowest from the heap. */
static struct waiting take_waiting(struct image_loading *l)
{
    struct waiting lowest = l->waiting[0], last = l->waiting[--l->waiting_count];
    uint32_t at = 0;

    for (uint32_t child; (child = 2 * at + 1) < l->waiting_count; at = child) {
        if (child + 1 < l->waiting_count && l->waiting[child + 1].number < l->waiting[child].number)
            child++;
        if (last.number <= l->waiting[child].number)
            break;
        l->waiting[at] = l->waiting[child];
    }
    l->waiting[at] = last;
    return lowest;
}

static int load_waiting(struct state *s, struct image_loading *l)
{
    int result = 0;

    while (!result && l->waiting_count && l->waiting[0].number == table_sku_count(s->table)) {
        struct waiting w = take_waiting(l);
        struct bytes in = {w.bytes, w.length, false};
        result = load_sku(s, &in, &l->skus);
        free(w.bytes);
    }
    return result;
}

static int load_sku_in_turn(struct state *s, struct bytes *in)
{
    struct image_loading *l = s->loading;
    struct bytes peek = *in;
    uint32_t number = get_u32(&peek);

    if (peek.failed || number < table_sku_count(s->table) || number >= l->expected.skus ||
        in->left > UINT32_MAX)
        return ERROR_CORRUPT;
    if (number > table_sku_count(s->table))
        return keep_waiting(l, number, in);
    int result = load_sku(s, in, &l->skus);
    return result ? result : load_waiting(s, l);
}

/* ---- all sections ---- */

static int begin_loading(struct state *s, uint8_t kind, struct bytes *in)
{
    if (kind != IMAGE_HEADER)
        return ERROR_CORRUPT;
    s->loading = calloc(1, sizeof(*s->loading));
    if (!s->loading)
        return ERROR_NOMEM;
    int result = load_header(s, in, &s->loading->expected);
    uint32_t skus = s->loading->expected.skus;
    s->loading->skus.locations_count = s->loading->expected.locations;
    return result ? result : table_expect(s->table, skus < SKUS_AT_ONCE_MOST ? skus : SKUS_AT_ONCE_MOST);
}

static bool is_first(bool *has)
{
    bool first = !*has;
    *has = true;
    return first;
}

static int load(struct state *s, uint8_t kind, struct bytes *in)
{
    struct image_loading *l = s->loading;

    switch (kind) {
    case IMAGE_POSITIONS:
        return is_first(&l->has_positions) ? load_positions(s, in) : ERROR_CORRUPT;
    case IMAGE_HEARD:
        return is_first(&l->has_heard) ? places_load(&s->places, in->at, in->left) : ERROR_CORRUPT;
    case IMAGE_SILENCE:
        return is_first(&l->has_silence) ? places_load_silence(&s->places, in->at, in->left) : ERROR_CORRUPT;
    case IMAGE_RESERVATIONS:
        return is_first(&l->has_reservations) ? reservations_load_head(s->reservations, in) : ERROR_CORRUPT;
    case IMAGE_RESERVATION:
        return reservations_load_one(s->reservations, in);
    case IMAGE_OUTPUTS:
        return is_first(&l->has_outputs) ? outputs_load(&s->outputs, in->at, in->left) : ERROR_CORRUPT;
    case IMAGE_LOCATION:
        return load_location(s, in);
    case IMAGE_GROUP:
        return load_group(s, in);
    case IMAGE_CHANNEL:
        return load_channel(s, in);
    case IMAGE_SOURCE:
        return repeats_load_source(s->repeats, in);
    case IMAGE_IDS:
        return repeats_load_ids(s->repeats, in);
    case IMAGE_SKU:
        return load_sku_in_turn(s, in);
    default:
        return ERROR_CORRUPT;
    }
}

void image_digest_add(struct hash128 *digest, uint8_t kind, const void *bytes, size_t length)
{
    if (kind != IMAGE_CHANGES)
        *digest = digest_sum(*digest, hash128(bytes, length, kind));
}

int image_load_digested(struct state *s, uint8_t kind, const void *bytes, size_t length)
{
    struct bytes in = {bytes, length, false};

    if (kind == IMAGE_CHANGES) /* beside the state: whoever keeps a window takes it */
        return 0;
    return s->loading ? load(s, kind, &in) : begin_loading(s, kind, &in);
}

int image_load(struct state *s, uint8_t kind, const void *bytes, size_t length)
{
    int result = image_load_digested(s, kind, bytes, length);

    if (!result && s->loading)
        image_digest_add(&s->loading->digest, kind, bytes, length);
    return result;
}

static bool is_whole(const struct state *s)
{
    const struct image_loading *l = s->loading;

    return l && l->has_positions && l->has_reservations &&
           l->expected.locations == catalogue_locations_count(s->catalogue) &&
           l->expected.groups == catalogue_groups_count(s->catalogue) &&
           l->expected.channels == catalogue_channels_count(s->catalogue) &&
           l->expected.skus == table_sku_count(s->table);
}

int image_load_finish(struct state *s, struct hash128 *ret_digest)
{
    int result = is_whole(s) ? catalogue_restore_finish(s->catalogue) : ERROR_CORRUPT;

    if (!result)
        result = repeats_load_finish(s->repeats);
    if (!result)
        result = reservations_load_finish(s);
    if (result)
        return result;
    *ret_digest = s->loading->digest;
    image_loading_destroy(s->loading);
    s->loading = NULL;
    return 0;
}
