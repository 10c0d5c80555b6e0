/* Where the sessions of a database may be found. libpq looks up names in the thread that connects,
 * which is the loop's; so what it would look up is looked up before, and given to it as `hostaddr`.
 * The names stay, for certificates, passwords' files and messages:
 *
 *     url:    host=db,/run/postgresql,10.0.0.1        port=5432,,5433
 *     libpq:  host=db,db,/run/postgresql,10.0.0.1     port=5432,5432,5432,5433
 *             hostaddr=192.0.2.1,192.0.2.2,,10.0.0.1
 *
 * Addresses, sockets and `hostaddr` stay as they are; an empty name is libpq's standard socket,
 * which is given twice where nothing else is left. The environment and service files count as ever.
 * Belongs to one database.
 */
#ifndef SLIP_DATABASE_HOSTS_H
#define SLIP_DATABASE_HOSTS_H

#include "common/base/buffer.h"
#include "common/process/lookup.h"

enum {
    HOSTS_MAX = 1024, /* addresses of all names; more are left out */
    HOSTS_MESSAGE_SIZE = 256,
};

struct host {
    char *name;    /* a name, an address, or a socket's folder; may be empty */
    char *address; /* its `hostaddr`; may be empty */
    char *port;
    size_t asked; /* the lookup's index; SIZE_MAX: there is nothing to look up */
};

struct hosts {
    struct loop *loop;
    void (*on_known)(void *context);
    void *context;
    struct host *items; /* none: libpq finds what the url says without a name server */
    size_t count;
    struct lookup *lookup; /* under way, or not used yet */
    /* what libpq is given after the url, by hosts_take; as text of `host`, `hostaddr`, `port` */
    struct buffer names, addresses, ports;
    size_t found;
    char missing[HOSTS_MESSAGE_SIZE]; /* the names that were not found, for people; or empty */
};

void hosts_init(struct hosts *hosts, struct loop *loop, void (*on_known)(void *context),
                void *context);
void hosts_fini(struct hosts *hosts);

/* Finds out where `url` leads. Goes on with a lookup that is under way, or takes one that has ended
 * since it was waited for, rather than begin another. Returns 0: known; -EINPROGRESS: on_known will
 * be called, perhaps when nobody waits any more; or why no lookup could begin (lookup_start). */
MUST_USE
int hosts_find(struct hosts *hosts, const char *url);

/* Uses what is known, for one attempt. Returns false when there is nowhere to go: see `missing`.
 * `found` is 0 where the url is enough. */
MUST_USE
bool hosts_take(struct hosts *hosts);

#endif
