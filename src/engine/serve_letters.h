/* Dead letters of the log on Kafka: what its records say wrong, sent to the dead-letter topic by whoever is
 * on duty, at least once. (What comes through intake, intake sends.) */
#ifndef ENGINE_SERVE_LETTERS_H
#define ENGINE_SERVE_LETTERS_H

#include "engine/engine.h"
#include "engine/serve_options.h"

struct serve_letters;

/* ERROR_INVALID (detail says why), ERROR_NOMEM, ERROR_IO, ERROR_LIMIT. */
int serve_letters_start(const struct serve_options *o, struct engine *e, struct serve_letters **ret_letters,
                        char *detail, size_t detail_size);
void serve_letters_stop(struct serve_letters *l); /* before the engine; takes NULL */
/* @thread any */
void serve_letters_metrics(struct serve_letters *l, struct buffer *out);
void serve_letters_trouble(struct serve_letters *l, char *out, size_t size); /* "" or what is wrong */

#endif
