/* From method and path to a handler. */
#include "http/server.h"

#include <stdio.h>

#define ROUTE(METHOD, pattern, scope, handler) void handler(struct exchange *x);
#include "http/routes.def"
#undef ROUTE

const struct route routes[] = {
#define ROUTE(METHOD, pattern, scope, handler) {HTTP_##METHOD, scope, false, pattern, handler},
#define STREAM(METHOD, pattern, scope, handler) {HTTP_##METHOD, scope, true, pattern, handler},
#include "http/routes.def"
#undef ROUTE
};
const size_t routes_count = sizeof(routes) / sizeof(routes[0]);

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static bool needs_decoding(struct text t, bool plus)
{
    return memchr(t.at, '%', t.length) || (plus && memchr(t.at, '+', t.length));
}

bool percent_decode(struct loop *l, struct text t, bool plus, struct text *ret)
{
    if (!t.length || !needs_decoding(t, plus)) {
        *ret = t;
        return true;
    }
    if (t.length > INPUT_BYTES - l->scratch.path_used)
        return false;
    char *out = l->scratch.path + l->scratch.path_used, *at = out;
    for (size_t i = 0; i < t.length; i++) {
        if (t.at[i] != '%') {
            *at++ = plus && t.at[i] == '+' ? ' ' : t.at[i];
            continue;
        }
        int high = i + 2 < t.length ? hex(t.at[i + 1]) : -1, low = high < 0 ? -1 : hex(t.at[i + 2]);
        if (low < 0)
            return false;
        *at++ = (char)(high << 4 | low);
        i += 2;
    }
    *ret = (struct text){out, (size_t)(at - out)};
    l->scratch.path_used += ret->length;
    return true;
}

/* Cuts the path at its slashes, then decodes: an encoded slash is part of a segment. */
static bool split(struct exchange *x)
{
    struct text path = parser_text(x->request->path, x->head);
    const char *at = path.at, *end = path.at + path.length;

    x->segments_count = 0;
    while (at < end) {
        at++; /* the slash */
        const char *slash = memchr(at, '/', (size_t)(end - at));
        struct text raw = {at, (size_t)((slash ? slash : end) - at)};
        if (x->segments_count == SEGMENTS_MOST)
            return true; /* no route is that deep */
        if (!percent_decode(x->loop, raw, false, &x->segments[x->segments_count]))
            return false;
        x->segments_count++;
        at = slash ? slash : end;
    }
    return true;
}

/* Behind the segment of the pattern when it is t; NULL when it is another, mostly from its first byte on. */
static const char *skip_segment(const char *pattern, struct text t)
{
    for (size_t i = 0; i < t.length; i++, pattern++)
        if (*pattern != t.at[i] || !*pattern || *pattern == '/')
            return NULL;
    return !*pattern || *pattern == '/' ? pattern : NULL;
}

static bool matches(struct exchange *x, const char *pattern)
{
    size_t segment = 0;

    x->arguments_count = 0;
    while (*pattern) {
        pattern++;
        if (segment == x->segments_count)
            return false;
        struct text t = x->segments[segment++];
        if (*pattern == '{') {
            x->arguments[x->arguments_count++] = t;
            pattern = strchrnul(pattern, '/');
        } else if (!(pattern = skip_segment(pattern, t))) {
            return false;
        }
    }
    return segment == x->segments_count;
}

/* Most routes are another from the first byte of their second segment on: a look at it before they are
 * compared. */
static bool may_match(const struct exchange *x, const char *pattern)
{
    if (strncmp(pattern, "/v1/", 4) != 0 || pattern[4] == '{' || x->segments_count < 2)
        return true;
    return x->segments[1].length && x->segments[1].at[0] == pattern[4];
}

static bool answers(const struct route *r, uint8_t method)
{
    return r->method == method || (r->method == HTTP_GET && method == HTTP_HEAD);
}

/* The methods that routes with this path know, for Allow. */
static const char *allowed(struct exchange *x, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < routes_count; i++)
        if (matches(x, routes[i].pattern) && n + 24 < size)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
                                  routes[i].method == HTTP_GET ? "GET, HEAD"
                                                               : http_method_name(routes[i].method));
    if (n && n + 10 < size)
        snprintf(out + n, size - n, ", OPTIONS");
    return n ? out : NULL;
}

static bool answer_unrouted(struct exchange *x)
{
    char allow[96];
    bool everything = x->request->path.length == 1 && x->head[x->request->path.at] == '*';

    if (everything) {
        answer_empty(x, 204, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n");
    } else if (!(x->allow = allowed(x, allow, sizeof(allow)))) {
        problem(x, PROBLEM_NOT_FOUND, "no such path; /openapi.json lists those there are");
    } else if (x->request->method == HTTP_OPTIONS) {
        char line[128];
        snprintf(line, sizeof(line), "Allow: %s\r\n", x->allow);
        answer_empty(x, 204, line);
    } else {
        problem(x, PROBLEM_METHOD_NOT_ALLOWED, "this path knows %s", x->allow);
    }
    x->allow = NULL;
    return false;
}

bool router_find(struct exchange *x)
{
    if (!split(x)) {
        problem(x, PROBLEM_BAD_PATH, "the path has a %% that two hexadecimal digits do not follow");
        return false;
    }
    for (size_t i = 0; i < routes_count; i++)
        if (answers(&routes[i], x->request->method) && may_match(x, routes[i].pattern) &&
            matches(x, routes[i].pattern)) {
            x->route = &routes[i];
            x->query = parser_text(x->request->query, x->head);
            return true;
        }
    return answer_unrouted(x);
}
