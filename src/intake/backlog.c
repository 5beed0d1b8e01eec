/* A list of rejections for each intake and partition, in the order of their offsets, under one lock that is
 * seldom taken. */
#include "intake/backlog.h"
#include "base/error.h"

#include <pthread.h>
#include <stdlib.h>

enum { REJECTIONS_MOST = 4 * 1024 * 1024 };

struct rejection_list { /* of one partition */
    struct rejection_list *next;
    struct rejection *first, *last;
    int32_t partition;
    size_t name_length;
    char name[];
};

struct intake_backlog {
    pthread_mutex_t lock;
    struct rejection_list *lists;
    size_t count;
};

struct intake_backlog *intake_backlog_create(void)
{
    struct intake_backlog *b = calloc(1, sizeof(*b));

    if (b)
        pthread_mutex_init(&b->lock, NULL);
    return b;
}

static void list_destroy(struct intake_backlog *b, struct rejection_list *l)
{
    while (l->first) {
        struct rejection *r = l->first;
        l->first = r->next;
        free(r);
        b->count--;
    }
    free(l);
}

void intake_backlog_destroy(struct intake_backlog *b)
{
    if (!b)
        return;
    while (b->lists) {
        struct rejection_list *l = b->lists;
        b->lists = l->next;
        list_destroy(b, l);
    }
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct rejection_list *list_find(struct intake_backlog *b, struct text name, int32_t partition)
{
    for (struct rejection_list *l = b->lists; l; l = l->next)
        if (l->partition == partition && text_equal((struct text){l->name, l->name_length}, name))
            return l;
    return NULL;
}

static struct rejection_list *list_make(struct intake_backlog *b, struct text name, int32_t partition)
{
    struct rejection_list *l = list_find(b, name, partition);

    if (l)
        return l;
    l = calloc(1, sizeof(*l) + name.length);
    if (!l)
        return NULL;
    l->partition = partition;
    l->name_length = name.length;
    memcpy(l->name, name.at, name.length);
    l->next = b->lists;
    b->lists = l;
    return l;
}

/* Records of a partition come in the order of their offsets; what came before (a repeat of the replay) is
 * there already. */
static int list_append(struct intake_backlog *b, struct rejection_list *l, const struct rejection *said)
{
    if (l->last && l->last->offset >= said->offset)
        return 0;
    if (b->count >= REJECTIONS_MOST)
        return ERROR_LIMIT;
    struct rejection *r = malloc(sizeof(*r));
    if (!r)
        return ERROR_NOMEM;
    *r = *said;
    if (l->last)
        l->last->next = r;
    else
        l->first = r;
    l->last = r;
    b->count++;
    return 0;
}

/* A rejection for a gap is none of the message's: it comes again. */
static bool is_rejected(const struct event_verdict *v)
{
    return v->verdict == VERDICT_REJECTED && v->reason != REASON_GAP;
}

int intake_backlog_note(struct intake_backlog *b, const struct record *r,
                        const struct event_verdict *verdicts, size_t count, uint64_t log_offset)
{
    size_t i = 0;

    if (r->intake.name.length == 0)
        return 0;
    while (i < count && !is_rejected(&verdicts[i]))
        i++;
    if (i == count)
        return 0;
    struct rejection said = {.offset = r->intake.offset,
                             .log_offset = log_offset,
                             .event = (uint32_t)i,
                             .reason = verdicts[i].reason};
    pthread_mutex_lock(&b->lock);
    struct rejection_list *l = list_make(b, r->intake.name, r->intake.partition);
    int error = l ? list_append(b, l, &said) : ERROR_NOMEM;
    pthread_mutex_unlock(&b->lock);
    return error;
}

bool intake_backlog_clear(struct intake_backlog *b, uint64_t log_offset)
{
    bool clear = true;

    pthread_mutex_lock(&b->lock);
    for (struct rejection_list *l = b->lists; l && clear; l = l->next)
        clear = !l->first || l->first->log_offset >= log_offset;
    pthread_mutex_unlock(&b->lock);
    return clear;
}

static struct rejection *rejection_find(struct intake_backlog *b, struct text name, int32_t partition,
                                        int64_t offset)
{
    struct rejection_list *l = list_find(b, name, partition);
    struct rejection *r = l ? l->first : NULL;

    while (r && r->offset < offset)
        r = r->next;
    return r && r->offset == offset ? r : NULL;
}

int64_t backlog_first(struct intake_backlog *b, struct text name, int32_t partition, int64_t from)
{
    if (!b)
        return -1;
    pthread_mutex_lock(&b->lock);
    struct rejection_list *l = list_find(b, name, partition);
    struct rejection *r = l ? l->first : NULL;
    while (r && (r->taken || r->offset < from))
        r = r->next;
    int64_t offset = r ? r->offset : -1;
    pthread_mutex_unlock(&b->lock);
    return offset;
}

bool backlog_take(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset,
                  struct rejection *ret)
{
    bool found = false;

    if (!b)
        return false;
    pthread_mutex_lock(&b->lock);
    struct rejection *r = rejection_find(b, name, partition, offset);
    if (r && !r->taken) {
        r->taken = found = true;
        *ret = *r;
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

/* Takes out what `gone` says of one partition. */
static void strike(struct intake_backlog *b, struct text name, int32_t partition, int64_t least, int64_t most)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    struct rejection_list *l = list_find(b, name, partition);
    struct rejection *before = NULL;
    for (struct rejection *r = l ? l->first : NULL, *next; r; r = next) {
        next = r->next;
        if (r->offset < least || r->offset > most) {
            before = r;
            continue;
        }
        if (before)
            before->next = next;
        else
            l->first = next;
        if (l->last == r)
            l->last = before;
        free(r);
        b->count--;
    }
    pthread_mutex_unlock(&b->lock);
}

void backlog_strike(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset)
{
    strike(b, name, partition, offset, offset);
}

void backlog_strike_before(struct intake_backlog *b, struct text name, int32_t partition, int64_t from)
{
    strike(b, name, partition, INT64_MIN, from - 1);
}

void backlog_give_back(struct intake_backlog *b, struct text name, int32_t partition, int64_t offset)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    struct rejection *r = rejection_find(b, name, partition, offset);
    if (r)
        r->taken = false;
    pthread_mutex_unlock(&b->lock);
}

size_t backlog_places(struct intake_backlog *b, struct rejection_place *ret, size_t most)
{
    size_t count = 0;

    if (!b)
        return 0;
    pthread_mutex_lock(&b->lock);
    for (const struct rejection_list *l = b->lists; l && count < most; l = l->next)
        if (l->first)
            ret[count++] = (struct rejection_place){{l->name, l->name_length}, l->partition};
    pthread_mutex_unlock(&b->lock);
    return count;
}

static bool is_among(struct text name, const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_equal(names[i], name))
            return true;
    return false;
}

void backlog_keep_only(struct intake_backlog *b, const struct text *names, size_t count)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    for (struct rejection_list **at = &b->lists; *at;) {
        struct rejection_list *l = *at;
        if (is_among((struct text){l->name, l->name_length}, names, count)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        list_destroy(b, l);
    }
    pthread_mutex_unlock(&b->lock);
}
