/* From a row of a CSV to the JSON that the HTTP interface takes. */
#ifndef CODEC_COLUMNS_H
#define CODEC_COLUMNS_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/options.h"
#include "codec/csv.h"

/* The order of --kind, without auto and stock. */
enum data_kind { DATA_EVENTS, DATA_LOCATIONS, DATA_ITEMS, DATA_GROUPS, DATA_CHANNELS, DATA_KINDS };

enum cell {
    CELL_SKIP,
    CELL_ID,
    CELL_STRING,
    CELL_NUMBER,
    CELL_FLAG,
    CELL_LIST,
    CELL_HOURS,
    CELL_JSON,
    CELL_LIMIT,
    CELL_OPTION
};

struct column {
    enum cell cell;
    char field[64]; /* of an option: its name */
};

struct columns {
    enum data_kind kind;
    size_t count;
    struct column at[CSV_FIELDS_MOST];
    char skipped[200]; /* names of the columns nobody knows, for a message; "" when all are known */
};

enum { COLUMNS_DETAIL_BYTES = 300 };

/* What each column of the header means. `kind` DATA_KINDS: find out by the names. `renamed`: NAME=FIELD each,
 * stronger than the header (NAME= leaves the column out). ERROR_INVALID with `detail`. */
int columns_read(struct columns *c, enum data_kind kind, const struct csv *header,
                 const struct setting_list *renamed, char detail[COLUMNS_DETAIL_BYTES]);
/* Is there a column for the id? ERROR_INVALID with `detail`. Events may get theirs otherwise. */
int columns_have_id(const struct columns *c, char detail[COLUMNS_DETAIL_BYTES]);
/* One row as an object; an empty cell is left out. *ret_id is the cell with the id (DATA_EVENTS: empty).
 * *ret_holidays: as opening_hours_to_json. */
int columns_row(const struct columns *c, const struct csv *row, struct buffer *out, struct text *ret_id,
                bool *ret_holidays, char detail[COLUMNS_DETAIL_BYTES]);

/* "locations": as in a path. */
const char *data_kind_name(enum data_kind k);
/* "location": the field that holds the id. */
const char *data_kind_id(enum data_kind k);

#endif
