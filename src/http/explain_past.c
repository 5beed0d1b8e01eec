/* One past verdict, from the history: the row's figures before and after, and why a reservation was refused.
 */
#include "http/explain_past.h"

#include "http/etag.h"
#include "http/history_ask.h"
#include "http/shape.h"

#include "codec/row_json.h"

enum { VERDICTS_MOST = 100 };

static void put_version_text(char out[64], struct version v)
{
    snprintf(out, 64, "%lu:%lu", v.incarnation, v.offset);
}

static void put_verdicts(struct exchange *x, const struct history_question *q)
{
    struct etag etag;
    struct buffer *b = row_answer_begin(x, q->sku, q->location, &etag);
    buffer_byte(b, ',');
    size_t version_at = b->length - x->body_at;
    buffer_text(b, TEXT("\"version\":"));
    json_put_version(b, (struct version){q->incarnation, q->offset});
    buffer_text(b, TEXT(",\"as_of\":"));
    json_put_instant(b, q->lines[0].appended_at);
    size_t version_end = b->length - x->body_at;
    buffer_text(b, TEXT(",\"verdicts\":["));
    for (size_t i = q->count; i > 0; i--) { /* in the order of the record */
        buffer_string(b, i == q->count ? "{" : ",{");
        put_history_line(b, q->incarnation, &q->lines[i - 1]);
        buffer_byte(b, '}');
    }
    buffer_text(b, TEXT("]}"));
    etag_end(x, &etag, version_at, version_end);
}

/* What the history has of it, or why it has nothing. */
static void answer(struct exchange *x, const struct history_question *q)
{
    char asked[64], from[64];

    put_version_text(asked, (struct version){q->incarnation, q->offset});
    put_version_text(from, (struct version){q->incarnation, q->complete_from});
    if (q->count)
        put_verdicts(x, q);
    else if (q->offset < q->complete_from)
        problem(x, PROBLEM_NOT_FOUND, "the history does not reach back to %s: it is complete from %s on",
                asked, from);
    else if (q->offset >= q->applied_to)
        problem(x, PROBLEM_BEHIND, "the history has not come to %s yet: try again", asked);
    else
        problem(x, PROBLEM_NOT_FOUND, "the record at %s said nothing of this row", asked);
}

void explain_past(struct exchange *x, struct version version)
{
    struct version now = view_version(exchange_view(x));
    struct history_question q = {.of_record = true,
                                 .offset = version.offset,
                                 .from = INSTANT_NONE,
                                 .to = INSTANT_NONE,
                                 .limit = VERDICTS_MOST};

    if (!history_row_is_known(x))
        return;
    if (!version.incarnation) /* the offset alone */
        version.incarnation = now.incarnation;
    if (version.incarnation > now.incarnation ||
        (version.incarnation == now.incarnation && version.offset > now.offset))
        problem(x, PROBLEM_NOT_FOUND, "that version is still to come: this log stands at %lu:%lu",
                now.incarnation, now.offset);
    else if (version.incarnation != now.incarnation)
        problem(x, PROBLEM_NOT_FOUND,
                "version %lu:%lu is of another log than this one (%lu): the history reaches back to its own "
                "beginning only",
                version.incarnation, version.offset, now.incarnation);
    else
        history_ask(x, &q, answer);
}
