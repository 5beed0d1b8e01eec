/* Every word must occur somewhere. Texts are folded as they are looked at: nothing is kept, so nothing can be
 * out of date, and a hundred thousand items cost a few hundredths of a second, a slice at a time. */
#include "core/answer/search.h"

enum { HAYSTACK_BYTES = 8192 }; /* more than the longest names, options and addresses make */

/* What is looked at, folded, each text behind a line feed. */
struct haystack {
    size_t length;
    bool exact; /* one of its names is the whole of what is looked for */
    char at[HAYSTACK_BYTES];
};

/* ---- folding ---- */

/* U+00C0 to U+017F without their accents; capitals stand for two letters, a star for itself. */
static const char latin[] = "aaaaaaAceeeeiiiidnooooo*ouuuuyTS"
                            "aaaaaaAceeeeiiiidnooooo*ouuuuyTy"
                            "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiJJ"
                            "jjkkkllllllllllnnnnnnnnnooooooOOrrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static size_t put_latin(char *out, unsigned code)
{
    static const char pairs[][2] = {
        ['A' - 'A'] = "ae", ['J' - 'A'] = "ij", ['O' - 'A'] = "oe", ['S' - 'A'] = "ss", ['T' - 'A'] = "th"};
    char letter = latin[code - 0xC0];

    if (letter < 'A' || letter > 'Z') {
        out[0] = letter;
        return 1;
    }
    memcpy(out, pairs[letter - 'A'], 2);
    return 2;
}

/* Two bytes of UTF-8 become as many or fewer. */
static size_t fold_pair(char *out, unsigned first, unsigned second)
{
    unsigned code = (first & 0x1F) << 6 | (second & 0x3F);

    if (code >= 0xC0 && code < 0x180 && latin[code - 0xC0] != '*')
        return put_latin(out, code);
    if (code >= 0x300 && code < 0x370) /* an accent that follows its letter */
        return 0;
    if ((code >= 0x391 && code <= 0x3A9) || (code >= 0x410 && code <= 0x42F)) /* Greek, Cyrillic */
        code += 32;
    else if (code >= 0x400 && code <= 0x40F)
        code += 80;
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}

static inline char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* At most t.length bytes are written. What is not UTF-8 stays as it is. */
static size_t fold(char *out, struct text t)
{
    size_t length = 0;

    for (size_t i = 0; i < t.length; i++) {
        unsigned c = (unsigned char)t.at[i];
        if (c >= 0xC2 && c <= 0xDF && i + 1 < t.length && ((unsigned char)t.at[i + 1] & 0xC0) == 0x80)
            length += fold_pair(out + length, c, (unsigned char)t.at[++i]);
        else
            out[length++] = lower(t.at[i]);
    }
    return length;
}

/* ---- what is looked for ---- */

static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

static bool is_digits(struct text t)
{
    for (size_t i = 0; i < t.length; i++)
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
    return true;
}

bool search_init(struct search *s, struct text q)
{
    *s = (struct search){0};
    if (q.length > sizeof(s->folded))
        return false;
    size_t length = fold(s->folded, q);
    for (size_t i = 0; i < length;) {
        size_t begin = i;
        while (i < length && !is_space(s->folded[i]))
            i++;
        struct text word = {s->folded + begin, i - begin};
        if (!word.length) {
            i++;
            continue;
        }
        if (s->words_count == SEARCH_WORDS_MOST)
            return false;
        s->words[s->words_count++] = word;
        s->has_digits |= is_digits(word);
        s->whole = (struct text){s->words[0].at, (size_t)(word.at + word.length - s->words[0].at)};
    }
    return s->words_count;
}

/* ---- what is looked at ---- */

static struct text add(struct haystack *h, struct text t)
{
    struct text folded = {h->at + h->length + 1, 0};

