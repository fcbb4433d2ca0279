#pragma once
#include <stdint.h>

// Starts a thread that accepts HTTP requests on loopback, for as long as the process lives, and answers each with a few bytes.
// Returns its port, or 0.
uint16_t bare_receiver_start(void);

// Sends `count` POST requests with libcurl's multi handle and epoll, `in_flight` of them at once, each easy handle prepared
// once and used again and again: what libcurl itself can do. Returns how many were answered.
long bare_send(const char *url, const char *body, int in_flight, long count);
