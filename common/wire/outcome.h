/* The closed sets of values that messages carry as numbers. Part of the wire form: values are only
 * added, never changed. (Event kinds and command types are the contract's: common/contract.) */
#ifndef SLIP_WIRE_OUTCOME_H
#define SLIP_WIRE_OUTCOME_H

/* refused.code: why there is no session. */
enum link_refusal {
    LINK_REFUSED_STACK = 1, /* another STACK_NAME */
    LINK_REFUSED_ROLE = 2,  /* this process does not talk to that role */
    LINK_REFUSED_FULL = 3,  /* too many peers */
    LINK_REFUSED_NAME = 4,  /* no name, or one with characters that names do not have */
    LINK_REFUSED_ALIAS = 5, /* this very process is linked already, through another address */
};

/* snapshot_entry.state, and the state column of the table connections. */
enum connection_state {
    CONNECTION_OPENING = 0, /* the handshake waits for the backend */
    CONNECTION_OPEN = 1,
    CONNECTION_CLOSING = 2, /* the socket is gone or going; its CLOSE is not acknowledged yet */
};

/* done_item.verdict: what an answer said to the OPEN in its batch. */
enum open_verdict {
    OPEN_VERDICT_NONE = 0, /* there was no OPEN in the batch */
    OPEN_VERDICT_ACCEPTED = 1,
    OPEN_VERDICT_REFUSED = 2,
};

/* ack.outcome: how a batch ended. */
enum ack_outcome {
    ACK_DELIVERED = 0, /* answered 2xx, and the answer's commands are applied */
    ACK_REFUSED = 1, /* OPEN: the backend certainly did not accept (it said so, or never got it) */
    ACK_UNKNOWN =
        2, /* OPEN: it may have accepted (no answer in time, connection lost): CLOSE is owed */
    ACK_DEAD_LETTER = 3, /* given up, and kept in dead_letters */
};

/* done.outcome: how one HTTP attempt ended; what follows is the router's decision. */
enum job_outcome {
    JOB_DELIVERED = 0,      /* 2xx, a valid answer, commands applied */
    JOB_NOT_SENT = 1,       /* could not connect or resolve: the backend never saw it */
    JOB_TIMED_OUT = 2,      /* no complete answer in time: the backend may have acted */
    JOB_BROKEN = 3,         /* connection lost mid-way: the backend may have acted */
    JOB_STATUS = 4,         /* an answer other than 2xx: done.status, done.retry_after_ms */
    JOB_INVALID_ANSWER = 5, /* 2xx, but the answer is not what it should be, or too large */
    JOB_ABORTED = 6,        /* the worker is leaving; counts as no attempt */
    JOB_HELD = 7,           /* not tried: the target is down; ask again after done.retry_after_ms */
};

#endif