    if (!t.length || h->length + 1 + t.length > sizeof(h->at))
        return (struct text){0};
    h->at[h->length] = '\n';
    folded.length = fold(h->at + h->length + 1, t);
    h->length += 1 + folded.length;
    return folded;
}

static void add_name(struct haystack *h, const struct search *s, struct text name)
{
    h->exact |= text_equal(add(h, name), s->whole);
}

/* The string whose opening quote *at is: its bytes as they stand in the document. Moves behind it. */
static struct text next_string(const char **at, const char *end)
{
    const char *begin = *at + 1, *p = begin;

    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    p = p < end ? p : end;
    *at = p < end ? p + 1 : end;
    return (struct text){begin, (size_t)(p - begin)};
}

/* Where the value of a member begins. A quote inside a string has a backslash before it, so that this cannot
 * be found in one. NULL: there is none. */
static const char *find_member(struct text document, const char *member)
{
    const char *at = memmem(document.at, document.length, member, strlen(member));

    return at ? at + strlen(member) : NULL;
}

static void add_gtins(struct haystack *h, const struct search *s, struct text document)
{
    const char *at = find_member(document, "\"gtins\":["), *end = document.at + document.length;

    while (at && at < end && (*at == '"' || *at == ',')) {
        if (*at == ',')
            at++;
        else
            add_name(h, s, next_string(&at, end));
    }
}

/* {"size":"42","colour":"black"}: the values. */
static void add_options(struct haystack *h, struct text document)
{
    const char *at = find_member(document, "\"options\":{"), *end = document.at + document.length;
    bool is_value = false;

    while (at && at < end && *at != '}') {
        is_value = *at == ':' || (is_value && *at != ',');
        if (*at != '"')
            at++;
        else if (is_value)
            add(h, next_string(&at, end));
        else
            next_string(&at, end);
    }
}

static void add_address(struct haystack *h, struct text document)
{
    const char *at = find_member(document, "\"address\":");

    if (at && at < document.at + document.length && *at == '"')
        add(h, next_string(&at, document.at + document.length));
}

/* ---- how well it fits ---- */

/* A letter, a digit, or a part of one. */
static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static enum search_rank rank_of_word(const struct haystack *h, struct text word)
{
    const char *end = h->at + h->length, *at = h->at;
    enum search_rank best = SEARCH_NOT;

    while ((at = memmem(at, (size_t)(end - at), word.at, word.length))) {
        if (!in_word(at[-1]) || !in_word(*at)) /* a line feed stands before all */
            return SEARCH_BEGINS;
        best = SEARCH_INSIDE;
        at++;
    }
    return best;
}

static enum search_rank rank_of(const struct search *s, const struct haystack *h)
{
    enum search_rank worst = SEARCH_BEGINS;

    if (h->exact)
        return SEARCH_EXACT;
    for (size_t i = 0; i < s->words_count && worst != SEARCH_NOT; i++) {
        enum search_rank r = rank_of_word(h, s->words[i]);
        worst = r > worst ? r : worst;
    }
    return worst;
}

enum search_rank search_item(const struct search *s, struct text sku, const struct item *item)
{
    struct haystack h;

    h.length = 0;
    h.exact = false;
    add_name(&h, s, sku);
    if (item) {
        add(&h, item->name);
        add(&h, item->product);
        add_options(&h, item->document);
        if (s->has_digits)
            add_gtins(&h, s, item->document);
    }
    return rank_of(s, &h);
}

enum search_rank search_product(const struct search *s, const struct item *item)
{
    struct haystack h;

    h.length = 0;
    h.exact = false;
    add_name(&h, s, item->product);
    add(&h, item->name);
    return rank_of(s, &h);
}

enum search_rank search_location(const struct search *s, const struct location *l)
{
    struct haystack h;

    h.length = 0;
    h.exact = false;
    add_name(&h, s, l->id);
    add(&h, l->name);
    add_address(&h, l->document);
    return rank_of(s, &h);
}
