/* Documents as they were PUT, and figures, into schema.org's words. */
#include "codec/json_ld.h"

#include "base/error.h"
#include "codec/document.h"
#include "core/model/rare.h"

#define PUT(literal) buffer_text(b, TEXT(literal))

const char *ld_availability(enum level l)
{
    static const char *const names[LEVEL_END] = {
        [LEVEL_OUT_OF_STOCK] = "https://schema.org/OutOfStock",
        [LEVEL_LOW_STOCK] = "https://schema.org/LimitedAvailability",
        [LEVEL_IN_STOCK] = "https://schema.org/InStock",
        [LEVEL_BACKORDER] = "https://schema.org/BackOrder",
        [LEVEL_PREORDER] = "https://schema.org/PreOrder",
    };
    return (unsigned)l < LEVEL_END ? names[l] : "";
}

/* ---- members ---- */

static void put_member(struct buffer *b, const char *name, struct text value)
{
    if (!value.length)
        return;
    buffer_printf(b, ",\"%s\":", name);
    json_put_string(b, value);
}

/* What a document says as a string. */
static struct text said(const struct json_node *nodes, uint32_t object, const char *name)
{
    const struct json_node *n = nodes ? document_member(nodes, object, name) : NULL;

    return n && n->type == JSON_STRING ? n->text : (struct text){0};
}

/* *ret NULL: nothing was PUT. */
static int parse(struct text document, struct arena *scratch, const struct json_node **ret)
{
    struct problems p = {.count = 0};
    size_t count;

    *ret = NULL;
    arena_reset(scratch);
    int error = document.length ? json_parse(document, scratch, ret, &count, &p) : 0;
    return error == ERROR_INVALID ? ERROR_CORRUPT : error;
}

/* ---- locations ---- */

static const char *type_of(const struct location *l)
{
    return l->type == LOCATION_STORE ? "Store" : "Place";
}

static void put_degrees(struct buffer *b, int32_t e7)
{
    int64_t n = e7 < 0 ? -(int64_t)e7 : e7;
    buffer_printf(b, "%s%d.%07d", e7 < 0 ? "-" : "", (int)(n / 10000000), (int)(n % 10000000));
}

static void put_geo(struct buffer *b, const struct location *l)
{
    if (!l->has_position)
        return;
    PUT(",\"geo\":{\"@type\":\"GeoCoordinates\",\"latitude\":");
    put_degrees(b, l->latitude_e7);
    PUT(",\"longitude\":");
    put_degrees(b, l->longitude_e7);
    PUT("}");
}

/* schema.org's readers know no 24:00: the last minute of the day. */
static void put_time(struct buffer *b, const char *name, struct text t)
{
    put_member(b, name, text_equal(t, TEXT("24:00")) ? TEXT("23:59") : t);
}

static void put_days(struct buffer *b, const struct json_node *nodes, uint32_t list)
{
    static const struct {
        struct text said;
        const char *name;
    } days[] = {{TEXT("mo"), "Monday"},   {TEXT("tu"), "Tuesday"}, {TEXT("we"), "Wednesday"},
                {TEXT("th"), "Thursday"}, {TEXT("fr"), "Friday"},  {TEXT("sa"), "Saturday"},
                {TEXT("su"), "Sunday"}};
    uint32_t day = list + 1;

    PUT(",\"dayOfWeek\":[");
    for (uint32_t i = 0; i < nodes[list].count; i++, day = nodes[day].next)
        for (size_t d = 0; d < sizeof(days) / sizeof(*days); d++)
            if (text_equal(nodes[day].text, days[d].said))
                buffer_printf(b, "%s\"https://schema.org/%s\"", i ? "," : "", days[d].name);
    PUT("]");
}

static void put_hours(struct buffer *b, const struct json_node *nodes)
{
    const struct json_node *list = document_member(nodes, 0, "opening_hours");
    uint32_t at = list ? document_index(nodes, list) + 1 : 0;

    if (!list)
        return;
    PUT(",\"openingHoursSpecification\":[");
    for (uint32_t i = 0; i < list->count; i++, at = nodes[at].next) {
        buffer_string(b, i ? ",{\"@type\":\"OpeningHoursSpecification\""
                           : "{\"@type\":\"OpeningHoursSpecification\"");
        put_days(b, nodes, document_index(nodes, document_member(nodes, at, "days")));
        put_time(b, "opens", said(nodes, at, "opens"));
        put_time(b, "closes", said(nodes, at, "closes"));
        PUT("}");
    }
    PUT("]");
}

