/* What the broker's processes cost: CPU time and proportional memory, from /proc.
 *
 * On loopback the CPU time of a send includes the receiving side's part in the kernel; that is so
 * for every broker, and ratios stay fair.
 */
#ifndef SLIP_BENCH_PROCESSES_H
#define SLIP_BENCH_PROCESSES_H

#include <stddef.h>
#include <stdint.h>

enum { PROCESSES_MAX = 64 };

struct process {
    int pid;
    char name[32];
    uint64_t cpu_us;    /* user and system, all threads */
    uint64_t pss_bytes; /* shared pages divided among those that share them */
};

struct processes {
    size_t count;
    struct process items[PROCESSES_MAX];
};

/* "12,34,…" or empty; exits with a message when it is anything else. */
void processes_init(struct processes *processes, const char *pids);

/* Both read /proc anew; a process that is gone ends the benchmark. Memory is dear to read (the
 * kernel walks all pages), so it is asked for separately. */
void processes_read_cpu(struct processes *processes);
void processes_read_memory(struct processes *processes);

uint64_t processes_cpu_us(const struct processes *processes);
uint64_t processes_pss_bytes(const struct processes *processes);

/* User and system time of this process itself. */
uint64_t processes_own_cpu_us(void);

#endif
