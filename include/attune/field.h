/* Structured values of header fields (RFC 2045, 5.1). Screen children and the command. */
#ifndef ATTUNE_FIELD_H
#define ATTUNE_FIELD_H

#include <attune/str.h>

/*
 * A parameter of a structured field value such as "text/plain; charset=utf-8" (RFC 2045, 5.1): its value without
 * quotes, BORROWED; "" when absent. Of RFC 2231 pieces the first is given.
 */
struct str field_parameter(struct str value, const char *name);
/* The first word of such a value: "text/plain". */
struct str field_token(struct str value);

#endif
