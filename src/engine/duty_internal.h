/* What duty's files share: duty.c has its thread and membership, duty_due.c what falls due, duty_silence.c
 * silent locations, duty_outputs.c how far outputs got, duty_clock.c log time. */
#ifndef ENGINE_DUTY_INTERNAL_H
#define ENGINE_DUTY_INTERNAL_H

#include "engine/duty.h"
#include "engine/duty_clock.h"
#include "engine/internal.h"

enum { PROPOSALS_MOST = 256, SILENCES_MOST = 64 };

/* A record on its way to the log. */
struct outgoing {
    struct command command;
    struct event_verdict verdict;
    struct duty *duty;
    instant_t due; /* of a proposal: log time had come so far, as the proposer knew */
};

struct duty_output {
    struct duty *duty;
    char name[TEXT_BYTES_MOST + 1];
    /* under lock */
    bool is_recorded;
    struct duty_place recorded;
    uint64_t reported_term; /* 0: nothing reported */
    struct duty_place reported;
};

struct duty {
    struct engine *engine;
    struct duty_view view;
    pthread_t thread;
    bool started;

    /* the thread's */
    struct duty_clock clock;
    bool fit;
    uint64_t local_term, term; /* of a log that nobody shares; as last looked */
    int64_t progress_us;
    int64_t silence_us;
    struct epoch_reader *reader; /* registered at the first look */
    struct outgoing proposal[PROPOSALS_MOST], silence[SILENCES_MOST], progress[OUTPUTS_MOST];
    struct buffer silence_bytes[SILENCES_MOST];
    struct outgoing announcement;
    struct buffer announcement_bytes;
    uint64_t announced_term;
    struct buffer progress_bytes[OUTPUTS_MOST];
    _Atomic uint32_t proposals_out, silences_out, announcements_out; /* on their way */
    bool progress_out[OUTPUTS_MOST];                                 /* under lock */

    /* between duty and writer */
    _Atomic int64_t next_due_us; /* log time; INT64_MAX: nothing */
    _Atomic uint64_t news_offset;
    _Atomic int64_t early_us; /* the log's time when it found a proposal early; 0: none was */
    _Atomic bool asked;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    instant_t until; /* under lock, like what follows */
    bool has_answer, stopping;
    size_t count, ends[PROPOSALS_MOST];
    struct buffer bytes;
    struct outputs known; /* as the state has them */
    size_t outputs_count;
    struct duty_output outputs[OUTPUTS_MOST];

    _Atomic uint64_t gains_total, proposals_total, accepted_total, progress_total, waiting;
};

/* A proposal came back: counts it, and learns log time when it was early. @thread writer or log */
void outgoing_judged(const struct outgoing *o);
/* Gets a record ready to be handed in. */
void outgoing_fill(struct outgoing *o, struct duty *d, const void *bytes, size_t length,
                   void (*done)(struct command *c));
static inline bool duty_held(const struct duty *d, int64_t now_us)
{
    return duty_term(&d->view, now_us) != 0;
}

/* Each a part of a look. */
void duty_look_at_due(struct duty *d, instant_t log_now, int64_t now_us);
void duty_look_at_silence(struct duty *d, instant_t log_now, int64_t now_us);
void duty_look_at_outputs(struct duty *d, int64_t now_us);

#endif