/* A day on which it stays closed opens and closes at midnight. */
static void put_exceptions(struct buffer *b, const struct json_node *nodes)
{
    const struct json_node *list = document_member(nodes, 0, "exceptions");
    uint32_t at = list ? document_index(nodes, list) + 1 : 0;

    if (!list)
        return;
    PUT(",\"specialOpeningHoursSpecification\":[");
    for (uint32_t i = 0; i < list->count; i++, at = nodes[at].next) {
        struct text opens = said(nodes, at, "opens"), closes = said(nodes, at, "closes");
        buffer_string(b, i ? ",{\"@type\":\"OpeningHoursSpecification\""
                           : "{\"@type\":\"OpeningHoursSpecification\"");
        put_member(b, "validFrom", said(nodes, at, "date"));
        put_member(b, "validThrough", said(nodes, at, "date"));
        put_time(b, "opens", opens.length ? opens : TEXT("00:00"));
        put_time(b, "closes", closes.length ? closes : TEXT("00:00"));
        PUT("}");
    }
    PUT("]");
}

int ld_put_location(struct buffer *b, const struct location *l, struct arena *scratch)
{
    const struct json_node *nodes;
    int error = parse(l->document, scratch, &nodes);

    if (error)
        return error;
    buffer_printf(b, "{\"@context\":\"https://schema.org\",\"@type\":\"%s\"", type_of(l));
    put_member(b, "branchCode", l->id);
    put_member(b, "name", l->name);
    put_member(b, "globalLocationNumber", said(nodes, 0, "gln"));
    put_member(b, "address", said(nodes, 0, "address"));
    put_geo(b, l);
    if (nodes) {
        put_hours(b, nodes);
        put_exceptions(b, nodes);
    }
    PUT("}");
    return b->failed ? ERROR_NOMEM : 0;
}

/* ---- items ---- */

static void put_gtin(struct buffer *b, const struct json_node *nodes)
{
    const struct json_node *list = document_member(nodes, 0, "gtins");

    if (!list || !list->count)
        return;
    put_member(b, "gtin", nodes[document_index(nodes, list) + 1].text);
}

/* What schema.org has a word of its own for; the rest goes into additionalProperty. */
static const char *property_of(struct text option)
{
    static const struct {
        struct text said;
        const char *name;
    } known[] = {{TEXT("size"), "size"},         {TEXT("color"), "color"},     {TEXT("colour"), "color"},
                 {TEXT("material"), "material"}, {TEXT("pattern"), "pattern"}, {TEXT("model"), "model"}};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (text_equal(option, known[i].said))
            return known[i].name;
    return NULL;
}

static void put_options(struct buffer *b, const struct json_node *nodes)
{
    const struct json_node *options = document_member(nodes, 0, "options");
    uint32_t first = options ? document_index(nodes, options) + 1 : 0, at = first;
    bool others = false;

    for (uint32_t i = 0; options && i < options->count; i++, at = nodes[at].next) {
        const char *name = property_of(nodes[at].key);
        if (name)
            put_member(b, name, nodes[at].text);
        others |= !name;
    }
    if (!others)
        return;
    PUT(",\"additionalProperty\":[");
    const char *before = "{\"@type\":\"PropertyValue\"";
    at = first;
    for (uint32_t i = 0; i < options->count; i++, at = nodes[at].next) {
        if (property_of(nodes[at].key))
            continue;
        buffer_string(b, before);
        put_member(b, "name", nodes[at].key);
        put_member(b, "value", nodes[at].text);
        PUT("}");
        before = ",{\"@type\":\"PropertyValue\"";
    }
    PUT("]");
}

/* All that an item says of itself. */
static int put_item(struct buffer *b, struct text sku, const struct item *item, struct arena *scratch)
{
    const struct json_node *nodes = NULL;
    int error = item ? parse(item->document, scratch, &nodes) : 0;

    if (error)
        return error;
    put_member(b, "sku", sku);
    if (item)
        put_member(b, "name", item->name);
    if (nodes) {
        put_gtin(b, nodes);
        put_options(b, nodes);
    }
    return 0;
}

int ld_product_begin(struct buffer *b, struct text sku, const struct item *item, struct arena *scratch)
{
    PUT("{\"@context\":\"https://schema.org\",\"@type\":\"Product\"");
    int error = put_item(b, sku, item, scratch);
    if (error)
        return error;
    if (item && item->product.length) {
        PUT(",\"isVariantOf\":{\"@type\":\"ProductGroup\"");
        put_member(b, "productGroupID", item->product);
        PUT("}");
    }
    PUT(",\"offers\":[");
    return 0;
}

