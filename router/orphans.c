#include "router/orphans.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/process/log.h"
#include "router/connection.h"
#include "router/death.h"
#include "router/queries.h"
#include "router/router.h"

enum { BEATS_PER_TIMEOUT = 4, CLEANING_SCANS = 1000 };
enum { ANSWER_EDGES = 0, ANSWER_OTHERS, ANSWER_ENDED };

static void on_timer(struct loop_timer *timer);

void orphans_init(struct orphans *orphans)
{
    loop_timer_init(&orphans->timer, on_timer);
    table_init(&orphans->suspects);
}

static void remove_suspect(struct orphans *orphans, struct suspect *suspect)
{
    table_remove(&orphans->suspects, &suspect->by_id);
    free(suspect);
}

static void remove_all(struct orphans *orphans)
{
    TABLE_FOR_EACH(&orphans->suspects, link)
        remove_suspect(orphans, TABLE_ENTRY(link, struct suspect, by_id));
}

void orphans_fini(struct orphans *orphans)
{
    remove_all(orphans);
    table_fini(&orphans->suspects);
}

void orphans_forget(struct router *router, struct span edge_id)
{
    struct table_link *link = table_find(&router->orphans.suspects, edge_id);

    if (link)
        remove_suspect(&router->orphans, TABLE_ENTRY(link, struct suspect, by_id));
}

bool orphans_others_live(const struct router *router)
{
    return router->orphans.others_beat;
}

bool orphans_are_hidden(const struct router *router)
{
    return !store_is_ready(router) || router->orphans.failure[0];
}

/* ---- one scan ---- */

static struct suspect *find_suspect(struct orphans *orphans, struct span id)
{
    struct table_link *link = table_find(&orphans->suspects, id);

    if (link)
        return TABLE_ENTRY(link, struct suspect, by_id);
    struct suspect *suspect = xcalloc(1, sizeof *suspect + id.length);
    memcpy(suspect->id, id.data, id.length);
    suspect->id_length = id.length;
    suspect->beat = -1; /* never seen: that it "changes" now starts the clock */
    table_insert(&orphans->suspects, &suspect->by_id, span_of(suspect->id, suspect->id_length));
    return suspect;
}

/* Our own beat grows too, but says nothing of an edge that we do not know: an answer of PostgreSQL
 * that did not reach us made it ours. */
static void see_suspect(struct router *router, const struct database_answer *answer, size_t row)
{
    struct orphans *orphans = &router->orphans;
    struct suspect *suspect = find_suspect(orphans, database_cell(answer, ANSWER_EDGES, row, 0));
    uint64_t epoch = (uint64_t)database_cell_integer(answer, ANSWER_EDGES, row, 1, 0);
    bool is_mine = span_is(database_cell(answer, ANSWER_EDGES, row, 2), router->name);
    int64_t beat = is_mine ? 0 : database_cell_integer(answer, ANSWER_EDGES, row, 3, 0);
    bool was_known = suspect->beat >= 0;

    suspect->was_seen = true;
    suspect->is_live = span_is(database_cell(answer, ANSWER_EDGES, row, 4), "live");
    if (suspect->beat == beat && suspect->epoch == epoch)
        return;
    if (!was_known || suspect->has_moved != was_known)
        roll_changed(router);
    suspect->has_moved = was_known;
    suspect->beat = beat;
    suspect->epoch = epoch;
    suspect->since_ms = loop_now_ms(router->loop);
}

/* Somebody else's by now, while we believe that it is ours. */
static void see_known(struct edge *edge, const struct database_answer *answer, size_t row)
{
    uint64_t epoch = (uint64_t)database_cell_integer(answer, ANSWER_EDGES, row, 1, 0);

    if (edge->state == EDGE_LIVE && edge->epoch > 0 && epoch > edge->epoch && !edge->unit)
        edge_lost(edge);
}

static void forget_unseen(struct router *router)
{
    struct orphans *orphans = &router->orphans;

    TABLE_FOR_EACH(&orphans->suspects, link) {
        struct suspect *suspect = TABLE_ENTRY(link, struct suspect, by_id);
        if (!suspect->was_seen) {
            remove_suspect(orphans, suspect);
            roll_changed(router);
        } else {
            suspect->was_seen = false;
        }
    }
}

static void see_edges(struct router *router, const struct database_answer *answer)
{
    for (size_t row = 0; row < database_rows(answer, ANSWER_EDGES); row++) {
        struct span id = database_cell(answer, ANSWER_EDGES, row, 0);
        struct edge *edge = edge_find(router, id);
        if (edge)
            see_known(edge, answer, row);
        else if (id.length <= WIRE_ID_BYTES)
            see_suspect(router, answer, row);
    }
    forget_unseen(router);
}

static void see_others(struct router *router, int64_t beats)
{
    struct orphans *orphans = &router->orphans;
    int64_t now_ms = loop_now_ms(router->loop);

    if (beats > orphans->other_beats_sum && orphans->scans > 1) {
        orphans->others_beat = true;
        orphans->others_moved_ms = now_ms;
    } else if (now_ms - orphans->others_moved_ms > 2 * router->config->peer_timeout_ms) {
        orphans->others_beat = false;
    }
    orphans->other_beats_sum = beats;
}

static void see_ended(struct router *router, const struct database_answer *answer)
{
    for (size_t row = 0; row < database_rows(answer, ANSWER_ENDED); row++) {
        struct span id = database_cell(answer, ANSWER_ENDED, row, 0);
        uint64_t epoch = (uint64_t)database_cell_integer(answer, ANSWER_ENDED, row, 1, 0);
        if (!edge_find(router, id))
            roll_bury(router, id, epoch);
    }
}

/* ---- judging ---- */

