/* Resolves groups into locations: walks the graph of who names whom with an explicit stack and marks, in
 * linear time, however deep it is. */
#include "core/model/membership.h"
#include "base/array.h"

#include "base/error.h"
#include "base/hash.h"
#include "core/model/catalogue_copy.h"

#include <stdlib.h>

static bool mention_equal(const void *owner, uint32_t id, struct text t)
{
    const struct membership *m = owner;
    return text_equal((struct text){m->mentions[id].name, m->mentions[id].name_length}, t);
}

int membership_init(struct membership *m, struct epoch *e, struct slots *groups)
{
    *m = (struct membership){.epoch = e, .groups = groups};
    m->index = index_create(e, 0, mention_equal, m);
    return m->index ? 0 : ERROR_NOMEM;
}

void membership_finish(struct membership *m)
{
    membership_abandon(m);
    for (uint32_t i = 0; i < m->mentions_count; i++) {
        free(m->mentions[i].name);
        free(m->mentions[i].by);
    }
    for (uint32_t i = 0; i < m->links_capacity; i++)
        free(m->links[i].mentions);
    index_destroy(m->index);
    free(m->mentions);
    free(m->links);
    free(m->seen_location);
    free(m->seen_group);
    free(m->stack);
    free(m->found);
    free(m->affected);
    free(m->pending);
    *m = (struct membership){0};
}

static uint32_t more_than(uint32_t count)
{
    return count < 16 ? 32 : 2 * count;
}

int membership_reserve(struct membership *m, uint32_t locations_count, uint32_t groups_count)
{
    if (locations_count > m->seen_locations_capacity) {
        uint32_t from = m->seen_locations_capacity, to = more_than(locations_count);
        if (!array_grow(&m->seen_location, from, to, sizeof(uint32_t)) ||
            !array_grow(&m->found, from, to, sizeof(uint32_t)))
            return ERROR_NOMEM;
        m->seen_locations_capacity = to;
    }
    if (groups_count > m->links_capacity) {
        uint32_t from = m->links_capacity, to = more_than(groups_count);
        if (!array_grow(&m->seen_group, from, to, sizeof(uint32_t)) ||
            !array_grow(&m->stack, from, to, sizeof(*m->stack)) ||
            !array_grow(&m->affected, from, to, sizeof(uint32_t)) ||
            !array_grow(&m->links, from, to, sizeof(*m->links)))
            return ERROR_NOMEM;
        for (uint32_t i = from; i < to; i++)
            m->links[i].own = INDEX_NONE;
        m->links_capacity = to;
    }
    return 0;
}

uint32_t membership_find(const struct membership *m, struct text name)
{
    return index_find(m->index, name, hash_text(name));
}

uint32_t membership_intern(struct membership *m, struct text name, bool *ret_new)
{
    uint64_t hash = hash_text(name);
    uint32_t number = index_find(m->index, name, hash);

    *ret_new = number == INDEX_NONE;
    if (!*ret_new)
        return number;
    number = m->mentions_count;
    if (number == m->mentions_capacity) {
        uint32_t to = more_than(number);
        if (!array_grow(&m->mentions, number, to, sizeof(*m->mentions)))
            return INDEX_NONE;
        m->mentions_capacity = to;
    }
    char *copy = malloc(name.length + 1);
    if (!copy)
        return INDEX_NONE;
    if (name.length)
        memcpy(copy, name.at, name.length);
    m->mentions[number] = (struct mention){
        .name = copy, .name_length = name.length, .location = INDEX_NONE, .group = INDEX_NONE};
    if (index_insert(m->index, number, name, hash, 0)) {
        free(copy);
        return INDEX_NONE;
    }
    m->mentions_count++;
    return number;
}

static uint32_t next_stamp(struct membership *m)
{
    if (++m->stamp == 0) { /* every four thousand million walks the marks are wiped */
        memset(m->seen_location, 0, m->seen_locations_capacity * sizeof(uint32_t));
        memset(m->seen_group, 0, m->links_capacity * sizeof(uint32_t));
        m->stamp = 1;
    }
    return m->stamp;
}

