/* The JSON scanner: strict, without recursion, and every number keeps the text it was written
 * with. */
#include "codec/json.h"

#include "base/error.h"
#include "base/hash.h"

#include <emmintrin.h>

enum { NODES_AT_FIRST = 32, PAIRWISE_MOST = 16 };
/* Of a whole document: about as many as baskets of its length have, so that nothing is copied to grow. */
enum { BYTES_OF_NODE = 12, NODES_EXPECTED_MOST = 1024 };

/* A document on its way into nodes. A function that meets something wrong says so in `trouble` and `at`. */
struct scanner {
    const char *begin, *at, *end;
    struct arena *nodes_arena, *texts_arena; /* NULL: nothing is kept, keys are not compared */
    struct json_node *nodes;
    uint32_t count, capacity, nodes_expected;
    unsigned depth;
    uint32_t open[JSON_DEPTH_MOST]; /* the containers around `at`, outermost first */
    uint64_t objects;               /* bit n: the n-th of them is an object */
    struct json_node nothing;       /* stands for every node when none are kept */
    const char *pause;              /* where to stop between two values; NULL: nowhere */
    bool paused;
    int error;
    const char *trouble;
};

static bool fail(struct scanner *s, const char *trouble)
{
    s->error = ERROR_INVALID;
    s->trouble = trouble;
    return false;
}

static void *take(struct scanner *s, struct arena *a, size_t bytes)
{
    void *piece = arena_alloc(a, bytes);

    if (!piece)
        s->error = arena_error(a, bytes);
    return piece;
}

/* The byte at hand, or -1 at the end. */
static int peek(const struct scanner *s)
{
    return s->at < s->end ? (unsigned char)*s->at : -1;
}

static inline bool is_space(char c)
{
    return (unsigned char)c <= ' ' && (c == ' ' || c == '\n' || c == '\t' || c == '\r');
}

static inline void skip_space(struct scanner *s)
{
    while (__builtin_expect(s->at < s->end && is_space(*s->at), 0))
        s->at++;
}

/* ---- strings ---- */