/* It speaks to us, though it is not at home here: it will find its home by itself. */
static bool is_heard(const struct router *router, const struct suspect *suspect)
{
    struct span id = span_of(suspect->id, suspect->id_length);

    for (const struct link *link = link_set_first(router->links); link;
         link = link_set_next(router->links, link)) {
        if (span_equal(link_peer_name(link), id) &&
            link_silent_ms(link) < router->config->peer_timeout_ms)
            return true;
    }
    return false;
}

static void claim_orphans(struct router *router)
{
    int64_t now_ms = loop_now_ms(router->loop);

    TABLE_FOR_EACH(&router->orphans.suspects, link) {
        struct suspect *suspect = TABLE_ENTRY(link, struct suspect, by_id);
        if (now_ms - suspect->since_ms < 2 * router->config->peer_timeout_ms ||
            is_heard(router, suspect))
            continue;
        suspect->since_ms = now_ms; /* once, unless it is still there after as long again */
        death_claim_orphan(router, span_of(suspect->id, suspect->id_length), suspect->epoch);
    }
}

/* ---- cleaning ---- */

static void on_cleaned(void *context, const struct database_answer *answer)
{
    (void)context;
    if (answer->kind != DATABASE_DONE && answer->kind != DATABASE_LOST)
        log_warning("ended edges and routers not forgotten", LOG_TEXT("error", answer->message));
}

static void clean(struct router *router)
{
    struct database_unit *unit = database_unit_new(on_cleaned, router);

    database_unit_add(unit, &query_forget_routers, NULL, 0);
    database_unit_add(unit, &query_forget_edges, NULL, 0);
    if (database_submit(router->store.database, &unit) < 0)
        log_debug("nothing cleaned: PostgreSQL is behind");
    database_unit_destroy(&unit);
}

/* ---- the scan ---- */

/* How long a home stood still while we could not look, nobody knows. */
static void forget_beats(struct orphans *orphans)
{
    TABLE_FOR_EACH(&orphans->suspects, link)
        TABLE_ENTRY(link, struct suspect, by_id)->beat = -1;
}

/* Told once for each reason; that the session has ended, the store tells. */
static void note_failure(struct orphans *orphans, const struct database_answer *answer)
{
    static struct log_limit limit;
    char failure[sizeof orphans->failure];

    snprintf(failure, sizeof failure, "%s", answer->message);
    if (answer->kind == DATABASE_LOST || strcmp(failure, orphans->failure) == 0)
        return;
    memcpy(orphans->failure, failure, sizeof failure);
    log_limited(&limit, LOG_LEVEL_WARNING,
                "no scan for orphans: edges whose router is lost are not taken over",
                LOG_TEXT("error", failure));
}

static void note_success(struct orphans *orphans)
{
    if (orphans->failure[0])
        log_info("scans for orphans again");
    orphans->failure[0] = '\0';
}

static void on_scanned(void *context, const struct database_answer *answer)
{
    struct router *router = context;
    struct orphans *orphans = &router->orphans;

    orphans->scan = NULL;
    if (answer->kind != DATABASE_DONE) {
        forget_beats(orphans);
        note_failure(orphans, answer);
        return;
    }
    note_success(orphans);
    orphans->scans++;
    see_edges(router, answer);
    see_others(router, database_cell_integer(answer, ANSWER_OTHERS, 0, 0, 0));
    if (!orphans->has_scanned)
        see_ended(router, answer);
    orphans->has_scanned = true;
    roll_known(router);
    claim_orphans(router);
    if (orphans->scans % CLEANING_SCANS == 1)
        clean(router);
}

static void scan(struct router *router)
{
    struct orphans *orphans = &router->orphans;
    const struct database_value name = database_text(span_text(router->name));
    struct database_unit *unit = database_unit_new(on_scanned, router);
    struct database_unit *sent = unit;

    database_unit_add(unit, &query_scan, NULL, 0);
    database_unit_add(unit, &query_others, &name, 1);
    if (!orphans->has_scanned)
        database_unit_add(unit, &query_ended, NULL, 0);
    if (database_submit(router->store.database, &unit) == 0)
        orphans->scan = sent;
    database_unit_destroy(&unit);
}

/* ---- the beat ---- */

static void on_beaten(void *context, const struct database_answer *answer)
{
    static struct log_limit limit;
    struct router *router = context;

    router->orphans.beat = NULL;
    if (answer->kind != DATABASE_DONE && answer->kind != DATABASE_LOST)
        log_limited(&limit, LOG_LEVEL_WARNING, "no beat: other routers will take this one for lost",
                    LOG_TEXT("error", answer->message));
}

/* By itself: whatever comes of a scan, the other routers see that this one lives. */
static void beat(struct router *router)
{
    const struct database_value name = database_text(span_text(router->name));

    if (database_query(router->store.database, &query_beat, &name, 1, on_beaten, router,
                       &router->orphans.beat) < 0)
        log_debug("no beat: PostgreSQL is behind");
}

static void on_timer(struct loop_timer *timer)
{
    struct router *router = CONTAINER_OF(timer, struct router, orphans.timer);

    if (!store_is_ready(router))
        return;
    if (!router->orphans.beat)
        beat(router);
    if (!router->orphans.scan)
        scan(router);
    loop_timer_start(router->loop, timer, router->config->peer_timeout_ms / BEATS_PER_TIMEOUT);
}

void orphans_on_database_ready(struct router *router)
{
    loop_timer_start(router->loop, &router->orphans.timer, 0);
}

void orphans_on_database_down(struct router *router)
{
    struct orphans *orphans = &router->orphans;

    loop_timer_stop(router->loop, &orphans->timer);
    orphans->has_scanned = false;
    orphans->failure[0] = '\0';
    forget_beats(orphans);
}
