/* How far each shared output (Redis, the availability topic) got, as the log says: whoever is on duty next
 * goes on there. */
#ifndef CORE_MODEL_OUTPUTS_H
#define CORE_MODEL_OUTPUTS_H

#include "base/buffer.h"
#include "core/model/record.h"

enum { OUTPUTS_MOST = 16 };

struct output {
    uint8_t length;
    char name[TEXT_BYTES_MOST];
    uint64_t incarnation, offset; /* everything before `offset` of this incarnation is out */
};

/* Zero-initialised is empty and valid. Outputs keep their places; none is ever removed. @thread writer */
struct outputs {
    uint32_t count;
    struct output at[OUTPUTS_MOST];
};

const struct output *outputs_find(const struct outputs *o, struct text name); /* NULL: never heard of */
/* False when there is no room for one more. */
bool outputs_set(struct outputs *o, struct text name, uint64_t incarnation, uint64_t offset);
/* ---- for image.c ---- */
void outputs_save(const struct outputs *o, struct buffer *out);
int outputs_load(struct outputs *o, const void *bytes, size_t length); /* ERROR_CORRUPT */

#endif