void ld_put_offer(struct buffer *b, const struct query_row *r, const struct item *item, bool first)
{
    const struct location *l = r->place;

    buffer_printf(b, "%s{\"@type\":\"Offer\",\"availability\":\"%s\"", first ? "" : ",",
                  ld_availability(r->figure.level));
    if (r->figure.level == LEVEL_PREORDER && item) {
        PUT(",\"availabilityStarts\":");
        json_put_instant(b, item->release_at);
    }
    PUT(",\"inventoryLevel\":{\"@type\":\"QuantitativeValue\",\"value\":");
    json_put_quantity(b, r->figure.available);
    if (item)
        put_member(b, "unitText", item->unit);
    buffer_printf(b, "},\"availableAtOrFrom\":{\"@type\":\"%s\"", l ? type_of(l) : "Place");
    if (l) {
        put_member(b, "branchCode", l->id);
        put_member(b, "name", l->name);
    }
    PUT("}}");
}

void ld_product_end(struct buffer *b)
{
    PUT("]}");
}

/* ---- products with variants ---- */

/* Where schema.org has no word, the option's own. */
static void put_varies_by(struct buffer *b, const struct text *names, size_t count)
{
    if (!count)
        return;
    PUT(",\"variesBy\":[");
    for (size_t i = 0; i < count; i++) {
        const char *known = property_of(names[i]);
        if (i)
            buffer_byte(b, ',');
        if (known)
            buffer_printf(b, "\"https://schema.org/%s\"", known);
        else
            json_put_string(b, names[i]);
    }
    PUT("]");
}

void ld_group_begin(struct buffer *b, struct text product, struct text name, const struct text *names,
                    size_t names_count)
{
    PUT("{\"@context\":\"https://schema.org\",\"@type\":\"ProductGroup\"");
    put_member(b, "productGroupID", product);
    put_member(b, "name", name);
    put_varies_by(b, names, names_count);
    PUT(",\"hasVariant\":[");
}

int ld_variant_begin(struct buffer *b, struct text sku, const struct item *item, struct arena *scratch,
                     bool first)
{
    buffer_string(b, first ? "{\"@type\":\"Product\"" : ",{\"@type\":\"Product\"");
    int error = put_item(b, sku, item, scratch);
    if (!error)
        PUT(",\"offers\":[");
    return error;
}

void ld_group_end(struct buffer *b)
{
    PUT("]}");
}

/* ---- the local inventory feed ---- */

const char feed_local_inventory_header[] =
    "store code\tid\tquantity\tavailability\tpickup method\tpickup SLA\n";

/* A store cannot hand over today what is on backorder or not released; what stands there on display can be
 * ordered. */
static const char *feed_availability(const struct query_row *r)
{
    const struct rare *rare = row_rare(&r->row);

    switch (r->figure.level) {
    case LEVEL_IN_STOCK:
        return "in_stock";
    case LEVEL_LOW_STOCK:
        return "limited_availability";
    case LEVEL_BACKORDER:
        return rare && rare->unavailable[STATUS_DISPLAY - 1] > 0 ? "on_display_to_order" : "out_of_stock";
    default:
        return "out_of_stock";
    }
}

/* Names hold no tabs and no line ends; a quote at the beginning would begin a quoted cell. */
static void put_cell(struct buffer *b, struct text t)
{
    if (!t.length || t.at[0] != '"') {
        buffer_text(b, t);
        return;
    }
    buffer_byte(b, '"');
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] == '"')
            buffer_byte(b, '"');
        buffer_byte(b, t.at[i]);
    }
    buffer_byte(b, '"');
}

void feed_put_local_inventory(struct buffer *b, struct text sku, const struct query_row *r, const char *sla)
{
    bool there = r->figure.level == LEVEL_IN_STOCK || r->figure.level == LEVEL_LOW_STOCK;
    milli_t whole = there ? r->figure.available / MILLI_PER_UNIT : 0;

    put_cell(b, r->place->id);
    buffer_byte(b, '\t');
    put_cell(b, sku);
    buffer_printf(b, "\t%lld\t%s\t%s\t%s\n", (long long)whole, feed_availability(r),
                  there && sla ? "reserve" : "not supported", there && sla ? sla : "");
}
