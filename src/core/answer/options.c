/* The order of sizes and other options. */
#include "core/answer/options.h"

enum kind { KIND_NUMBER, KIND_LETTERS, KIND_WORD };
enum { REPEATS_MOST = 20 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

/* ---- sizes in letters ---- */

/* One size, such as M, XXL, 3XL: twice its distance from M. */
static bool read_size(struct text t, int *ret)
{
    int repeats = 0, times = 0;
    size_t i = 0;

    while (i < t.length && is_digit(t.at[i]) && times <= REPEATS_MOST)
        times = 10 * times + (t.at[i++] - '0');
    for (; i < t.length && upper(t.at[i]) == 'X' && repeats <= REPEATS_MOST; i++)
        repeats++;
    if (i + 1 != t.length || repeats > REPEATS_MOST || times > REPEATS_MOST ||
        (i > 0 && is_digit(t.at[0]) && repeats != 1))
        return false;
    repeats = times ? times : repeats;
    switch (upper(t.at[i])) {
    case 'S':
        *ret = -2 * (1 + repeats);
        return true;
    case 'M':
        *ret = 0;
        return repeats == 0;
    case 'L':
        *ret = 2 * (1 + repeats);
        return true;
    default:
        return false;
    }
}

/* One, or two with a stroke between them: between the two. */
static bool read_letters(struct text t, int *ret)
{
    const char *stroke = t.length ? memchr(t.at, '/', t.length) : NULL;
    size_t length = stroke ? (size_t)(stroke - t.at) : t.length;
    int first, second;

    if (!read_size((struct text){t.at, length}, &first))
        return false;
    second = first;
    if (stroke && !read_size((struct text){stroke + 1, t.length - length - 1}, &second))
        return false;
    *ret = (first + second) / 2;
    return true;
}

static enum kind kind_of(struct text t, int *ret_letters)
{
    if (read_letters(t, ret_letters))
        return KIND_LETTERS;
    return t.length && is_digit(t.at[0]) ? KIND_NUMBER : KIND_WORD;
}

/* ---- numbers and words ---- */

/* A number at the beginning of what is left: its whole digits without zeros before them, and those of its
 * fraction. Moves *t behind it. */
struct number {
    struct text whole, fraction;
};

static struct text take_digits(struct text *t)
{
    struct text digits = {t->at, 0};

    while (digits.length < t->length && is_digit(t->at[digits.length]))
        digits.length++;
    t->at += digits.length;
    t->length -= digits.length;
    return digits;
}

static struct number take_number(struct text *t)
{
    struct number n = {.whole = take_digits(t)};

    while (n.whole.length > 1 && n.whole.at[0] == '0') {
        n.whole.at++;
        n.whole.length--;
    }
    if (t->length > 1 && (t->at[0] == '.' || t->at[0] == ',') && is_digit(t->at[1])) {
        t->at++;
        t->length--;
        n.fraction = take_digits(t);
    }
    return n;
}

static int compare_numbers(const struct number *a, const struct number *b)
{
    if (a->whole.length != b->whole.length)
        return a->whole.length < b->whole.length ? -1 : 1;
    int order = text_compare(a->whole, b->whole);
    return order ? order : text_compare(a->fraction, b->fraction);
}

/* Piece by piece: digits by their value, all else letter by letter. */
static int compare_pieces(struct text a, struct text b)
{
    while (a.length && b.length) {
        if (is_digit(a.at[0]) && is_digit(b.at[0])) {
            struct number left = take_number(&a), right = take_number(&b);
            int order = compare_numbers(&left, &right);
            if (order)
                return order;
            continue;
        }
        unsigned char left = (unsigned char)upper(a.at[0]), right = (unsigned char)upper(b.at[0]);
        if (left != right)
            return left < right ? -1 : 1;
        a = (struct text){a.at + 1, a.length - 1};
        b = (struct text){b.at + 1, b.length - 1};
    }
    return (a.length > 0) - (b.length > 0);
}

int option_compare(struct text a, struct text b)
{
    int letters_a = 0, letters_b = 0;
    enum kind kind_a = kind_of(a, &letters_a), kind_b = kind_of(b, &letters_b);

    if (kind_a != kind_b)
        return kind_a < kind_b ? -1 : 1;
    if (letters_a != letters_b)
        return letters_a < letters_b ? -1 : 1;
    int order = kind_a == KIND_LETTERS ? 0 : compare_pieces(a, b);
    return order ? order : text_compare(a, b);
}
