#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/metrics.h"

static int64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int64_t count = 0;
    if (!directory)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* the directory itself */
}

static int64_t resident_bytes(void)
{
    long long total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%lld %lld", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static int64_t in_microseconds(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

/* Field 22 of stat, in ticks since boot; the name before it may hold blanks and brackets. */
static int64_t start_us(void)
{
    char text[1024];
    long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *after_name = strrchr(text, ')');
    if (!after_name || sscanf(after_name + 1,
                              " %*c" /* state */
                              " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                              " %*s %*s %lld",
                              &ticks) != 1)
        return 0;
    int64_t since_boot_ms = ticks * 1000 / sysconf(_SC_CLK_TCK);
    return (clock_realtime_ms() - clock_boottime_ms() + since_boot_ms) * 1000;
}

void metrics_measure_process(void)
{
    static int64_t started_us;
    struct rusage usage;
    struct rlimit limit;
    if (started_us == 0)
        started_us = start_us();
    metric_set(METRIC_PROCESS_START, started_us);
    metric_set(METRIC_PROCESS_RESIDENT, resident_bytes());
    metric_set(METRIC_PROCESS_DESCRIPTORS, count_descriptors());
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metric_set(METRIC_PROCESS_CPU,
                   in_microseconds(usage.ru_utime) + in_microseconds(usage.ru_stime));
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(METRIC_PROCESS_DESCRIPTOR_LIMIT, (int64_t)limit.rlim_cur);
}
