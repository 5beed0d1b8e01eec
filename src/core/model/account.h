/* Accounts of a row by reference and line: found fast however many there are, closed ones kept in the order
 * in which they closed. */
#ifndef CORE_MODEL_ACCOUNT_H
#define CORE_MODEL_ACCOUNT_H

#include "core/model/record.h"

/* The head of a demand or a supply account. There are as many as rows have orders and reservations: what few
 * of them need, and their texts, lie behind it in the same allocation. */
struct account {
    uint64_t hash;
    uint32_t number;    /* its place in struct accounts, which is not for ever */
    uint8_t texts_at_8; /* eighths of the way to its texts, in bytes */
    uint8_t reference_length, line_length;
    bool closed;
    instant_t closed_at;           /* log time */
    struct account *older, *newer; /* closed ones, in the order in which they closed */
};

/* Of those with a reference and a line, right before the texts. */
struct account_by_line {
    uint64_t reference_hash;
    struct account *before, *next; /* in one bucket */
};

static inline const char *account_texts(const struct account *a)
{
    return (const char *)a + 8 * (size_t)a->texts_at_8;
}
static inline struct text account_reference(const struct account *a)
{
    return (struct text){account_texts(a), a->reference_length};
}
/* Empty: none. */
static inline struct text account_line(const struct account *a)
{
    return (struct text){account_texts(a) + a->reference_length, a->line_length};
}
/* Is it found by its reference alone too, as one of several? */
static inline bool account_is_line(const struct account *a)
{
    return a->reference_length && a->line_length;
}
uint64_t account_reference_hash(const struct account *a);

struct account_slot {
    uint32_t number; /* + 1; 0: empty */
    uint32_t hash;   /* its lower half: an account that is not the one is mostly not looked at */
};

/* Zero-initialised is empty and valid. Nothing may depend on the order of `at`. */
struct accounts {
    struct account **at;
    uint32_t count, capacity, closed_count;
    struct account_slot *slots;      /* by hash; NULL while there are few */
    uint32_t slots_count;            /* a power of two */
    struct account *oldest, *newest; /* closed */
    struct account **lines;          /* account_is_line: by their reference; NULL: there are none */
    uint32_t lines_count, buckets;   /* buckets: a power of two */
};

/* An account of `bytes` (a multiple of 8, less than 2,000; its head is first), zero but for the head; NULL
 * without memory. Freed by free(). */
void *account_create(size_t bytes, struct text reference, struct text line);

/* What accounts_find, reserve and link will touch for that reference and line. */
uint64_t account_hash(struct text reference, struct text line);
static inline void accounts_prefetch(const struct accounts *a, uint64_t hash)
{
    if (a->slots)
        __builtin_prefetch(&a->slots[(uint32_t)hash & (a->slots_count - 1)], 1);
    __builtin_prefetch(a->at + a->count, 1);
}

struct account *accounts_find(const struct accounts *a, struct text reference, struct text line);
/* Room for one more, with a reference and a line or without; ERROR_NOMEM leaves all as it was. */
int accounts_reserve(struct accounts *a, bool is_line);
/* Those of this reference that have a line, `most` of them at most, in the canonical order. Returns how many.
 */
uint32_t accounts_lines(const struct accounts *a, struct text reference, struct account **ret, uint32_t most);
void accounts_link(struct accounts *a,
                   struct account *account); /* after accounts_reserve: cannot fail. It is open */
void accounts_unlink(struct accounts *a, struct account *account);
void accounts_close(struct accounts *a, struct account *account,
                    instant_t log_time); /* nothing when it is closed already */
void accounts_reopen(struct accounts *a, struct account *account);
/* `finish` takes each account apart and frees it. */
void accounts_finish(struct accounts *a, void (*finish)(struct account *account));
/* By reference, then line: the canonical order. */
int account_compare(const struct account *a, const struct account *b);

#endif
