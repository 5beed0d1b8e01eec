/* Reads reservations and rows so that they belong together. */
#include "http/past.h"

#include <stdlib.h>

bool past_add(struct past *p, struct text id, const char **ret_detail)
{
    *ret_detail = "must be a reservation's id: 1 to 128 bytes without control characters";
    if (!text_is_identifier(id))
        return false;
    *ret_detail = "may be there 16 times at most";
    if (p->count == LEFT_OUT_RESERVATIONS_MOST)
        return false;
    p->ids[p->count++] = id;
    return true;
}

void parameter_past(const struct parameter *a, struct past *ret, struct problems *p)
{
    const char *detail;

    if (!past_add(ret, a->value, &detail))
        parameter_wrong(p, a->name, detail);
}

static bool is_own(const struct exchange *x, struct text id)
{
    const struct view *v = exchange_view(x);
    const struct reservation *r = v->reservations ? reservations_find(v->reservations, id) : NULL;
    return !x->key || !x->key->channels_count || (r && key_has_channel(x->key, r->channel));
}

static void read_own(const struct exchange *x, const struct past *p, struct left_out_set *ret)
{
    struct text own[LEFT_OUT_RESERVATIONS_MOST];
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++)
        if (is_own(x, p->ids[i]))
            own[count++] = p->ids[i];
    left_out_read(exchange_view(x), own, count, ret);
}

bool past_read(struct exchange *x, const struct past *p, struct question *q)
{
    struct scratch *s = &x->loop->scratch;
    if (!p->count)
        return true;
    if (!s->left_out && !(s->left_out = malloc(sizeof(*s->left_out)))) {
        problem_no_memory(x);
        return false;
    }
    read_own(x, p, s->left_out);
    q->left_out = s->left_out;
    return true;
}

bool past_again(struct exchange *x, const struct past *p, struct question *q, int *tries)
{
    if (!q->left_out || left_out_holds(exchange_view(x), q->left_out))
        return false;
    if (++*tries == LEFT_OUT_TRIES)
        q->left_out = NULL;
    else
        read_own(x, p, x->loop->scratch.left_out);
    return true;
}
