/* Redis (RESP2): the same questions to hashes as onhand's own sink keeps them (onhand:a:{sku}, a field a
 * location), and reservations as a script would make them: a check and a decrement, without an id, an expiry
 * or a reference. */
#include "bench/load/request.h"

#include <stdio.h>
#include <stdlib.h>

static void put_word(struct buffer *out, struct text t)
{
    buffer_printf(out, "$%zu\r\n", t.length);
    buffer_text(out, t);
    buffer_text(out, TEXT("\r\n"));
}

static struct text sku_of(const struct maker *m, uint32_t row)
{
    return name_json(m->stock, &m->stock->skus[m->stock->rows[row].sku]);
}

static struct text place_of(const struct maker *m, uint32_t row)
{
    return name_json(m->stock, &m->stock->places[m->stock->rows[row].place]);
}

static void put_key(const struct maker *m, uint32_t row, struct buffer *out)
{
    char key[600];
    struct text sku = sku_of(m, row);
    int length = snprintf(key, sizeof(key), "%sa:{%.*s}", m->prefix, (int)sku.length, sku.at);

    put_word(out, (struct text){key, (size_t)length});
}

static void put_one(const struct maker *m, enum kind kind, uint32_t row, struct buffer *out)
{
    switch (kind) {
    case KIND_sku:
        buffer_text(out, TEXT("*2\r\n$7\r\nHGETALL\r\n"));
        put_key(m, row, out);
        break;
    case KIND_hold:
    case KIND_order:
        buffer_text(out, TEXT("*6\r\n$7\r\nEVALSHA\r\n"));
        put_word(out, text_of(m->script));
        buffer_text(out, TEXT("$1\r\n1\r\n"));
        put_key(m, row, out);
        put_word(out, place_of(m, row));
        buffer_text(out, TEXT("$1\r\n1\r\n"));
        break;
    case KIND_event:
        buffer_text(out, TEXT("*4\r\n$7\r\nHINCRBY\r\n"));
        put_key(m, row, out);
        put_word(out, place_of(m, row));
        buffer_text(out, TEXT("$1\r\n1\r\n"));
        break;
    default:
        buffer_text(out, TEXT("*3\r\n$5\r\nHMGET\r\n"));
        put_key(m, row, out);
        put_word(out, place_of(m, row));
        break;
    }
}

static void put(struct maker *m, struct request *r, struct buffer *out)
{
    unsigned count = r->kind == KIND_batch || r->kind == KIND_event  ? m->batch
                     : r->kind == KIND_hold || r->kind == KIND_order ? m->lines
                                                                     : 1;

    r->answers = (uint16_t)count;
    for (unsigned i = 0; i < count; i++)
        put_one(m, r->kind, request_row(m, r, i), out);
}

/* The bytes of one value that begins here, 0 while it is not whole, negative when it is none. */
static long value_length(const char *at, size_t length)
{
    const char *line = length ? memmem(at, length, "\r\n", 2) : NULL;

    if (length && !memchr("+-:$*", *at, 5))
        return -1;
    if (!line)
        return 0;
    long head = line + 2 - at, count = atol(at + 1);
    if (*at == '$')
        return count < 0 ? head : head + count + 2 <= (long)length ? head + count + 2 : 0;
    for (long i = 0; *at == '*' && i < count; i++) {
        long part = value_length(at + head, length - (size_t)head);
        if (part <= 0)
            return part;
        head += part;
    }
    return head;
}

static long take(const char *bytes, size_t length, struct answer *ret)
{
    long used = value_length(bytes, length);

    if (used > 0) {
        ret->body = (struct text){bytes, (size_t)used};
        ret->status = *bytes == '-' ? 500 : used >= 3 && memcmp(bytes, ":-1", 3) == 0 ? 409 : 200;
    }
    return used;
}

static enum judgement judge(struct maker *m, const struct request *r, const struct answer *a, bool look,
                            struct effect *ret_effect)
{
    if (a->status == 500)
        return ANSWER_ERROR;
    if (a->status == 409 && (r->kind == KIND_hold || r->kind == KIND_order))
        return ANSWER_REFUSED;
    if (r->kind == KIND_hold || r->kind == KIND_order)
        ret_effect->held = 1;
    if (r->kind == KIND_event)
        ret_effect->applied = 1;
    /* a null where a figure should be: the row is not in Redis */
    if (look && (r->kind == KIND_row || r->kind == KIND_batch) &&
        memmem(a->body.at, a->body.length, "$-1", 3))
        return ANSWER_WRONG;
    return look && r->kind == KIND_sku && a->body.length < 6 ? ANSWER_WRONG : ANSWER_RIGHT;
}

const struct wire wire_redis = {"redis", put, take, judge};
