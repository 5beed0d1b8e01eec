/* What reading threads see of a running engine. Everything here may be read by any thread at any time. */
#ifndef CORE_VIEW_H
#define CORE_VIEW_H

#include "core/answer/calendar.h"
#include "core/model/catalogue.h"
#include "core/model/positions.h"
#include "core/model/state.h"
#include "core/table/table.h"

#include <stdatomic.h>

/* The settings of the log by number. */
enum log_setting {
#define LOG_SETTING(name, first, least, most, meaning) LOG_SETTING_##name,
#include "core/model/log_settings.def"
#undef LOG_SETTING
    LOG_SETTINGS
};

struct view {
    struct epoch *epoch;
    const struct table *table;
    const struct catalogue *catalogue;
    struct positions *positions;
    const struct reservations *reservations;
    struct calendars calendars;               /* opening hours, methods, lanes of locations: calendar_of */
    const struct places *places;              /* when locations were heard of, and whether they are silent */
    const uint64_t *incarnations;             /* [0, incarnations_count): never changed once counted */
    _Atomic uint32_t incarnations_count;      /* release: pairs with the acquire of whoever indexes incarnations */
    _Atomic uint64_t next_offset;             /* all before it is applied and visible. release by the writer after a batch; load it (acquire) before rows */
    _Atomic int64_t log_time;                 /* of the last applied record */
    _Atomic uint32_t level;
    _Atomic bool ready;                       /* caught up and able to append */
    _Atomic int64_t settings[LOG_SETTINGS];   /* of the log. relaxed: each stands for itself */
};

/* @thread writer, when they may have changed. */
static inline void view_set_settings(struct view *v, const struct log_settings *s)
{
#define LOG_SETTING(name, first, least, most, meaning)                                                        \
    atomic_store_explicit(&v->settings[LOG_SETTING_##name], s->name, memory_order_relaxed);
#include "core/model/log_settings.def"
#undef LOG_SETTING
}

static inline uint64_t view_incarnation(const struct view *v)
{
    uint32_t count = atomic_load_explicit(&v->incarnations_count, memory_order_acquire);
    return count ? v->incarnations[count - 1] : 0;
}

/* The version an answer carries: incarnation and the offset of the last applied record. */
struct version { uint64_t incarnation, offset; };
static inline struct version view_version(const struct view *v)
{
    uint64_t next = atomic_load_explicit(&v->next_offset, memory_order_acquire);
    return (struct version){view_incarnation(v), next ? next - 1 : 0};
}

#endif
