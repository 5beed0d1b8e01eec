/* What a server answered, read and said to people: JSON members, problems, exit codes. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/cli.h"
#include "cli/client.h"
#include "codec/json.h"

/* A parsed document; the arena holds it. */
struct document {
    struct arena arena;
    const struct json_node *nodes;
    size_t count;
};
/* False (and a message on standard error) when it is not JSON. */
bool document_read(struct document *d, struct text t);
void document_finish(struct document *d);

/* Writes the elements of the document's array `list`, each on a line of its own. */
void json_put_lines(struct buffer *out, const struct json_node *nodes, const char *list);
/* The same on standard output. Returns the exit code. */
int report_lines(const struct document *d, const char *list);

/* A client from the settings; NULL after a message, with the exit code in *ret_code. */
struct client *report_client(const struct settings *s, int *ret_code);
/* After client_send: EXIT_OK for 2xx, else the exit code after a message that says what the server or the
 * connection said. `what` is what was asked for: "SKU-1". */
int report_answer(const struct client *c, int error, const struct client_answer *a, const char *what);
/* `/v1/rows/` and the row that the first two arguments name. */
void put_row_target(struct buffer *out, const struct settings *s);
/* GETs `target`, which it ends with NUL, once, with a client of its own. EXIT_OK, or the exit code after a
 * message about `what`. Finish *ret_body in both cases. */
int report_get(const struct settings *s, struct buffer *target, const char *what, struct buffer *ret_body);
/* The same, and reads the body, which holds the document's texts. */
int report_get_document(const struct settings *s, struct buffer *target, const char *what,
                        struct buffer *ret_body, struct document *ret);
/* A message that a problem document holds: title, detail and each field's own. */
void report_problem(struct text body, struct buffer *out);

#endif
