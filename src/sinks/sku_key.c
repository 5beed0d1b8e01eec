/* A SKU as a part of a key: model.md, Identifiers. */
#include "sinks/sku_key.h"

void sku_key_put(struct buffer *out, struct text sku)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < sku.length; i++) {
        unsigned char c = (unsigned char)sku.at[i];
        if (c > 0x20 && c <= 0x7E && !strchr("%{}|/?#", c)) {
            buffer_byte(out, (char)c);
        } else {
            buffer_byte(out, '%');
            buffer_byte(out, hex[c >> 4]);
            buffer_byte(out, hex[c & 15]);
        }
    }
}
