/* SPDX-License-Identifier: MIT */

/* MAP_ANONYMOUS and madvise are not in POSIX, but in every system that this file is for. */
#define _DEFAULT_SOURCE /* NOLINT(bugprone-reserved-identifier): the system's own switch */
#define _DARWIN_C_SOURCE

#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier): for dladdr */

#include "sys.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<sys/random.h>)
#include <sys/random.h>
#endif
#if __has_include(<execinfo.h>) && __has_include(<dlfcn.h>)
#define HAS_FRAMES 1
#include <dlfcn.h>
#include <execinfo.h>
#endif
#endif
#ifndef HAS_FRAMES
#define HAS_FRAMES 0
#endif

/* LeakSanitizer searches memory that it knows for pointers to blocks of malloc's. It does not know
 * what mmap gave, so blocks that only objects lead to would be reported as leaked. A program that
 * has it has these two functions; the second wants the block and size that the first was given. */
#if OURO_HAS_ATTRIBUTE(weak) && defined(__ELF__)
#define WEAK __attribute__((weak))
/* NOLINTBEGIN(bugprone-reserved-identifier): the sanitizer's names */
WEAK void __lsan_register_root_region(const void *block, size_t size);
WEAK void __lsan_unregister_root_region(const void *block, size_t size);
/* NOLINTEND(bugprone-reserved-identifier) */
#define TELL_SANITIZER(call, block, size) \
    do { \
        if (__lsan_##call##_root_region != NULL) { \
            __lsan_##call##_root_region((block), (size)); \
        } \
    } while (0)
#else
#define TELL_SANITIZER(call, block, size) ((void)0)
#endif

static char *map(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : (char *)block;
}

static void unmap(void *block, size_t size)
{
    (void)munmap(block, size); /* fails for arguments only that map never gave */
}

/* Aligned memory is cut out of a larger piece: mmap knows no alignment. */
static char *map_aligned(size_t size, size_t align)
{
    char *piece = size > SIZE_MAX - align ? NULL : map(size + align);
    if (piece == NULL) {
        return NULL;
    }
    size_t before = (size_t)(-(uintptr_t)piece & (align - 1));
    if (before > 0) {
        unmap(piece, before);
    }
    unmap(piece + before + size, align - before);
    return piece + before;
}

void *gci_sys_map(size_t size, size_t align)
{
    /* No system has smaller pages than 4096. */
    char *block = align <= 4096 ? map(size) : map_aligned(size, align);
    if (block != NULL) {
        TELL_SANITIZER(register, block, size);
    }
    return block;
}

void gci_sys_unmap(void *block, size_t size)
{
    TELL_SANITIZER(unregister, block, size);
    unmap(block, size);
}

void gci_sys_purge(void *part, size_t size)
{
#ifdef __linux__
    int advice = MADV_DONTNEED; /* elsewhere this need not free anything */
#else
    int advice = MADV_FREE;
#endif
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), place = (uintptr_t)part;
    uintptr_t from = (place + page - 1) / page * page, to = (place + size) / page * page;
    if (from < to) {
        (void)madvise((char *)part + (from - place), to - from, advice);
    }
}

void gci_sys_advise_huge(void *block, size_t size, bool wanted)
{
#ifdef MADV_HUGEPAGE
    (void)madvise(block, size, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
    (void)block;
    (void)size;
    (void)wanted;
#endif
}

uint64_t gci_sys_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The system's random bytes. false: there are none. */
static bool read_random(void *bytes, size_t size)
{
#ifdef GRND_NONBLOCK
    if (getrandom(bytes, size, GRND_NONBLOCK) == (ssize_t)size) {
        return true;
    }
#endif
    int file = open("/dev/urandom", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool is_read = file >= 0 && read(file, bytes, size) == (ssize_t)size;
    if (file >= 0) {
        (void)close(file);
    }
    return is_read;
}

void gci_sys_random(void *bytes, size_t size)
{
    if (read_random(bytes, size)) {
        return;
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t state = gci_sys_clock_ns() ^ (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
                     (uintptr_t)bytes << 16 ^ (uintptr_t)&gci_sys_random;
    for (size_t i = 0; i < size; i++) { /* Knuth's linear congruential generator */
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        ((unsigned char *)bytes)[i] = (unsigned char)(state >> 56);
    }
}

FILE *gci_sys_open_file(const char *name)
{
    int file = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe must not make us wait */
    struct stat status;
    FILE *stream = NULL;
    if (file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
        stream = fdopen(file, "r");
    }
    if (file >= 0 && stream == NULL) {
        (void)close(file);
    }
    return stream;
}

bool gci_sys_is_terminal(FILE *file)
{
    return isatty(fileno(file)) != 0;
}

bool gci_sys_has_frames(void)
{
    return HAS_FRAMES;
}

size_t gci_sys_frames(void **frames, size_t max)
{
#if HAS_FRAMES
    int count = backtrace(frames, (int)max);
    return count < 0 ? 0 : (size_t)count;
#else
    (void)frames;
    (void)max;
    return 0;
#endif
}

void gci_sys_frame_name(void *frame, char *buffer, size_t size)
{
    (void)snprintf(buffer, size, "%p", frame);
#if HAS_FRAMES
    Dl_info info;
    /* What is returned to may be the next function already, when the call was a function's last. */
    if (dladdr((char *)frame - 1, &info) != 0 && info.dli_fname != NULL) {
        const char *slash = strrchr(info.dli_fname, '/');
        bool named = info.dli_sname != NULL;
        const char *name = named ? info.dli_sname : slash == NULL ? info.dli_fname : slash + 1;
        const char *base = named ? info.dli_saddr : info.dli_fbase;
        (void)snprintf(buffer, size, "%s+0x%zx", name, (size_t)((const char *)frame - base));
    }
#endif
}
