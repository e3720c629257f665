/* SPDX-License-Identifier: MIT */

#include "base.h"

#include <errno.h>
#include <stdlib.h>

enum {
    MESSAGE_SIZE = 512,
    STACK_MAX = 8 << 20, /* frames further apart are of two stacks */
};

OURO_PRINTF(3, 0)
static void tell(gc_heap *heap, char *text, const char *format, va_list arguments)
{
    int error = errno;
    (void)vsnprintf(text, MESSAGE_SIZE, format, arguments);
    if (heap->config.message != NULL) {
        heap->config.message(heap, text); /* user code may run here */
    } else {
        (void)fprintf(stderr, "%s\n", text);
    }
    errno = error;
}

void gci_message(gc_heap *heap, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    tell(heap, text, format, arguments); /* user code may run here */
    va_end(arguments);
}

void gci_panic(gc_heap *heap, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    tell(heap, text, format, arguments); /* user code may run here */
    va_end(arguments);
    if (heap->config.panic == NULL) {
        abort();
    }
    int error = errno;
    heap->config.panic(heap, text); /* user code may run here */
    errno = error;
}

void gci_enter(gc_heap *heap, void *frame)
{
    if (heap->frame == NULL) {
        heap->frame = frame;
        heap->thread = &errno;
    }
}

bool gci_has_been_left(gc_heap *heap, const void *frame)
{
    uintptr_t now = (uintptr_t)frame, then = (uintptr_t)heap->frame;
    if (!gci_is_under_way(heap) || then == 0 || now < then || now - then > STACK_MAX ||
        heap->thread != &errno) {
        return false;
    }
    /* A death by count outside of all else. The object stays, dying. */
    bool is_given_up = heap->busy == 0 && heap->weak_calls == 0;
    heap->frame = NULL;
    heap->draining = heap->draining && !is_given_up;
    heap->deferring = heap->deferring && !is_given_up;
    heap->drain_start_ns = 0;
    gci_panic(heap, "ouro: %s%s%s was left by longjmp or an exception%s",
              heap->callback == NULL ? "a callback" : heap->callback,
              heap->callback_type == NULL ? "" : " of type ",
              heap->callback_type == NULL ? "" : heap->callback_type->name,
              is_given_up ? "" : ": nothing is collected or destroyed any more");
    heap->callback = NULL;
    heap->callback_type = NULL;
    return is_given_up;
}

/* The bucket of a pause, see struct gci_pauses. */
static size_t bucket_of(uint64_t ns)
{
    uint64_t units = ns >> GCI_PAUSE_SHIFT;
    size_t shift = gci_highest_bit(units | 4) - 2;
    size_t bucket = 4 * shift + (size_t)(units >> shift);
    return bucket < GCI_PAUSE_BUCKETS ? bucket : GCI_PAUSE_BUCKETS - 1;
}

void gci_pause_record(gc_heap *heap, gc_phase phase, uint64_t ns)
{
    struct gci_pauses *pauses = &heap->pauses[phase];
    pauses->ns_total += ns;
    pauses->ns_max = ns > pauses->ns_max ? ns : pauses->ns_max;
    pauses->counts[bucket_of(ns)]++;
    heap->drain_start_ns += heap->drain_start_ns != 0 ? ns : 0;
}

bool gci_size_of_array(size_t a, size_t b, size_t c, size_t *result)
{
    if (b != 0 && a > (SIZE_MAX - c) / b) {
        return false;
    }
    *result = a * b + c;
    return true;
}
