#include "tests/bench/processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/fail.h"

static FILE *open_file(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "re");
    if (!file)
        fail("the broker's process %d is gone", pid);
    return file;
}

static void read_name(struct process *process)
{
    FILE *file = open_file(process->pid, "comm");
    if (!fgets(process->name, sizeof process->name, file))
        process->name[0] = '\0';
    process->name[strcspn(process->name, "\n")] = '\0';
    fclose(file);
}

void processes_init(struct processes *processes, const char *pids)
{
    *processes = (struct processes){.count = 0};
    while (*pids) {
        char *end;
        long pid = strtol(pids, &end, 10);
        if (pid <= 0 || (*end != ',' && *end != '\0') || processes->count == PROCESSES_MAX)
            fail("not a list of process ids: %s", pids);
        struct process *process = &processes->items[processes->count++];
        process->pid = (int)pid;
        read_name(process);
        pids = *end ? end + 1 : end;
    }
}

void processes_read_cpu(struct processes *processes)
{
    uint64_t tick_us = 1000000U / (uint64_t)sysconf(_SC_CLK_TCK);
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->items[i];
        FILE *file = open_file(process->pid, "stat");
        char line[1024] = "";
        unsigned long user, system;
        const char *fields = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
        /* Fields 14 and 15 of the line; the name (2) may contain anything, even blanks. */
        if (!fields ||
            sscanf(fields + 1, "%*s%*d%*d%*d%*d%*d%*u%*u%*u%*u%*u%lu%lu", &user, &system) != 2)
            fail("/proc/%d/stat does not read as expected", process->pid);
        process->cpu_us = (user + system) * tick_us;
        fclose(file);
    }
}

void processes_read_memory(struct processes *processes)
{
    for (size_t i = 0; i < processes->count; i++) {
        struct process *process = &processes->items[i];
        FILE *file = open_file(process->pid, "smaps_rollup");
        char line[256];
        unsigned long kilobytes = 0;
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "Pss: %lu kB", &kilobytes) == 1)
                break;
        process->pss_bytes = (uint64_t)kilobytes * 1024;
        fclose(file);
    }
}

uint64_t processes_cpu_us(const struct processes *processes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < processes->count; i++)
        sum += processes->items[i].cpu_us;
    return sum;
}

uint64_t processes_pss_bytes(const struct processes *processes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < processes->count; i++)
        sum += processes->items[i].pss_bytes;
    return sum;
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000U + (uint64_t)time.tv_usec;
}

uint64_t processes_own_cpu_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        fail_errno("getrusage");
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}