/* The locations of a group into m->found, each once, in order of first mention. Returns how many; false when
 * it reaches itself. */
static bool resolve(struct membership *m, uint32_t root, uint32_t *ret_count)
{
    uint32_t stamp = next_stamp(m), depth = 0, count = 0;

    m->seen_group[root] = stamp;
    m->stack[depth++] = (struct walk_step){root, 0};
    while (depth) {
        struct walk_step *top = &m->stack[depth - 1];
        const struct links *l = &m->links[top->group];
        if (top->next == l->count) {
            depth--;
            continue;
        }
        const struct mention *member = &m->mentions[l->mentions[top->next++]];
        if (member->group == root)
            return false;
        if (member->group != INDEX_NONE) {
            if (m->seen_group[member->group] != stamp) {
                m->seen_group[member->group] = stamp;
                m->stack[depth++] = (struct walk_step){member->group, 0};
            }
        } else if (member->location != INDEX_NONE && m->seen_location[member->location] != stamp) {
            m->seen_location[member->location] = stamp;
            m->found[count++] = member->location;
        }
    }
    *ret_count = count;
    return true;
}

static bool same_locations(const struct group *g, const uint32_t *found, uint32_t count)
{
    return g->locations_count == count && (!count || !memcmp(g->locations, found, count * sizeof(*found)));
}

/* Builds the object of one group with the locations it has now, when they are others than before. */
static int build(struct membership *m, uint32_t number, const struct group *draft)
{
    const struct group *old = draft ? draft : slots_get(m->groups, number);
    struct group draft_now = *old;

    if (!resolve(m, number, &draft_now.locations_count))
        return ERROR_CONFLICT;
    if (!draft && same_locations(old, m->found, draft_now.locations_count))
        return 0;
    if (m->pending_count == m->pending_capacity) {
        uint32_t to = more_than(m->pending_count);
        if (!array_grow(&m->pending, m->pending_count, to, sizeof(*m->pending)))
            return ERROR_NOMEM;
        m->pending_capacity = to;
    }
    draft_now.locations = m->found;
    struct group *object = group_copy(&draft_now);
    if (!object)
        return ERROR_NOMEM;
    m->pending[m->pending_count++] = (struct pending){number, object};
    return 0;
}

/* All groups that reach a mention, directly or through others, into m->affected. */
static uint32_t find_affected(struct membership *m, uint32_t mention)
{
    uint32_t stamp = next_stamp(m), count = 0, done = 0;

    while (mention != INDEX_NONE) {
        const struct mention *named = &m->mentions[mention];
        for (uint32_t i = 0; i < named->by_count; i++) {
            if (m->seen_group[named->by[i]] == stamp)
                continue;
            m->seen_group[named->by[i]] = stamp;
            m->affected[count++] = named->by[i];
        }
        mention = INDEX_NONE;
        while (mention == INDEX_NONE && done < count)
            mention = m->links[m->affected[done++]].own;
    }
    return count;
}

int membership_prepare(struct membership *m, uint32_t mention, uint32_t group, const struct group *draft)
{
    int result = group == INDEX_NONE
                     ? 0
                     : build(m, group, draft); /* first: a circle must be known before walking it */
    uint32_t count = result ? 0 : find_affected(m, mention);

    for (uint32_t i = 0; i < count && !result; i++)
        if (m->affected[i] != group)
            result = build(m, m->affected[i], NULL);
    if (result)
        membership_abandon(m);
    return result;
}

int membership_resolve_all(struct membership *m, uint32_t groups_count)
{
    int result = 0;

    for (uint32_t i = 0; i < groups_count && !result; i++)
        result = build(m, i, NULL);
    if (result)
        membership_abandon(m);
    return result;
}

