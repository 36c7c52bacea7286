#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) < 0)
        die("clock_gettime");
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t now_ns(void) { return clock_ns(CLOCK_REALTIME); }

_Noreturn void die(const char *what)
{
    fprintf(stderr, "rtpload: %s: %s\n", what, strerror(errno));
    exit(1);
}

uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    if ((errno = clock_getcpuclockid(pid, &clock)) != 0)
        die("the relay is gone");
    return clock_ns(clock);
}

uint64_t stolen_ms(void)
{
    uint64_t steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL || fscanf(file, "cpu %*u %*u %*u %*u %*u %*u %*u %lu", &steal) != 1)
        steal = 0;
    if (file != NULL)
        fclose(file);
    return steal * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}
