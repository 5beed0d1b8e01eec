/* The dead-letter file read back: from a place of the log on, line after line, also while it grows. */
#ifndef ENGINE_DEAD_LETTER_FILE_H
#define ENGINE_DEAD_LETTER_FILE_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dead_letter_file {
    int fd;
    off_t at; /* of the next line */
    struct {
        char *at;
        size_t length, capacity;
    } line;
};

/* A line of it; texts lie in the arena. */
struct dead_letter {
    uint64_t incarnation, offset;
    uint32_t number; /* of the event in its record */
    struct text reason, pointer, detail;
    struct text id;        /* of the event; empty when it could not be read */
    struct text canonical; /* the event as canonical JSON, or the bytes that could not be read */
    bool readable;
};

/* ERROR_IO. `f` can be finished in any case. */
int dead_letter_file_open(struct dead_letter_file *f, const char *path);
void dead_letter_file_finish(struct dead_letter_file *f);
/* Before the first line of a record at or behind that place. ERROR_IO, ERROR_NOMEM. */
int dead_letter_file_seek(struct dead_letter_file *f, uint64_t incarnation, uint64_t offset);
/* 1 and the next line, 0 at the end (a line that is not whole is not there yet), ERROR_IO, ERROR_NOMEM. A
 * line that is no letter is passed over. */
int dead_letter_file_next(struct dead_letter_file *f, struct arena *a, struct dead_letter *ret);

#endif
