/* What reservations hold, read so that it belongs to the rows. */
#include "core/answer/left_out.h"

#include <stdlib.h>

static void add(struct left_out_set *s, struct left_out l)
{
    if (s->count < LEFT_OUT_LINES_MOST && (l.held || l.committed))
        s->at[s->count++] = l;
}

static void add_lines(struct left_out_set *s, const struct reservation *r)
{
    for (uint32_t i = 0; i < r->lines_count; i++) {
        const struct reservation_line *line = &r->lines[i];
        struct left_out l = {.sku = line->sku_number,
                             .location = line->location_number,
                             .held = line->held,
                             .committed = line->committed,
                             .fence_took = line->fence_took,
                             .channel = r->channel_number,
                             .required_at = r->required_at};
        if (!line->kit)
            add(s, l);
    }
    for (uint32_t i = 0; i < r->parts_count; i++) {
        const struct reservation_part *part = &r->parts[i];
        add(s, (struct left_out){.sku = part->sku_number,
                                 .location = r->lines[part->line].location_number,
                                 .held = part->held,
                                 .committed = part->committed,
                                 .fence_took = part->fence_took,
                                 .channel = r->channel_number,
                                 .required_at = r->required_at});
    }
}

void left_out_read(const struct view *v, const struct text *ids, size_t count, struct left_out_set *ret)
{
    ret->count = 0;
    ret->reservations_count = count < LEFT_OUT_RESERVATIONS_MOST ? count : LEFT_OUT_RESERVATIONS_MOST;
    for (size_t i = 0; i < ret->reservations_count; i++) {
        ret->id[i] = ids[i];
        ret->reservation[i] = v->reservations ? reservations_find(v->reservations, ids[i]) : NULL;
        if (ret->reservation[i])
            add_lines(ret, ret->reservation[i]);
    }
    qsort(ret->at, ret->count, sizeof(ret->at[0]), left_out_by_row);
}

bool left_out_holds(const struct view *v, const struct left_out_set *s)
{
    if (!v->reservations)
        return true;
    for (size_t i = 0; i < s->reservations_count; i++)
        if (reservations_find(v->reservations, s->id[i]) != s->reservation[i])
            return false;
    return !reservations_unsettled(v->reservations);
}
