/* The page for people on the admin address, and the REST API that it talks to.
 *
 *     GET /, /console/…   files of control/console/, built into the program
 *     /v1/…               the same resources, behind the same tokens, as on CONTROL_LISTEN
 *
 * The files are public: they hold nothing. The page comes with a Content-Security-Policy that
 * allows only this address; it keeps the token where other pages cannot read it, and sends it as a
 * header, so that no other page can make a browser do anything here. CONSOLE=off: none of it is
 * served, only what every process has (common/process/admin.h).
 */
#ifndef SLIP_CONTROL_CONSOLE_H
#define SLIP_CONTROL_CONSOLE_H

#include "common/process/http_server.h"

struct console_file {
    const char *path;
    const char *content_type;
    const char *etag; /* with its quotes */
    const char *data;
    size_t length;
};

/* Made by control/embed_console.py. */
extern const struct console_file console_files[];
extern const size_t console_file_count;

/* Is `etag` among the entity tags of If-None-Match (RFC 9110 §13.1.2)? Weak ones count. */
bool console_etag_matches(struct span if_none_match, const char *etag);

/* For lifecycle: a request on the admin address, the actor being a struct control. */
void console_on_request(void *actor, struct http_request *http);
void console_on_gone(void *actor, struct http_request *http);

#endif
