/* SPDX-License-Identifier: MIT */
/* The harness: finds the workload, runs it, measures. See bench.h. */

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(size_t size);
} workloads[] = {
    { "counts", bench_counts },     { "counts-shuffled", bench_counts_shuffled },
    { "newdrop", bench_newdrop },   { "random-drop", bench_random_drop },
    { "replace", bench_replace },   { "trees", bench_trees },
    { "rings10", bench_rings10 },   { "rings1000", bench_rings1000 },
    { "full1m", bench_full },       { "full10m", bench_full },
    { "garbage1m", bench_garbage }, { "bytes", bench_bytes },
    { "acyclic", bench_acyclic },   { "churn", bench_churn },
    { "churn20m", bench_churn },    { "trash", bench_trash },
    { "goback", bench_goback },
};

static const char *running; /* the workload, for the figures: a name, or name/case */

_Noreturn void bench_fail(const char *why)
{
    fprintf(stderr, "bench: " BENCH_PEER_NAME ": %s: %s\n", running, why);
    fflush(stderr);
    _exit(1);
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How often the system took the processor away. */
static long preemptions(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

static long marked_preemptions;
static uint64_t marked_ns; /* processor time */

void bench_mark(void)
{
    marked_preemptions = preemptions();
    marked_ns = bench_now_ns();
}

uint64_t bench_own_ns(uint64_t from, uint64_t to)
{
    enum { SHORT_NS = 20000 }; /* shorter than any turn of another program */
    uint64_t ns = to - from;
    if (ns > SHORT_NS) {
        uint64_t own = bench_now_ns() - marked_ns;
        if (preemptions() != marked_preemptions && own < ns) {
            ns = own;
        }
        bench_mark();
    }
    return ns;
}

size_t bench_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t total, resident;
    if (file == NULL || fscanf(file, "%zu %zu", &total, &resident) != 2) {
        bench_fail("cannot read /proc/self/statm");
    }
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void *bench_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        bench_fail("no memory");
    }
    return memory;
}

void bench_report(const char *metric, double value, uint64_t check)
{
    printf(BENCH_PEER_NAME "\t%s\t%s\t%.4f\t%llu\n", running, metric, value,
           (unsigned long long)check);
}

void bench_report_curve(const double *values, size_t count, uint64_t check)
{
    printf(BENCH_PEER_NAME "\t%s\tcurve\t", running);
    for (size_t i = 0; i < count; i++) {
        printf(i > 0 ? " %.3g" : "%.3g", values[i]);
    }
    printf("\t%llu\n", (unsigned long long)check);
}

const char *bench_case(void)
{
    const char *slash = strchr(running, '/');
    return slash != NULL ? slash + 1 : "";
}

void bench_report_ns(uint64_t ns, size_t count, uint64_t check)
{
    bench_report("ns", (double)ns / (double)count, check);
}

uint32_t *bench_shuffled(size_t count)
{
    uint32_t *numbers = bench_alloc(count, sizeof(*numbers));
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (uint32_t)i;
    }
    uint32_t state = 1;
    for (size_t i = count - 1; i > 0; i--) {
        uint32_t j = bench_below(&state, i);
        uint32_t kept = numbers[i];
        numbers[i] = numbers[j];
        numbers[j] = kept;
    }
    return numbers;
}

int main(int argc, char **argv)
{
    size_t count = sizeof(workloads) / sizeof(workloads[0]);
    if (argc < 3) {
        for (size_t i = 0; i < count; i++) {
            puts(workloads[i].name);
        }
        return 0;
    }
    running = argv[1];
    size_t size = strtoull(argv[2], NULL, 10);
    if (size < 2 || size > UINT32_MAX) {
        bench_fail("the size must be a number from 2 to 2^32 - 1");
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = strcspn(running, "/");
        if (strncmp(workloads[i].name, running, length) == 0 && workloads[i].name[length] == '\0') {
            workloads[i].run(size);
            fflush(stdout);
            /* Without destructors: taking 10 million objects down is not what is measured. */
            _exit(0);
        }
    }
    bench_fail("there is no such workload");
}
