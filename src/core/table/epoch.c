/* ck_epoch, wrapped: notes of what was retired wait until no reader's section is older than they are.
 *
 * ck's own synchronisation is assembly that ThreadSanitizer cannot see, so this file says it again in its
 * words: a section that ends releases, whoever destroys afterwards acquires (tsan_word stands for all
 * sections of an engine). This is the only file that includes ck_epoch.h. */
#include "core/table/epoch.h"

#include <ck_epoch.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#ifdef TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#else
#define __tsan_acquire(address) ((void)(address))
#define __tsan_release(address) ((void)(address))
#endif

enum { SPARE_MOST = 4096 };

struct note {
    ck_epoch_entry_t entry;
    void *memory;
    void (*destroy)(void *);
    struct note *next; /* in the spare list or the due list */
};

struct epoch_reader {
    ck_epoch_record_t record; /* first: ck_epoch_recycle hands back its address */
    struct epoch *epoch;
    struct epoch_reader *next;
};

struct epoch {
    ck_epoch_t ck;
    struct epoch_reader writer;
    _Atomic(struct epoch_reader *)
        readers;              /* all ever made, to be freed at the end; pushed by any thread, never popped */
    struct note *due, *spare; /* the writer's */
    size_t waiting, spare_count;
    char tsan_word;
};

struct epoch *epoch_create(void)
{
    struct epoch *e = aligned_alloc(64, (sizeof(*e) + 63) & ~(size_t)63);

    if (!e)
        return NULL;
    *e = (struct epoch){0};
    ck_epoch_init(&e->ck);
    e->writer.epoch = e;
    ck_epoch_register(&e->ck, &e->writer.record, NULL);
    return e;
}

void epoch_destroy(struct epoch *e)
{
    if (!e)
        return;
    epoch_drain(e);
    while (e->spare) {
        struct note *next = e->spare->next;
        free(e->spare);
        e->spare = next;
    }
    struct epoch_reader *r = atomic_load_explicit(&e->readers, memory_order_acquire);
    while (r) {
        struct epoch_reader *next = r->next;
        free(r);
        r = next;
    }
    free(e);
}

struct epoch_reader *epoch_register(struct epoch *e)
{
    ck_epoch_record_t *used = ck_epoch_recycle(&e->ck, NULL);

    if (used) {
        __tsan_acquire(used);
        return (struct epoch_reader *)used;
    }
    struct epoch_reader *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
    if (!r)
        return NULL;
    *r = (struct epoch_reader){.epoch = e};
    ck_epoch_register(&e->ck, &r->record, NULL);
    r->next = atomic_load_explicit(&e->readers, memory_order_relaxed);
    /* release: pairs with the acquire in epoch_destroy */
    while (!atomic_compare_exchange_weak_explicit(&e->readers, &r->next, r, memory_order_release,
                                                  memory_order_relaxed))
        ;
    return r;
}

void epoch_unregister(struct epoch_reader *r)
{
    if (!r)
        return;
    __tsan_release(&r->record);
    ck_epoch_unregister(&r->record);
}

void epoch_enter(struct epoch_reader *r)
{
    ck_epoch_begin(&r->record, NULL);
    __tsan_acquire(&r->epoch->tsan_word);
}

void epoch_exit(struct epoch_reader *r)
{
    __tsan_release(&r->epoch->tsan_word);
    ck_epoch_end(&r->record, NULL);
}

static struct note *note_take(struct epoch *e)
{
    struct note *n = e->spare;

    if (!n)
        return malloc(sizeof(*n));
    e->spare = n->next;
    e->spare_count--;
    return n;
}

static void note_give(struct epoch *e, struct note *n)
{
    if (e->spare_count >= SPARE_MOST) {
        free(n);
        return;
    }
    n->next = e->spare;
    e->spare = n;
    e->spare_count++;
}

void epoch_retire(struct epoch *e, void *memory, void (*destroy)(void *memory))
{
    struct note *n = note_take(e);

    if (!n) {
        ck_epoch_synchronize(&e->writer.record);
        __tsan_acquire(&e->tsan_word);
        destroy(memory);
        return;
    }
    n->memory = memory;
    n->destroy = destroy;
    e->waiting++;
    ck_epoch_call(&e->writer.record, &n->entry, NULL);
}

/* Moves what ck says no reader can see into the due list. */
static void collect(struct epoch *e)
{
    ck_stack_t safe = CK_STACK_INITIALIZER;
    ck_stack_entry_t *at;

    ck_epoch_poll_deferred(&e->writer.record, &safe);
    while ((at = ck_stack_pop_npsc(&safe)) != NULL) {
        struct note *n = (struct note *)((char *)at - offsetof(struct note, entry.stack_entry));
        n->next = e->due;
        e->due = n;
    }
}

size_t epoch_poll(struct epoch *e, size_t most)
{
    if (e->waiting == 0)
        return 0;
    if (!e->due)
        collect(e);
    if (e->due)
        __tsan_acquire(&e->tsan_word);
    while (e->due && most-- > 0) {
        struct note *n = e->due;
        e->due = n->next;
        e->waiting--;
        n->destroy(n->memory);
        note_give(e, n);
    }
    return e->waiting;
}

void epoch_drain(struct epoch *e)
{
    while (e->waiting) { /* what is destroyed may retire more */
        ck_epoch_synchronize(&e->writer.record);
        epoch_poll(e, SIZE_MAX);
    }
}
