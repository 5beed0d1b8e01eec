/* A row as JSON (api.md, `detail=true`), for answers and for the availability topic. */
#ifndef CODEC_ROW_JSON_H
#define CODEC_ROW_JSON_H

#include "core/answer/query.h"

#include "base/buffer.h"

/* "incarnation:offset", with its quotes */
void json_put_version(struct buffer *b, struct version v);
/* Of the record that last changed the row; null where there is none (a kit). */
void json_put_row_version(struct buffer *b, const struct view *v, const struct row_image *row);
/* Members, each with a comma in front: on_hand and all the others that are not its figure. */
void json_put_row_facts(struct buffer *b, const struct view *v, const struct query_row *r, const struct item *item);

#endif
