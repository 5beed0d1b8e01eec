/* A dense array of accounts, with a hash table beside it once there are more than a few. */
#include "core/model/account.h"

#include "base/array.h"
#include "base/error.h"
#include "base/hash.h"

#include <stdlib.h>

enum { FEW = 16, FIRST_SLOTS = 64 };

uint64_t account_hash(struct text reference, struct text line)
{
    uint64_t h = hash_text(reference);
    return line.length ? h ^ (hash_text(line) * 0x9E3779B97F4A7C15u) : h;
}

static struct account_by_line *by_line(const struct account *a)
{
    return (struct account_by_line *)(uintptr_t)account_texts(a) - 1;
}

uint64_t account_reference_hash(const struct account *a)
{
    return account_is_line(a) ? by_line(a)->reference_hash : a->hash;
}

void *account_create(size_t bytes, struct text reference, struct text line)
{
    bool is_line = reference.length && line.length;
    size_t head = bytes + (is_line ? sizeof(struct account_by_line) : 0);
    struct account *a = malloc(head + reference.length + line.length);
    if (!a)
        return NULL;
    memset(a, 0, head);
    char *texts = (char *)a + head;
    if (reference.length)
        memcpy(texts, reference.at, reference.length);
    if (line.length)
        memcpy(texts + reference.length, line.at, line.length);
    a->hash = account_hash(reference, line);
    a->texts_at_8 = (uint8_t)(head / 8);
    a->reference_length = (uint8_t)reference.length;
    a->line_length = (uint8_t)line.length;
    a->closed_at = INSTANT_NONE;
    if (is_line)
        by_line(a)->reference_hash = hash_text(reference);
    return a;
}

static bool is(const struct account *a, uint64_t hash, struct text reference, struct text line)
{
    return a->hash == hash && text_equal(account_reference(a), reference) &&
           text_equal(account_line(a), line);
}

struct account *accounts_find(const struct accounts *a, struct text reference, struct text line)
{
    if (a->count == 0)
        return NULL;
    uint64_t hash = account_hash(reference, line);
    if (!a->slots) {
        for (uint32_t i = 0; i < a->count; i++)
            if (is(a->at[i], hash, reference, line))
                return a->at[i];
        return NULL;
    }
    uint32_t mask = a->slots_count - 1;
    for (uint32_t slot = (uint32_t)hash & mask; a->slots[slot].number; slot = (slot + 1) & mask)
        if (a->slots[slot].hash == (uint32_t)hash &&
            is(a->at[a->slots[slot].number - 1], hash, reference, line))
            return a->at[a->slots[slot].number - 1];
    return NULL;
}

static void slot_put(struct account_slot *slots, uint32_t mask, uint32_t hash, uint32_t number)
{
    uint32_t slot = hash & mask;
    while (slots[slot].number)
        slot = (slot + 1) & mask;
    slots[slot] = (struct account_slot){number + 1, hash};
}

static int slots_reserve(struct accounts *a)
{
    if (a->count < FEW || (a->slots && (a->count + 1) * 2 <= a->slots_count))
        return 0;
    uint32_t count = a->slots_count ? a->slots_count * 2 : FIRST_SLOTS;
    struct account_slot *slots = calloc(count, sizeof(*slots));
    if (!slots)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < a->slots_count; i++)
        if (a->slots[i].number)
            slot_put(slots, count - 1, a->slots[i].hash, a->slots[i].number - 1);
    for (uint32_t i = 0; i < a->count && !a->slots; i++)
        slot_put(slots, count - 1, (uint32_t)a->at[i]->hash, i);
    free(a->slots);
    a->slots = slots;
    a->slots_count = count;
    return 0;
}

/* ---- those with a line, by their reference ---- */

static void line_link(struct account **lines, uint32_t buckets, struct account *account)
{
    struct account_by_line *own = by_line(account);
    struct account **first = &lines[own->reference_hash & (buckets - 1)];
    own->before = NULL;
    own->next = *first;
    if (*first)
        by_line(*first)->before = account;
    *first = account;
}

static void line_unlink(struct accounts *a, struct account *account)
{
    const struct account_by_line *own = by_line(account);
    struct account **first = &a->lines[own->reference_hash & (a->buckets - 1)];
    *(own->before ? &by_line(own->before)->next : first) = own->next;
    if (own->next)
        by_line(own->next)->before = own->before;
    a->lines_count--;
}

