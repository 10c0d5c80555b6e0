/* The text of one log line, built in place, never longer than LOG_LINE_BYTES, always well formed.
 *
 *     log_line_begin → log_line_add … → log_line_end
 *
 * A value that is too long is cut and marked with "..."; fields that find no room any more are left
 * out, and the line says truncated=true.
 */
#ifndef SLIP_PROCESS_LOG_LINE_H
#define SLIP_PROCESS_LOG_LINE_H

#include "common/process/log.h"

struct log_line {
    enum log_format format;
    size_t length;
    bool is_truncated;
    char text[LOG_LINE_BYTES];
};

void log_line_begin(struct log_line *line, enum log_format format);

/* Fields without key are left out. */
void log_line_add(struct log_line *line, struct log_field field);

/* The line with its newline; points into `line`. */
struct span log_line_end(struct log_line *line);

#endif
