/* The OpenAPI description. */
#ifndef HTTP_OPENAPI_H
#define HTTP_OPENAPI_H

#include "base/text.h"

struct text openapi_text(void);

#endif
