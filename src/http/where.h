/* Parameters that say where and how many, read the same way by every question that has them. */
#ifndef HTTP_WHERE_H
#define HTTP_WHERE_H

#include "http/ask.h"

struct near_said {
    bool is_said;
    int32_t latitude_e7, longitude_e7;
    uint64_t within_m; /* 0: any distance */
};

/* Each adds a problem when the value is not right, or is there twice. */
void parameter_near(const struct parameter *p, struct near_said *ret, struct problems *errors);
void parameter_within(const struct parameter *p, struct near_said *ret, struct problems *errors);
void parameter_quantity(const struct parameter *p, milli_t *ret, struct problems *errors); /* > 0 */
void parameter_name(const struct parameter *p, struct text *ret, struct problems *errors);
extern const char parameter_name_must[]; /* "must be a name: …" */
/* Places are said in one way: by name, by group, or near a point. */
void parameters_where(size_t names_count, struct text group, const struct near_said *near,
                      struct problems *errors);

/* Metres from the point, as people read them. */
double near_distance_m(const struct near_said *n, const struct location *l);

#endif