void membership_commit(struct membership *m)
{
    for (uint32_t i = 0; i < m->pending_count; i++) {
        const struct group *old = slots_get(m->groups, m->pending[i].number);
        slots_set(m->groups, m->pending[i].number, m->pending[i].object);
        if (old && old != m->pending[i].object) /* a new group's object is in its place already */
            epoch_retire(m->epoch, (void *)(uintptr_t)old, free);
    }
    m->pending_count = 0;
}

void membership_abandon(struct membership *m)
{
    for (uint32_t i = 0; i < m->pending_count; i++)
        free(m->pending[i].object);
    m->pending_count = 0;
}

void membership_unlink(struct membership *m, uint32_t group, const struct links *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct mention *named = &m->mentions[l->mentions[i]];
        for (uint32_t k = 0; k < named->by_count; k++)
            if (named->by[k] == group) {
                named->by[k] = named->by[--named->by_count];
                m->mentions_named -= named->by_count == 0;
                break;
            }
    }
}

int membership_link(struct membership *m, uint32_t group, const struct links *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct mention *named = &m->mentions[l->mentions[i]];
        if (named->by_count < named->by_capacity)
            continue;
        uint32_t to = named->by_count ? 2 * named->by_count : 2;
        if (!array_grow(&named->by, named->by_count, to, sizeof(uint32_t)))
            return ERROR_NOMEM;
        named->by_capacity = to;
    }
    for (uint32_t i = 0; i < l->count; i++) {
        struct mention *named = &m->mentions[l->mentions[i]];
        named->by[named->by_count++] = group;
        m->mentions_named += named->by_count == 1;
    }
    return 0;
}

/* ---- forgetting names ---- */

enum { IDLE_MOST = 1024 };

static void rename_links(struct membership *m, const uint32_t *renamed)
{
    for (uint32_t g = 0; g < m->links_capacity; g++) {
        struct links *l = &m->links[g];
        if (l->own != INDEX_NONE)
            l->own = renamed[l->own];
        for (uint32_t i = 0; i < l->count; i++)
            l->mentions[i] = renamed[l->mentions[i]];
    }
}

/* The named ones into `kept`, in their order; renamed[old] is the new number. */
static uint32_t keep_named(const struct membership *m, struct mention *kept, uint32_t *renamed)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->mentions_count; i++) {
        renamed[i] = INDEX_NONE;
        if (!m->mentions[i].by_count)
            continue;
        kept[count] = m->mentions[i];
        renamed[i] = count++;
    }
    return count;
}

static bool index_names(struct index *i, const struct mention *mentions, uint32_t count)
{
    for (uint32_t n = 0; n < count; n++) {
        struct text name = {mentions[n].name, mentions[n].name_length};
        if (index_insert(i, n, name, hash_text(name), 0))
            return false;
    }
    return true;
}

void membership_tidy(struct membership *m)
{
    if (m->mentions_count < IDLE_MOST || m->mentions_count / 2 < m->mentions_named)
        return;
    uint32_t *renamed = malloc(m->mentions_count * sizeof(*renamed));
    struct mention *before = m->mentions, *kept = calloc(m->mentions_capacity, sizeof(*kept));
    struct index *fresh = index_create(m->epoch, m->mentions_named, mention_equal, m);
    if (renamed && kept && fresh) {
        uint32_t count = keep_named(m, kept, renamed);
        m->mentions = kept; /* what the index asks while it is filled */
        if (index_names(fresh, kept, count)) {
            for (uint32_t i = 0; i < m->mentions_count; i++)
                if (renamed[i] == INDEX_NONE) {
                    free(before[i].name);
                    free(before[i].by);
                }
            rename_links(m, renamed);
            index_destroy(m->index);
            m->index = fresh;
            m->mentions_count = count;
            kept = before;
            fresh = NULL;
        } else {
            m->mentions = before;
        }
    }
    free(renamed); /* without memory nothing was tidied: the next change tries again */
    free(kept);
    index_destroy(fresh);
}
