/* Text from strangers on a terminal: nothing that it holds may steer the terminal, and it takes as
 * much room as we believe it does.
 *
 * Pure functions, but for text_init().
 */
#ifndef SLIP_CLIENTS_SLIP_TEXT_H
#define SLIP_CLIENTS_SLIP_TEXT_H

#include "common/base/buffer.h"

/* Once, at the start: the widths of characters are those of Unicode, whatever the locale. */
void text_init(void);

/* Appends the text with what is not printable escaped: \n, \t, \x1b (also bytes that are not
 * UTF-8), \u202e (marks that turn the direction of writing). A backslash stays. */
void text_append_safe(struct buffer *buffer, struct span text);

/* Columns that a safe text takes. */
size_t text_width(struct span text);

/* Appends what of a safe text fits into `width` columns, the last of them "…" when it does not fit
 * whole; then blanks up to `width` when `pad`. */
void text_append_fitted(struct buffer *buffer, struct span text, size_t width, bool pad);

#endif