/* -1 when c is no hexadecimal digit. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What \uXXXX at p says, -1 when that is no such escape. */
static int32_t read_unit(const char *p, const char *end)
{
    int32_t unit = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* A \u escape, or two that make one character; *to moves behind the character, s->at behind the escape. */
static bool unescape_unit(struct scanner *s, char **to)
{
    int32_t unit = read_unit(s->at, s->end), low;

    if (unit < 0)
        return fail(s, "a \\u needs four hexadecimal digits");
    if (unit == 0)
        return fail(s, "U+0000 is not allowed in a string");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return fail(s, "the second half of a surrogate pair stands alone");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        low = read_unit(s->at + 6, s->end);
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(s, "the first half of a surrogate pair stands alone");
        s->at += 6;
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    s->at += 6;
    *to = put_utf8(*to, (uint32_t)unit);
    return true;
}

static bool unescape(struct scanner *s, char **to)
{
    static const char from_letter[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const char *pair = from_letter;

    if (s->end - s->at >= 2 && s->at[1] == 'u')
        return unescape_unit(s, to);
    while (*pair && (s->end - s->at < 2 || *pair != s->at[1]))
        pair += 2;
    if (!*pair)
        return fail(s, "an unknown escape: there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX");
    *(*to)++ = pair[1];
    s->at += 2;
    return true;
}

/* Of sixteen bytes the first that does not stand for itself in a string, or is beyond ASCII; 16: all do. */
static inline unsigned first_other(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i other = _mm_cmpgt_epi8(_mm_set1_epi8(' '), bytes); /* with a sign: what is beyond ASCII, too */

    other = _mm_or_si128(other, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    other = _mm_or_si128(other, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(other) | 1u << 16);
}

/* The end of a run of bytes that stand for themselves; *ret_high says whether one of them is beyond ASCII. */
static inline const char *plain_run(const char *p, const char *end, bool *ret_high)
{
    while (end - p >= 16) {
        unsigned plain = first_other(p);
        p += plain;
        if (__builtin_expect(plain == 16, 0))
            continue;
        if (__builtin_expect((unsigned char)*p < 0x80, 1))
            return p;
        for (*ret_high = true; p < end && (unsigned char)*p >= 0x80; p++)
            ;
    }
    for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20; p++)
        *ret_high |= (unsigned char)*p >= 0x80;
    return p;
}

static char *put_run(char *to, const char *first, const char *end)
{
    memcpy(to, first, (size_t)(end - first));
    return to + (end - first);
}

/* The rest of a string that has an escape at s->at, copied behind the plain bytes that began at `first`. */
static bool scan_escaped(struct scanner *s, const char *first, bool *ret_high, struct text *ret)
{
    /* An escape is never shorter than what it stands for: what is left of the document bounds the copy, but a
     * closing quote comes sooner, so look for it first. */
    const char *closing = s->at;
    while (closing < s->end && *closing != '"')
        closing += *closing == '\\' && s->end - closing > 1 ? 2 : 1;
    bool keep = s->texts_arena != NULL;
    char small[8], *copy = keep ? take(s, s->texts_arena, (size_t)(closing - first) + 1) : small, *to = copy;

    if (!copy)
        return false;
    to = keep ? put_run(to, first, s->at) : small;
    while (peek(s) == '\\') {
        if (!unescape(s, &to))
            return false;
        const char *run = s->at;
        s->at = plain_run(run, s->end, ret_high);
        to = keep ? put_run(to, run, s->at) : small;
    }
    *ret = keep ? (struct text){copy, (size_t)(to - copy)} : (struct text){0};
    return true;
}

/* A string at its opening quote. Points into the document when it has no escapes. */
static __attribute__((noinline)) bool scan_any_string(struct scanner *s, struct text *ret)
{
    const char *opening = s->at, *first = s->at + 1;
    bool high = false;

    s->at = plain_run(first, s->end, &high);
    *ret = (struct text){first, (size_t)(s->at - first)};
    if (peek(s) == '\\' && !scan_escaped(s, first, &high, ret))
        return false;
    if (s->at == s->end)
        return fail(s, "a string has no end");
    if (*s->at != '"')
        return fail(s, "a control character in a string: write it as \\u00XX");
    if (high && !text_is_utf8((struct text){first, (size_t)(s->at - first)})) {
        s->at = opening;
        return fail(s, "this string is not valid UTF-8");
    }
    s->at++;
    return true;
}

/* Nearly all are short and plain: then one look finds the end. */
static inline bool scan_string(struct scanner *s, struct text *ret)
{
    const char *first = s->at + 1;
    unsigned length = s->end - first >= 16 ? first_other(first) : 16;

    if (__builtin_expect(length == 16 || first[length] != '"', 0))
        return scan_any_string(s, ret);
    *ret = (struct text){first, length};
    s->at = first + length + 1;
    return true;
}

/* ---- values ---- */

static bool skip_digits(struct scanner *s)
{
    const char *first = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > first;
}

static bool scan_number(struct scanner *s, struct text *ret)
{
    const char *first = s->at;

    if (*s->at == '-')
        s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!skip_digits(s))
        return fail(s, "a number needs a digit here");
    if (peek(s) == '.') {
        s->at++;
        if (!skip_digits(s))
            return fail(s, "a number needs a digit behind its point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (!skip_digits(s))
            return fail(s, "an exponent needs a digit");
    }
    *ret = (struct text){first, (size_t)(s->at - first)};
    return true;
}

static bool scan_word(struct scanner *s, struct text word)
{
    if ((size_t)(s->end - s->at) < word.length || memcmp(s->at, word.at, word.length) != 0)
        return fail(s, "expected a value");
    s->at += word.length;
    return true;
}

/* One node more, for a value that begins at hand. */
static inline struct json_node *add_node(struct scanner *s, struct text key)
{
    if (!s->nodes_arena)
        return &s->nothing;
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? 2 * s->capacity : NODES_AT_FIRST + s->nodes_expected;
        struct json_node *grown = take(s, s->nodes_arena, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        if (s->count)
            memcpy(grown, s->nodes, s->count * sizeof(*grown));
        s->nodes = grown;
        s->capacity = capacity;
    }
    struct json_node *n = &s->nodes[s->count++];
    *n = (struct json_node){.next = s->count, .key = key};
    if (s->depth)
        s->nodes[s->open[s->depth - 1]].count++;
    return n;
}

static bool open_container(struct scanner *s, struct json_node *n, enum json_type type)
{
    if (s->depth == JSON_DEPTH_MOST)
        return fail(s, "nested deeper than 32 arrays and objects");
    n->type = type;
    n->text.at = s->at++;
    s->objects = s->objects << 1 | (type == JSON_OBJECT);
    s->open[s->depth++] = s->nodes_arena ? (uint32_t)(n - s->nodes) : 0;
    return true;
}

static bool scan_key(struct scanner *s, struct text *ret)
{
    if (peek(s) != '"')
        return fail(s, "expected a key in double quotes");
    if (!scan_string(s, ret))
        return false;
    skip_space(s);
    if (peek(s) != ':')
        return fail(s, "expected ':' behind the key");
    s->at++;
    skip_space(s);
    return true;
}

/* A scalar, or the beginning of a container. */
static bool scan_value(struct scanner *s, struct json_node *n)
{
    switch (peek(s)) {
    case '{':
        return open_container(s, n, JSON_OBJECT);
    case '[':
        return open_container(s, n, JSON_ARRAY);
    case '"':
        n->type = JSON_STRING;
        return scan_string(s, &n->text);
    case 't':
        n->type = JSON_TRUE;
        return scan_word(s, TEXT("true"));
    case 'f':
        n->type = JSON_FALSE;
        return scan_word(s, TEXT("false"));
    case 'n':
        n->type = JSON_NULL;
        return scan_word(s, TEXT("null"));
    case '-':
    case '0' ... '9':
        n->type = JSON_NUMBER;
        return scan_number(s, &n->text);
    default:
        return fail(s, s->at == s->end ? "the document ends where a value is expected" : "expected a value");
    }
}

/* ---- duplicate keys ---- */

static bool keys_differ_pairwise(const struct json_node *nodes, uint32_t object)
{
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next)
        for (uint32_t j = object + 1; j < i; j = nodes[j].next)
            if (text_equal(nodes[i].key, nodes[j].key))
                return false;
    return true;
}

/* The same for objects so large that comparing each with each would take too long: a table of the keys seen.
 */
static bool keys_differ_hashed(struct scanner *s, uint32_t object)
{
    uint32_t slots = 4 * PAIRWISE_MOST;
    while (slots < 2 * s->nodes[object].count)
        slots *= 2;
    uint32_t *seen = take(s, s->nodes_arena, slots * sizeof(*seen));

    if (!seen)
        return false;
    memset(seen, 0, slots * sizeof(*seen));
    for (uint32_t i = object + 1; i < s->nodes[object].next; i = s->nodes[i].next) {
        uint32_t slot = (uint32_t)hash_text(s->nodes[i].key) & (slots - 1);
        for (; seen[slot]; slot = (slot + 1) & (slots - 1))
            if (text_equal(s->nodes[seen[slot]].key, s->nodes[i].key))
                return false;
        seen[slot] = i;
    }
    return true;
}

static bool close_container(struct scanner *s)
{
    uint32_t at = s->open[--s->depth];

    s->at++;
    s->objects >>= 1;
    if (!s->nodes_arena)
        return true;
    struct json_node *n = &s->nodes[at];
    n->next = s->count;
    n->text.length = (size_t)(s->at - n->text.at);
    if (n->type == JSON_ARRAY)
        return true;
    bool differ = n->count <= PAIRWISE_MOST ? keys_differ_pairwise(s->nodes, at) : keys_differ_hashed(s, at);
    if (differ || s->error)
        return differ;
    s->at = n->text.at;
    return fail(s, "the object that begins here has a key twice");
}

/* ---- the document ---- */

static bool in_object(const struct scanner *s)
{
    return s->objects & 1;
}

/* The first value, whatever is behind it; or up to the first value at or behind the pause. */
static bool scan_whole_value(struct scanner *s)
{
    skip_space(s);
    for (;;) {
        if (s->pause && s->at >= s->pause) {
            s->paused = true;
            return true;
        }
        struct text key = {0};
        unsigned depth = s->depth;
        if (in_object(s) && !scan_key(s, &key))
            return false;
        struct json_node *n = add_node(s, key);
        if (!n || !scan_value(s, n))
            return false;
        bool opened = s->depth > depth;
        skip_space(s);
        while (s->depth && peek(s) == (in_object(s) ? '}' : ']')) {
            if (!close_container(s))
                return false;
            opened = false;
            skip_space(s);
        }
        if (!s->depth)
            return true;
        if (opened)
            continue;
        if (peek(s) != ',')
            return fail(s, in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
        s->at++;
        skip_space(s);
    }
}

/* Lines and columns count from 1, columns in characters. */
static void report(const struct scanner *s, size_t line, struct problems *p)
{
    size_t column = 1;

    for (const char *c = s->begin; c < s->at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else {
            column += ((unsigned char)*c & 0xC0) != 0x80;
        }
    }
    problems_add(p, "", "line %zu, column %zu: %s", line, column, s->trouble);
}

static struct scanner scanner_of(struct text t, struct arena *nodes, struct arena *texts)
{
    const char *begin = t.length ? t.at : "";
    return (struct scanner){
        .begin = begin, .at = begin, .end = begin + t.length, .nodes_arena = nodes, .texts_arena = texts};
}

/* Scans, up to the end or (when ret_rest) up to the end of the first value. */
static int scan(struct scanner *s, size_t first_line, struct text *ret_rest, struct problems *p)
{
    if (s->end - s->begin > INT32_MAX) /* nodes are counted in 32 bits */
        return ERROR_LIMIT;
    if (scan_whole_value(s) && !s->paused && !ret_rest && s->at != s->end)
        fail(s, "something stands behind the value");
    if (s->error == ERROR_INVALID)
        report(s, first_line, p);
    if (!s->error && ret_rest)
        *ret_rest = (struct text){s->at, (size_t)(s->end - s->at)};
    return s->error;
}

int json_check(struct text t, struct problems *p)
{
    struct scanner s = scanner_of(t, NULL, NULL);
    return scan(&s, 1, NULL, p);
}

int json_check_some(struct text t, struct json_check *c, size_t bytes, bool *ret_more, struct problems *p)
{
    struct scanner s = scanner_of(t, NULL, NULL);

    s.at += c->at;
    s.depth = c->depth;
    s.objects = c->objects;
    if (bytes < (size_t)(s.end - s.at))
        s.pause = s.at + bytes;
    int error = scan(&s, 1, NULL, p);
    *c = (struct json_check){(size_t)(s.at - s.begin), s.depth, s.objects};
    *ret_more = !error && s.paused;
    return error;
}

int json_parse_piece(struct text t, size_t first_line, struct arena *nodes, struct arena *texts,
                     const struct json_node **ret_nodes, struct text *ret_rest, struct problems *p)
{
    struct scanner s = scanner_of(t, nodes, texts);
    int error = scan(&s, first_line, ret_rest, p);

    if (!error)
        *ret_nodes = s.nodes;
    return error;
}

int json_parse(struct text t, struct arena *a, const struct json_node **ret_nodes, size_t *ret_count,
               struct problems *p)
{
    struct scanner s = scanner_of(t, a, a);
    size_t expected = t.length / BYTES_OF_NODE;

    s.nodes_expected = (uint32_t)(expected < NODES_EXPECTED_MOST ? expected : NODES_EXPECTED_MOST);
    int error = scan(&s, 1, NULL, p);
    if (!error) {
        *ret_nodes = s.nodes;
        *ret_count = s.count;
    }
    return error;
}

void json_pointer(char out[JSON_POINTER_BYTES], const char *prefix, struct text key)
{
    enum { MOST = JSON_POINTER_BYTES - 4 }; /* room for the slash, an escape and the NUL */
    size_t length = strnlen(prefix, MOST), i = 0;

    memcpy(out, prefix, length);
    out[length++] = '/';
    for (; i < key.length && length < MOST; i++) {
        char c = key.at[i];
        if (c == '~' || c == '/')
            out[length++] = '~';
        out[length++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    if (i < key.length) { /* cut: not in the middle of a character */
        while ((out[length - 1] & 0xC0) == 0x80)
            length--;
        if (out[length - 1] & 0x80)
            length--;
    }
    out[length] = '\0';
}

/* ---- looking into what was parsed ---- */

uint32_t json_member(const struct json_node *nodes, uint32_t object, const char *key)
{
    if (nodes[object].type != JSON_OBJECT)
        return 0;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next)
        if (text_equal(nodes[i].key, text_of(key)))
            return i;
    return 0;
}

struct text json_text(const struct json_node *nodes, uint32_t object, const char *key)
{
    uint32_t at = json_member(nodes, object, key);

    if (!at || nodes[at].type == JSON_NULL)
        return (struct text){"", 0};
    if (nodes[at].type == JSON_TRUE || nodes[at].type == JSON_FALSE)
        return nodes[at].type == JSON_TRUE ? TEXT("true") : TEXT("false");
    return nodes[at].text.length ? nodes[at].text : (struct text){"", 0};
}
