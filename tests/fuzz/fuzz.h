/* The entry of a fuzz target, as libFuzzer (and replay_main.c in its place) calls it. */
#ifndef SLIP_FUZZ_FUZZ_H
#define SLIP_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0; a finding is a crash, a failed ASSERT or a sanitizer's report. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
