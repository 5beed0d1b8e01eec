/* Questions over many rows: an item at some locations, in a group, near a point, everywhere. Reads the table in place. */
#ifndef CORE_ANSWER_QUERY_H
#define CORE_ANSWER_QUERY_H

#include "core/answer/availability.h"
#include "core/view.h"

struct query_row {
    uint32_t location;            /* number; INDEX_NONE: a location nobody knows */
    const struct location *place; /* NULL when nobody knows it; valid inside the epoch section */
    bool known;                   /* the SKU has a row there */
    bool stale;                   /* the location has been silent for too long */
    struct row_image row;         /* zero when not known */
    struct figure figure;
    double distance_m;            /* with near; else 0 */
};

/* @thread any, inside an epoch section. Kits: the least over their components at each location, in whole kits; `row` is zero then, and `known` says whether all
 * components have a row there; a component's rows are of one version for 64 locations at a time. The same for a group: hand in its locations. Locations are asked by number; ret_rows has room for `count`. All rows of one SKU are of
 * one version. *ret_total is the sum of `available`. */
void query_locations(const struct view *v, const struct sku *s, const struct question *q, const uint32_t *locations, size_t count,
                     struct query_row *ret_rows, milli_t *ret_total);
/* All rows the SKU has; at most `capacity` are written, returns how many there are (more than capacity: come again with more room). */
size_t query_everywhere(const struct view *v, const struct sku *s, const struct question *q, struct query_row *ret_rows, size_t capacity,
                        milli_t *ret_total);

/* How a row of an answer was asked about, for explanations: with its terms, and what is left out. */
struct asked_row query_asked(const struct view *v, const struct sku *s, const struct question *q, const struct query_row *row);

/* By which terms a channel sees a SKU at a location. `s` may be NULL, of the question the channel and the method count. @thread any, inside an epoch
 * section */
struct terms query_terms(const struct view *v, const struct sku *s, const struct question *q, uint32_t location);

/* Metres between two points on the sphere of radius 6,371,008.8 m (haversine); angles in 10^-7 degrees. */
double distance_m(int32_t latitude_a_e7, int32_t longitude_a_e7, int32_t latitude_b_e7, int32_t longitude_b_e7);
/* The question for the places nearest to a point; within_m 0: no bound. */
struct near_question near_from(int32_t latitude_e7, int32_t longitude_e7, uint64_t within_m);

#endif
