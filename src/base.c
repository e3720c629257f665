/* SPDX-License-Identifier: MIT */

#include "base.h"

#include <stdlib.h>

enum { MESSAGE_SIZE = 512 };

OURO_PRINTF(3, 0)
static void tell(gc_heap *heap, char *text, const char *format, va_list arguments)
{
    (void)vsnprintf(text, MESSAGE_SIZE, format, arguments);
    if (heap->config.message != NULL) {
        heap->config.message(heap, text); /* user code may run here */
    } else {
        (void)fprintf(stderr, "%s\n", text);
    }
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
    heap->config.panic(heap, text); /* user code may run here */
}

bool gci_size_of_array(size_t a, size_t b, size_t c, size_t *result)
{
    if (b != 0 && a > (SIZE_MAX - c) / b) {
        return false;
    }
    *result = a * b + c;
    return true;
}
