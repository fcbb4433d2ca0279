#pragma once
#include <stddef.h>
#include <stdint.h>

// libFuzzer has no header of its own for this; see "Using libFuzzer as a library" in its documentation.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*test_one_input)(const uint8_t *data, size_t size));
