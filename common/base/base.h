/* The few words that every file uses: attributes, invariants, allocation.
 *
 * Two kinds of failure are told apart here. An input from outside that is wrong is answered with
 * an error code; an invariant of our own that is broken stops the process (ASSERT), because state
 * that is known to be wrong must not reach a client or the database.
 */
#ifndef SLIP_BASE_BASE_H
#define SLIP_BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE          __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN          __attribute__((noreturn))

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* The structure that embeds `member` at `pointer`. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Holds in every build. For our own invariants only, never for what a peer sent. */
#define ASSERT(condition) \
    ((condition) ? (void)0 : base_assert_failed(#condition, __FILE__, __LINE__))

NORETURN void base_assert_failed(const char *condition, const char *file, int line);

/* Allocate or abort. For sizes that we chose; a size that came from outside is bounded first.
 * The caller owns the result and releases it with free(). */
MUST_USE
void *xmalloc(size_t size);
MUST_USE
void *xcalloc(size_t count, size_t size);
MUST_USE
void *xrealloc(void *pointer, size_t size);
MUST_USE
char *xstrdup(const char *text);
MUST_USE
char *xmemdup0(const void *data, size_t length); /* copies and adds a final NUL */

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

#endif
