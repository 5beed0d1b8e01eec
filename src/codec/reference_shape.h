/* What the documents of reference data look like. */
#ifndef CODEC_REFERENCE_SHAPE_H
#define CODEC_REFERENCE_SHAPE_H

#include "codec/document.h"

/* In the order of enum location_type and of the bits of enum method; up to NULL. */
extern const char *const reference_location_types[], *const reference_methods[];

const struct document_field *reference_shape(enum record_kind kind);

/* What must hold between fields. Ask it only of documents whose fields are right one by one. */
void reference_check(enum record_kind kind, const struct json_node *nodes, struct text id,
                     struct problems *p);

/* Adds a problem when the id is none for that kind. */
bool reference_id_is_right(enum record_kind kind, struct text id, struct problems *p);

#endif
