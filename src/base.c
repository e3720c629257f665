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
    bool is_under_way = heap->busy > 0 || heap->draining;
    if (!is_under_way || then == 0 || now < then || now - then > STACK_MAX ||
        heap->thread != &errno) {
        return false;
    }
    /* A death by count outside of all else. The object stays, dying. */
    bool is_given_up = heap->busy == 0 && heap->weak_calls == 0;
    heap->frame = NULL;
    heap->draining = heap->draining && !is_given_up;
    gci_panic(heap, "ouro: %s%s%s was left by longjmp or an exception%s",
              heap->callback == NULL ? "a callback" : heap->callback,
              heap->callback_type == NULL ? "" : " of type ",
              heap->callback_type == NULL ? "" : heap->callback_type->name,
              is_given_up ? "" : ": nothing is collected or destroyed any more");
    heap->callback = NULL;
    heap->callback_type = NULL;
    return is_given_up;
}

bool gci_size_of_array(size_t a, size_t b, size_t c, size_t *result)
{
    if (b != 0 && a > (SIZE_MAX - c) / b) {
        return false;
    }
    *result = a * b + c;
    return true;
}
