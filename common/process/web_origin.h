/* Origins of web pages: scheme://host[:port], as browsers write them (RFC 6454 §6.2).
 *
 *     https://example.com, http://localhost:3000
 *
 * A host that begins with "*." stands for every name below it, not for that name itself. Letters
 * may be large or small. A default port is never written. */
#ifndef SLIP_PROCESS_WEB_ORIGIN_H
#define SLIP_PROCESS_WEB_ORIGIN_H

#include "common/base/span.h"

/* A comma-separated list; the empty one is valid, also with blanks in it. */
bool web_origins_are_valid(struct span list);

/* Is what a browser sent as Origin in a valid list? "null" never is. */
bool web_origins_contain(struct span list, struct span origin);

#endif
