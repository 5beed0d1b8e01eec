/* What libevent's own HTTP server answers with the same bytes: evhttp PORT FILE SECONDS. FILE is a whole
 * answer; its headers are given again one by one, as a program on evhttp would. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MOST = 65536 };

static char answer[ANSWER_MOST];
static const char *body;
static size_t body_length;

static void put_headers(struct evhttp_request *r)
{
    char line[1024], *colon;

    for (const char *at = strstr(answer, "\r\n"); at && at + 2 < body - 2; at = strstr(at, "\r\n")) {
        at += 2;
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r"), at);
        colon = strchr(line, ':');
        if (!colon || strncasecmp(line, "content-length", 14) == 0 || strncasecmp(line, "date", 4) == 0)
            continue;
        *colon = '\0';
        evhttp_add_header(evhttp_request_get_output_headers(r), line, colon + 1 + strspn(colon + 1, " "));
    }
}

static void say(struct evhttp_request *r, void *unused)
{
    struct evbuffer *out = evhttp_request_get_output_buffer(r);

    put_headers(r);
    evbuffer_add_reference(out, body, body_length, NULL, NULL);
    evhttp_send_reply(r, 200, "OK", NULL);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 4 ? fopen(argv[2], "rb") : NULL;
    size_t length = f ? fread(answer, 1, ANSWER_MOST - 1, f) : 0;
    char *end = length ? strstr(answer, "\r\n\r\n") : NULL;
    struct event_base *base = event_base_new();
    struct evhttp *server = base ? evhttp_new(base) : NULL;

    if (!end || !server || evhttp_bind_socket(server, "127.0.0.1", (unsigned short)atoi(argv[1])) != 0) {
        fprintf(stderr, "usage: evhttp PORT FILE SECONDS\n");
        return 1;
    }
    body = end + 4;
    body_length = length - (size_t)(body - answer);
    evhttp_set_gencb(server, say, NULL);
    event_base_loopexit(base, &(struct timeval){.tv_sec = atoi(argv[3])});
    event_base_dispatch(base);
    evhttp_free(server);
    event_base_free(base);
    fclose(f);
    return 0;
}
