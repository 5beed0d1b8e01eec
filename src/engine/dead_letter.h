/* The log's dead-letter file: events that came by HTTP or the library and that apply rejected for good, a
 * JSON line each. Written by a thread of its own. After a crash the replay hands in again what may be
 * missing; what is in the file already is known by its version. */
#ifndef ENGINE_DEAD_LETTER_H
#define ENGINE_DEAD_LETTER_H

#include "core/model/record.h"
#include "core/model/verdict.h"

struct dead_letters;

/* Opens (makes) the file, cuts a torn last line off, finds the last version in it. ERROR_IO, ERROR_NOMEM. */
int dead_letters_open(const char *path, struct dead_letters **ret_letters);
/* Hands one in: copied; left out when the file has it. When the writer of the file lags more than 16 MiB
 * behind, it is dropped and counted. @thread writer */
void dead_letters_add(struct dead_letters *d, uint64_t incarnation, uint64_t offset, uint32_t number,
                      instant_t at, const struct event *e, struct event_verdict verdict);
/* The same for a record of the log that no decoder could read: its bytes, as base64, and what was wrong with
 * them. @thread writer */
void dead_letters_add_unreadable(struct dead_letters *d, uint64_t incarnation, uint64_t offset, instant_t at,
                                 const char *pointer, const char *detail, struct text bytes);
/* Is everything handed in written and synced, or given up? A checkpoint waits for it. @thread any, does not
 * block */
bool dead_letters_idle(struct dead_letters *d);
/* Waits until it is. The error of the last write. @thread any */
int dead_letters_flush(struct dead_letters *d);
uint64_t dead_letters_written(struct dead_letters *d);
uint64_t dead_letters_lost(struct dead_letters *d);
void dead_letters_close(struct dead_letters *d); /* flushes; takes NULL */

#endif
