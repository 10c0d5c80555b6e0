/* A router on the bench: fake links, a short PEER_TIMEOUT, and words for what edges and workers
 * say. All functions fail the running test when something is not as it should be. */
#ifndef SLIP_TESTS_ROUTER_BENCH_H
#define SLIP_TESTS_ROUTER_BENCH_H

#include "router/router.h"
#include "tests/unit/router/fake_link.h"

struct bench {
    struct config config;
    struct loop *loop;
    struct router *router;
};

/* `database_url`: where PostgreSQL is, or is not. Change bench->config between the two. */
void bench_init(struct bench *bench, const char *database_url);
void bench_start(struct bench *bench);
void bench_stop(struct bench *bench);

/* Turns the loop until everything of this moment is done. */
void bench_turn(struct bench *bench);

/* Turns until the condition (an expression) holds; at most 20 s. */
#define BENCH_UNTIL(bench, condition)                             \
    do {                                                          \
        int64_t until_limit = bench_limit();                      \
        while (!(condition))                                      \
            bench_wait((bench), until_limit, __FILE__, __LINE__); \
    } while (0)
int64_t bench_limit(void);
void bench_wait(struct bench *bench, int64_t limit_ms, const char *file, int line);

/* An edge that greets and adopts; a worker with credits. */
struct link *bench_edge(struct bench *bench, const char *name);
struct link *bench_worker(struct bench *bench, uint64_t credits);
void bench_adopt(struct link *edge, uint64_t connections, uint64_t returning);

/* Batches of the connection "<edge>.<suffix>": OPEN (waited for: remaining_ms > 0), one TEXT with
 * this sequence number, CLOSE. */
void bench_open(struct link *edge, const char *suffix, uint64_t remaining_ms);
void bench_text(struct link *edge, const char *suffix, uint64_t sequence, const char *text);
void bench_close(struct link *edge, const char *suffix, uint64_t sequence);

/* The next job said to the worker: the first item's connection suffix and first sequence are as
 * expected. Returns its number. */
uint64_t bench_job(struct bench *bench, struct link *worker, const char *suffix, uint64_t first);
void bench_no_job(struct bench *bench, struct link *worker);

/* What the worker says of a job. */
void bench_done(struct link *worker, uint64_t job, uint64_t outcome, uint64_t status);
void bench_delivered(struct link *worker, uint64_t job, const char *connection, uint64_t first,
                     uint64_t verdict, const char *metadata);

/* The next ACK said to the edge is this. */
void bench_ack(struct bench *bench, struct link *edge, const char *suffix, uint64_t last,
               uint64_t outcome, uint64_t status);
void bench_no_ack(struct bench *bench, struct link *edge);

#endif
