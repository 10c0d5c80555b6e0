/* The snapshot: what connections are here, and of which channels they are members, told to a home
 * router that has adopted us, page by page.
 */
#ifndef SLIP_EDGE_SNAPSHOT_H
#define SLIP_EDGE_SNAPSHOT_H

struct home;
struct message_pull;

/* The router asks for the first page, or the next. */
void snapshot_on_pull(struct home *home, const struct message_pull *pull);

#endif
