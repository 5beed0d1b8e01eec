/* What an allocation does to the fences of its row, and what a sale takes from one. */
#include "core/model/change.h"

/* The fence as it is, or as a new one would be. */
static struct fence fence_now(const struct ledger *l, uint32_t channel)
{
    const struct fence *f = fences_find(&l->fences, channel);
    return f ? *f : (struct fence){.channel = channel, .set_at = INSTANT_NONE};
}

static void keep(struct change *c, const struct fence *f)
{
    if (f->quantity > QUANTITY_MOST)
        c->refused = REASON_RANGE;
    if (f->quantity < 0)
        c->refused = REASON_NOT_SET_ASIDE;
    c->fences[c->fences_count++] = *f;
    c->did = true;
}

/* What was added after it stays added, though it came before. */
static void set(struct change *c, struct fence f, milli_t quantity)
{
    if (c->at < f.set_at) {
        c->left_out = REASON_OLDER;
        return;
    }
    milli_t added = fences_added_after(&c->row->ledger->fences, f.channel, c->at);
    f.quantity = quantity + added > 0 ? quantity + added : 0;
    f.consumed = 0;
    f.sets++;
    f.set_at = c->at;
    keep(c, &f);
}

/* What was added at or before the newest `set` is in it. */
static void add(struct change *c, struct fence f, milli_t quantity)
{
    if (c->at <= f.set_at) {
        c->left_out = REASON_OLDER;
        return;
    }
    f.quantity += quantity;
    c->adds_to_fences = true;
    c->fence_add[c->fences_count] = quantity;
    keep(c, &f);
}

/* Each end for itself. What moves is what is still there: the pool gives nothing to it. */
static void move(struct change *c, struct fence from, struct fence to, milli_t quantity)
{
    if (c->at > from.set_at && quantity > fence_left(&from))
        c->refused = REASON_NOT_SET_ASIDE;
    add(c, from, -quantity);
    add(c, to, quantity);
}

static bool has_room(const struct change *c, const struct apply *a)
{
    const struct fences *f = &c->row->ledger->fences;
    int64_t count = f->count;
    for (uint32_t i = 0; i < c->fences_count; i++)
        count += !fences_find(f, c->fences[i].channel);
    return count <= a->state->settings.fences_per_row || count == f->count;
}

static uint32_t channel_number(const struct apply *a, struct text id)
{
    const struct channel *ch = id.length ? catalogue_channel(a->state->catalogue, id) : NULL;
    return ch ? ch->number : CHANNEL_POOL;
}

void change_allocation(struct change *c, const struct apply *a, const struct event *e)
{
    const struct allocation_said *said = &e->allocation;
    struct fence f = fence_now(c->row->ledger, channel_number(a, said->channel));
    switch (said->op) {
    case ALLOCATION_SET:
        set(c, f, said->quantity);
        break;
    case ALLOCATION_ADD:
        add(c, f, said->quantity);
        break;
    case ALLOCATION_MOVE:
        move(c, f, fence_now(c->row->ledger, channel_number(a, said->to_channel)), said->quantity);
        break;
    case ALLOCATION_OP_END:
        break;
    }
    if (!c->refused && !has_room(c, a))
        c->refused = REASON_TOO_MANY_ALLOCATIONS;
}

/* What was sold before units were set aside was not sold of them. */
void change_consume(struct change *c, const struct apply *a, struct text channel, milli_t quantity)
{
    const struct fence *f = fences_find(&c->row->ledger->fences, channel_number(a, channel));
    if (!f || c->at <= f->set_at || !fence_left(f))
        return;
    c->fences[c->fences_count] = *f;
    c->fences[c->fences_count].consumed += quantity < fence_left(f) ? quantity : fence_left(f);
    c->fences_count++;
    c->did = true;
}
