// SPDX-License-Identifier: MIT
#include "calls.c" // the same text must be C++ too
