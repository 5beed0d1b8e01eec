/* GET /openapi.json: the description of this API, built into the binary. */
#include "http/openapi.h"

#include "http/ask.h"
#include "http/etag.h"

void openapi_get(struct exchange *x);

void openapi_get(struct exchange *x)
{
    if (!parameters_none(x))
        return;
    answer_begin(x, 200, "application/json");
    struct etag etag = etag_begin(x, "public, max-age=300");
    buffer_text(answer_body(x), openapi_text());
    etag_end(x, &etag, 0, 0);
}

static const char bytes[] = {
#include "http/openapi_bytes.h"
};

struct text openapi_text(void)
{
    return (struct text){bytes, sizeof(bytes)};
}
