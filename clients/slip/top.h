/* What `slip top` knows at one moment, and how it is drawn. */
#ifndef SLIP_CLIENTS_SLIP_TOP_H
#define SLIP_CLIENTS_SLIP_TOP_H

#include "clients/slip/processes.h"
#include "clients/slip/tool.h"

enum { TOP_CHANNELS = 20 };

struct top {
    struct tool *tool;
    struct processes processes;
    char *status; /* of REST; NULL: it did not answer, and `trouble` says why */
    size_t status_length;
    char *channels; /* the first by name */
    size_t channels_length;
    int64_t channels_ms; /* when they were read */
    struct slip_error trouble;
    bool is_by_name;
    bool is_paused;
    int64_t interval_ms;
    size_t width, height;
};

/* A whole screen of lines, each at most `width` columns, at most `height` of them. */
void top_draw(const struct top *top, struct buffer *screen);

/* One line of JSON. */
void top_append_json(const struct top *top, struct buffer *text);

/* "1.2k", "34 MB", "1.5 ms": numbers for people, at most 8 columns. */
void top_append_count(struct buffer *text, double count);
void top_append_bytes(struct buffer *text, double bytes);
void top_append_seconds(struct buffer *text, double seconds);

#endif
