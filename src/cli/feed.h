/* Files of any form, handed on as JSON documents one by one: what `send` and `import` share. */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include "cli/cli.h"
#include "codec/columns.h"
#include "cli/input.h"

struct feed_document {
    enum data_kind kind; /* DATA_KINDS: JSON, whose reader finds out */
    bool row;            /* of a CSV: the id of reference data stands beside its JSON, not in it */
    struct text id;
    struct text json; /* without line breaks */
    const char *file;
    unsigned long line;
    double progress; /* of the file; negative: not known */
};

struct feed_reader {
    void *context;
    int (*take)(void *context,
                const struct feed_document *d); /* an exit code; anything but EXIT_OK ends the feed */
};

/* Reads one file. `kind` DATA_KINDS: whatever it holds. An exit code, after a message. A row of a CSV that
 * cannot be read is told and skipped, and the answer is EXIT_USAGE in the end; a file that cannot be taken
 * apart ends at once. */
int feed_file(const char *path, const struct settings *s, enum data_kind kind, const struct feed_reader *r);

#endif
