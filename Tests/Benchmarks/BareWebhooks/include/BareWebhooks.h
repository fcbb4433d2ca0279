#pragma once
#include <stdint.h>

// Starts a thread that accepts HTTP requests on loopback, for as long as the process lives, and answers each with a few bytes.
// Returns its port, or 0.
uint16_t bare_receiver_start(void);

// Sends `count` POST requests with libcurl's multi handle and epoll, `in_flight` of them at once, each easy handle prepared
// once and used again and again: what libcurl itself can do. Returns how many were answered.
long bare_send(const char *url, const char *body, int in_flight, long count);

// Sends `request`, the bytes of a whole HTTP request, to a port of loopback `rate` times a second over 128 connections, as far as they
// are answered in time, for `duration` seconds. Counts the answers by their status, and those that never came under 0.
void bare_flood(uint16_t port, const char *request, long rate, double duration, long statuses[600]);