static int lines_reserve(struct accounts *a)
{
    if (a->lines_count < a->buckets)
        return 0;
    uint32_t buckets = a->buckets ? a->buckets * 2 : 4;
    struct account **lines = calloc(buckets, sizeof(struct account *));
    if (!lines)
        return ERROR_NOMEM;
    for (uint32_t i = 0; i < a->count; i++)
        if (account_is_line(a->at[i]))
            line_link(lines, buckets, a->at[i]);
    free(a->lines);
    a->lines = lines;
    a->buckets = buckets;
    return 0;
}

uint32_t accounts_lines(const struct accounts *a, struct text reference, struct account **ret, uint32_t most)
{
    uint32_t count = 0;
    if (!a->lines_count)
        return 0;
    uint64_t hash = hash_text(reference);
    for (struct account *one = a->lines[hash & (a->buckets - 1)]; one; one = by_line(one)->next) {
        if (by_line(one)->reference_hash != hash || !text_equal(account_reference(one), reference) ||
            count == most)
            continue;
        uint32_t i = count++;
        for (; i > 0 && account_compare(ret[i - 1], one) > 0; i--)
            ret[i] = ret[i - 1];
        ret[i] = one;
    }
    return count;
}

/* ---- all of them ---- */

int accounts_reserve(struct accounts *a, bool is_line)
{
    if (a->count == a->capacity) {
        uint32_t capacity = a->capacity ? a->capacity * 2 : 4;
        if (!array_grow(&a->at, a->capacity, capacity, sizeof(*a->at)))
            return ERROR_NOMEM;
        a->capacity = capacity;
    }
    int error = is_line ? lines_reserve(a) : 0;
    return error ? error : slots_reserve(a);
}

void accounts_link(struct accounts *a, struct account *account)
{
    account->number = a->count;
    a->at[a->count++] = account;
    if (a->slots)
        slot_put(a->slots, a->slots_count - 1, (uint32_t)account->hash, account->number);
    if (account_is_line(account)) {
        line_link(a->lines, a->buckets, account);
        a->lines_count++;
    }
}

static uint32_t slot_of(const struct accounts *a, const struct account *account)
{
    uint32_t mask = a->slots_count - 1, slot = (uint32_t)account->hash & mask;
    while (a->slots[slot].number != account->number + 1)
        slot = (slot + 1) & mask;
    return slot;
}

/* Linear probing without tombstones: whoever follows in the run and may stand in the hole moves into it. */
static void slot_clear(struct accounts *a, uint32_t hole)
{
    uint32_t mask = a->slots_count - 1;
    for (uint32_t next = (hole + 1) & mask; a->slots[next].number; next = (next + 1) & mask) {
        uint32_t home = a->slots[next].hash & mask;
        if (((next - home) & mask) < ((next - hole) & mask))
            continue;
        a->slots[hole] = a->slots[next];
        hole = next;
    }
    a->slots[hole].number = 0;
}

void accounts_unlink(struct accounts *a, struct account *account)
{
    accounts_reopen(a, account);
    if (account_is_line(account))
        line_unlink(a, account);
    struct account *last = a->at[a->count - 1];
    if (a->slots)
        slot_clear(a, slot_of(a, account));
    if (last != account) {
        if (a->slots)
            a->slots[slot_of(a, last)].number = account->number + 1;
        last->number = account->number;
        a->at[last->number] = last;
    }
    a->count--;
}

void accounts_close(struct accounts *a, struct account *account, instant_t log_time)
{
    if (account->closed)
        return;
    account->closed = true;
    account->closed_at = log_time;
    account->older = a->newest;
    account->newer = NULL;
    if (a->newest)
        a->newest->newer = account;
    else
        a->oldest = account;
    a->newest = account;
    a->closed_count++;
}

void accounts_reopen(struct accounts *a, struct account *account)
{
    if (!account->closed)
        return;
    *(account->older ? &account->older->newer : &a->oldest) = account->newer;
    *(account->newer ? &account->newer->older : &a->newest) = account->older;
    account->older = account->newer = NULL;
    account->closed = false;
    account->closed_at = INSTANT_NONE;
    a->closed_count--;
}

void accounts_finish(struct accounts *a, void (*finish)(struct account *account))
{
    for (uint32_t i = 0; i < a->count; i++)
        finish(a->at[i]);
    free(a->at);
    free(a->slots);
    free(a->lines);
    *a = (struct accounts){0};
}

int account_compare(const struct account *a, const struct account *b)
{
    int order = text_compare(account_reference(a), account_reference(b));
    return order ? order : text_compare(account_line(a), account_line(b));
}
