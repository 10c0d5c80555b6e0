/* A benchmark that finds anything wrong has no result: it says why, and ends with exit code 1. */
#ifndef SLIP_BENCH_FAIL_H
#define SLIP_BENCH_FAIL_H

#include "common/base/base.h"

NORETURN void fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* With the text of errno behind it. */
NORETURN void fail_errno(const char *what);

#endif
