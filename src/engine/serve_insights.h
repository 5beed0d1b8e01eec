/* What was asked for and not found, kept in a file of the data directory over a restart. A help for people,
 * not the truth: written once a minute and at the end, and begun anew when it is lost or of another log. */
#ifndef ENGINE_SERVE_INSIGHTS_H
#define ENGINE_SERVE_INSIGHTS_H

#include "base/hash.h"
#include "core/answer/unmet.h"
#include "core/view.h"

struct serve_insights {
    struct unmet *unmet; /* NULL: it is not noted */
    char path[4096];
    bool restored;
    int64_t saved_us;
    struct hash128 saved; /* what is in the file */
};

/* 0 or ERROR_NOMEM. `hours` 0: it is not noted. */
int serve_insights_start(struct serve_insights *s, const char *directory, unsigned parts, unsigned hours,
                         unsigned keys);
/* When the log is caught up with: takes in what the file has. */
void serve_insights_restore(struct serve_insights *s, const struct view *v);
/* Once in a while: writes it when it is a minute old. */
void serve_insights_look(struct serve_insights *s, const struct view *v);
/* Nobody notes any more: writes it for the last time. */
void serve_insights_stop(struct serve_insights *s, const struct view *v);
void serve_insights_finish(struct serve_insights *s);

#endif
