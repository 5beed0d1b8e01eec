/* Parameters that say where and how many. */
#include "http/where.h"

#include "core/answer/query.h"

const char parameter_name_must[] = "must be a name: letters, digits, `.`, `_`, `-`, 1 to 128 of them";

/* Degrees with at most so many whole ones, exactly, into 10^-7 degrees; more digits are cut off. */
static bool read_degrees(struct text t, int64_t most, int32_t *ret)
{
    bool negative = t.length && t.at[0] == '-';
    int64_t whole = 0;
    size_t i = negative, digits = 0, fraction = 0;

    for (; i < t.length && t.at[i] >= '0' && t.at[i] <= '9' && digits < 4; i++, digits++)
        whole = whole * 10 + (t.at[i] - '0');
    if (!digits)
        return false;
    if (i < t.length && t.at[i] == '.')
        for (i++; i < t.length && t.at[i] >= '0' && t.at[i] <= '9'; i++)
            if (fraction < 7) {
                whole = whole * 10 + (t.at[i] - '0');
                fraction++;
            }
    if (i != t.length)
        return false;
    for (; fraction < 7; fraction++)
        whole *= 10;
    if (whole > most * 10000000)
        return false;
    *ret = (int32_t)(negative ? -whole : whole);
    return true;
}

void parameter_near(const struct parameter *p, struct near_said *ret, struct problems *errors)
{
    const char *comma = p->value.length ? memchr(p->value.at, ',', p->value.length) : NULL;
    size_t length = comma ? (size_t)(comma - p->value.at) : 0;

    if (ret->is_said)
        parameter_wrong(errors, p->name, "is there twice");
    else if (!comma || !read_degrees((struct text){p->value.at, length}, 90, &ret->latitude_e7) ||
             !read_degrees((struct text){comma + 1, p->value.length - length - 1}, 180, &ret->longitude_e7))
        parameter_wrong(errors, p->name, "must be latitude,longitude in degrees: near=52.52,13.405");
    ret->is_said = true;
}

void parameter_quantity(const struct parameter *p, milli_t *ret, struct problems *errors)
{
    enum quantity_error e = quantity_parse(p->value, ret);

    if (e)
        parameter_wrong(errors, p->name, quantity_error_text(e));
    else if (*ret <= 0)
        parameter_wrong(errors, p->name, "must be greater than 0");
}

void parameter_within(const struct parameter *p, struct near_said *ret, struct problems *errors)
{
    milli_t metres = 0; /* thousandths of a kilometre */

    parameter_quantity(p, &metres, errors);
    ret->within_m = (uint64_t)(metres > 0 ? metres : 0);
}

void parameter_name(const struct parameter *p, struct text *ret, struct problems *errors)
{
    if (!text_is_name(p->value))
        parameter_wrong(errors, p->name, parameter_name_must);
    else if (ret->length)
        parameter_wrong(errors, p->name, "is there twice");
    else
        *ret = p->value;
}

double near_distance_m(const struct near_said *n, const struct location *l)
{
    return distance_m(n->latitude_e7, n->longitude_e7, l->latitude_e7, l->longitude_e7);
}

void parameters_where(size_t names_count, struct text group, const struct near_said *near,
                      struct problems *errors)
{
    if ((names_count > 0) + (group.length > 0) + near->is_said > 1)
        problems_add(errors, "location", "location, group and near do not go together");
    if (near->within_m && !near->is_said)
        problems_add(errors, "within_km", "goes with near only");
}
