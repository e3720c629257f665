/* SPDX-License-Identifier: MIT */
/* ouro without collections that start by themselves. */

#define OURO_BENCH_DISABLED true
#include "ouro.h"
