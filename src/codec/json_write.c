/* Writes strings, quantities and instants as JSON that may stand in a page, too. */
#include "codec/json.h"

#include "base/hash.h"

#include <emmintrin.h>

/* How many bytes at p need an escape (and as which character), 0: none do. */
static int must_escape(const unsigned char *p, const unsigned char *end, unsigned *ret_character)
{
    *ret_character = *p;
    if (*p < 0x20 || *p == '"' || *p == '\\' || *p == '<' || *p == '>' || *p == '&' || *p == 0x7F)
        return 1;
    if (*p != 0xE2 || end - p < 3 || p[1] != 0x80 || (p[2] != 0xA8 && p[2] != 0xA9))
        return 0;
    *ret_character = 0x2000u | (p[2] & 0x3Fu);
    return 3;
}

static void put_escape(struct buffer *b, unsigned character)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *pair = letters; *pair; pair += 2) {
        if ((unsigned char)*pair == character) {
            buffer_byte(b, '\\');
            buffer_byte(b, pair[1]);
            return;
        }
    }
    buffer_printf(b, "\\u%04X", character);
}

/* How many bytes from p on stand for themselves: ASCII that needs no escape. */
static size_t plain_run(const char *p, size_t length)
{
    static const bool escaped[256] = {
        [0 ... 0x1F] = true, ['"'] = true, ['\\'] = true, ['<'] = true,
        ['>'] = true,        ['&'] = true, [0x7F] = true, [0x80 ... 0xFF] = true};
    size_t n = 0;

    while (n < length && !escaped[(unsigned char)p[n]])
        n++;
    return n;
}

static void put_escaped(struct buffer *b, struct text t)
{
    const unsigned char *p = (const unsigned char *)t.at, *end = p + t.length, *run = p;
    bool utf8 = text_is_utf8(t);
    unsigned character;

    while (p < end) {
        int bytes = must_escape(p, end, &character);
        if (!utf8 &&
            *p >= 0x80) { /* never said by anybody who was checked, but an answer must be JSON all the same */
            bytes = 1;
            character = 0xFFFD;
        }
        if (!bytes) {
            p++;
            continue;
        }
        buffer_add(b, run, (size_t)(p - run));
        put_escape(b, character);
        run = p += bytes;
    }
    buffer_add(b, run, (size_t)(p - run));
}

/* Do these sixteen bytes all stand for themselves? */
static inline bool are_plain(__m128i bytes)
{
    __m128i other = _mm_cmpgt_epi8(_mm_set1_epi8(' '), bytes); /* with a sign: what is beyond ASCII, too */
    __m128i angles = _mm_or_si128(bytes, _mm_set1_epi8('<' ^ '>')),
            quotes = _mm_or_si128(bytes, _mm_set1_epi8('"' ^ '&'));

    other = _mm_or_si128(other, _mm_cmpeq_epi8(angles, _mm_set1_epi8('>')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(quotes, _mm_set1_epi8('&')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F)));
    return _mm_movemask_epi8(other) == 0;
}

/* Most names have 8 to 16 bytes: two words that may overlap. False: this one is to be looked at byte by byte.
 */
static inline bool put_short(struct buffer *b, struct text t)
{
    if (t.length - 8 > TEXT_WORDS_MOST - 8)
        return false;
    struct text_words w = text_words_of_many(t);
    char *room = buffer_reserve(b, t.length + 2);
    if (!room || !are_plain(_mm_set_epi64x((int64_t)w.last, (int64_t)w.first)))
        return false;
    memcpy(room + 1, &w.first, sizeof(w.first));
    memcpy(room + 1 + t.length - sizeof(w.last), &w.last, sizeof(w.last));
    room[0] = room[t.length + 1] = '"';
    b->length += t.length + 2;
    return true;
}

void json_put_string(struct buffer *b, struct text t)
{
    if (put_short(b, t))
        return;
    size_t plain = plain_run(t.at, t.length);
    char *room = buffer_reserve(b, plain + 2);

    if (!room)
        return;
    *room++ = '"';
    b->length += plain + 2;
    if (plain)
        memcpy(room, t.at, plain);
    if (plain == t.length) {
        room[plain] = '"';
        return;
    }
    b->length--;
    put_escaped(b, (struct text){t.at + plain, t.length - plain});
    buffer_byte(b, '"');
}

void json_put_quantity(struct buffer *b, milli_t q)
{
    char *room = buffer_reserve(b, QUANTITY_TEXT_BYTES);

    if (room)
        b->length += quantity_format(q, room);
}

void json_put_instant(struct buffer *b, instant_t at)
{
    char *room = buffer_reserve(b, INSTANT_TEXT_BYTES + 2);
    size_t length = room ? instant_format(at, room + 1) : 0;

    if (!length) {
        buffer_text(b, TEXT("null"));
        return;
    }
    room[0] = room[length + 1] = '"';
    b->length += length + 2;
}

void json_put_node(struct buffer *out, const struct json_node *nodes, uint32_t at)
{
    switch (nodes[at].type) {
    case JSON_NULL:
        buffer_string(out, "null");
        break;
    case JSON_FALSE:
        buffer_string(out, "false");
        break;
    case JSON_TRUE:
        buffer_string(out, "true");
        break;
    case JSON_STRING:
        json_put_string(out, nodes[at].text);
        break;
    default: /* numbers as written, containers raw */
        buffer_text(out, nodes[at].text);
    }
}
