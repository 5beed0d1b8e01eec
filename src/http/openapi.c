/* GET /openapi.json: the description of this API, built into the binary. */
#include "http/openapi.h"

#include "http/server.h"

void openapi_get(struct exchange *x);

void openapi_get(struct exchange *x)
{
    answer_begin(x, 200, "application/json");
    buffer_text(x->out, TEXT("Cache-Control: public, max-age=300\r\n"));
    buffer_text(answer_body(x), openapi_text());
    answer_end(x);
}

static const char bytes[] = {
#include "http/openapi_bytes.h"
};

struct text openapi_text(void)
{
    return (struct text){bytes, sizeof(bytes)};
}
