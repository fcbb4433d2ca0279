#pragma once
#include <libpq-fe.h>
// Glibc's module leaves it out; the thread that waits for notifications is woken by one.
#include <sys/eventfd.h>
