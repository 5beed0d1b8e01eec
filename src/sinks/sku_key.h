/* A SKU as a part of a key: in Redis, in a topic. */
#ifndef SINKS_SKU_KEY_H
#define SINKS_SKU_KEY_H

#include "base/buffer.h"

/* Percent-encoded where it holds `%`, braces, `|`, `/`, `?`, `#`, space, and bytes above 0x7E. */
void sku_key_put(struct buffer *out, struct text sku);

#endif
