/* The pages and what they load (src/web), out of the binary: nothing is asked of anybody else.
 *
 * They are open to all: they hold no figures. What they show they ask for with the key of whoever looks. */
#include "http/ask.h"
#include "http/etag.h"
#include "web/web_bytes.h"

void web_console(struct exchange *x);
void web_stores(struct exchange *x);
void web_file(struct exchange *x);

struct file {
    struct text name;
    const char *content_type;
    struct text plain, packed;
};

static const struct file files[] = {
#define FILE(name, content_type, plain, packed) \
    {{name, sizeof(name) - 1},                  \
     content_type,                              \
     {(const char *)plain, sizeof(plain)},      \
     {(const char *)packed, sizeof(packed)}},
    WEB_FILES
#undef FILE
};

/* Scripts, styles and questions go to where the page came from and nowhere else; nobody frames it. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/* "q=0", "q=0.000": not wanted. */
static bool weight_is_zero(struct text parameter)
{
    if (parameter.length < 3 || strncasecmp(parameter.at, "q=0", 3))
        return false;
    for (size_t i = 3; i < parameter.length; i++)
        if (parameter.at[i] != '.' && parameter.at[i] != '0')
            return false;
    return true;
}

static struct text trimmed(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct text){at, (size_t)(end - at)};
}

/* Whether Accept-Encoding names gzip and does not weigh it 0. */
static bool takes_packed(const struct exchange *x)
{
    struct text list = parser_header(x->request, HEADER_ACCEPT_ENCODING, x->head);
    const char *at = list.at, *end = list.at + list.length;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        const char *semicolon = memchr(at, ';', (size_t)(stop - at));
        struct text coding = trimmed(at, semicolon ? semicolon : stop);
        if (coding.length == 4 && !strncasecmp(coding.at, "gzip", 4))
            return !semicolon || !weight_is_zero(trimmed(semicolon + 1, stop));
        at = stop + 1;
    }
    return false;
}

static void put_own_line(struct exchange *x, struct etag *e, struct text line)
{
    buffer_text(x->out, line);
    e->lines_length += line.length; /* a 304 says it too */
}

static void answer_file(struct exchange *x, const struct file *f)
{
    bool packed = takes_packed(x) && f->packed.length < f->plain.length;

    answer_begin_under(x, 200, f->content_type, policy);
    buffer_text(x->out, TEXT("Referrer-Policy: no-referrer\r\n"));
    if (packed)
        buffer_text(x->out, TEXT("Content-Encoding: gzip\r\n"));
    struct etag etag = etag_begin(x, "no-cache");
    put_own_line(x, &etag, TEXT("Vary: Accept-Encoding\r\n"));
    buffer_text(answer_body(x), packed ? f->packed : f->plain);
    etag_end(x, &etag, 0, 0);
}

static void answer_named(struct exchange *x, struct text name)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (text_equal(files[i].name, name)) {
            answer_file(x, &files[i]);
            return;
        }
    problem(x, PROBLEM_NOT_FOUND, "no such file");
}

/* What stands behind a page's ? is for its script. */
void web_console(struct exchange *x)
{
    answer_named(x, TEXT("index.html"));
}

void web_stores(struct exchange *x)
{
    answer_named(x, TEXT("stores.html"));
}

void web_file(struct exchange *x)
{
    answer_named(x, x->arguments[0]);
}
