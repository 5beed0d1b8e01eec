/* Trouble told once, and pauses that double. */
#include "sinks/patience.h"
#include "base/clock.h"
#include "base/logger.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BACKOFF_FIRST_US (INT64_C(100) * 1000)
#define BACKOFF_MOST_US (INT64_C(5) * 1000 * 1000)

void trouble_init(struct trouble *t, const char *who)
{
    t->who = who;
    t->text[0] = '\0';
    pthread_mutex_init(&t->lock, NULL);
}

void trouble_finish(struct trouble *t)
{
    pthread_mutex_destroy(&t->lock);
}

void trouble_say(struct trouble *t, const char *format, ...)
{
    char text[sizeof(t->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&t->lock);
    bool news = strcmp(text, t->text) != 0;
    memcpy(t->text, text, sizeof(text));
    pthread_mutex_unlock(&t->lock);
    if (!news || !t->who)
        return;
    if (*text)
        log_warning("%s: %s", t->who, text);
    else
        log_info("%s: goes on", t->who);
}

void trouble_tell(struct trouble *t, char *out, size_t size)
{
    pthread_mutex_lock(&t->lock);
    snprintf(out, size, "%s", t->text);
    pthread_mutex_unlock(&t->lock);
}

void patience_pause(struct patience *p)
{
    if (p->resume_us)
        return;
    p->backoff_us = p->backoff_us ? p->backoff_us * 2 : BACKOFF_FIRST_US;
    if (p->backoff_us > BACKOFF_MOST_US)
        p->backoff_us = BACKOFF_MOST_US;
    p->resume_us = clock_monotonic_us() + p->backoff_us;
}

void patience_look(struct patience *p, int64_t now_us)
{
    if (p->resume_us && now_us >= p->resume_us)
        p->resume_us = 0;
}

void patience_went_well(struct patience *p)
{
    p->backoff_us = 0;
    trouble_say(&p->trouble, "%s", "");
}

void patience_anew(struct patience *p)
{
    p->resume_us = p->backoff_us = 0;
    trouble_say(&p->trouble, "%s", "");
}
