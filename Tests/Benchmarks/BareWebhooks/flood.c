#define _GNU_SOURCE
#include "BareWebhooks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { senders = 128, capacity = 4096 };

struct sender {
  int descriptor, waits;
  size_t count;
  char bytes[capacity + 1];
};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void begin(struct sender *sender, uint16_t port, int poll) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = sender};
  int one = 1;
  if (sender->descriptor >= 0) close(sender->descriptor);
  sender->waits = 0;
  sender->count = 0;
  sender->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(sender->descriptor, (struct sockaddr *)&address, sizeof address)) {
    close(sender->descriptor);
    sender->descriptor = -1;
    return;
  }
  setsockopt(sender->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_ctl(poll, EPOLL_CTL_ADD, sender->descriptor, &event);
}

// Takes what has come. Returns the status of a whole answer, 0 where it is not there yet, -1 where the connection has ended.
static int take(struct sender *sender) {
  ssize_t received = recv(sender->descriptor, sender->bytes + sender->count, capacity - sender->count, 0);
  if (received <= 0) return -1;
  sender->count += (size_t)received;
  sender->bytes[sender->count] = 0;
  char *end = strstr(sender->bytes, "\r\n\r\n"), *length = strcasestr(sender->bytes, "\r\nContent-Length: ");
  if (!end) return sender->count < capacity ? 0 : -1;
  size_t size = (size_t)(end + 4 - sender->bytes) + (length && length < end ? strtoul(length + 18, NULL, 10) : 0);
  return sender->count < size ? 0 : atoi(sender->bytes + 9);
}

void bare_flood(uint16_t port, const char *request, long rate, double duration, long statuses[600]) {
  int poll = epoll_create1(EPOLL_CLOEXEC);
  size_t length = strlen(request);
  struct sender *all = calloc(senders, sizeof *all);
  struct epoll_event events[senders];
  for (int index = 0; index < senders; index++) all[index].descriptor = -1, begin(&all[index], port, poll);
  double start = seconds(), now = start;
  long sent = 0;
  while ((now = seconds()) < start + duration) {
    for (int index = 0; index < senders && sent < (long)((now - start) * (double)rate); index++) {
      struct sender *sender = &all[index];
      if (sender->waits) continue;
      if (sender->descriptor < 0) begin(sender, port, poll);
      if (sender->descriptor < 0) continue;
      sender->waits = send(sender->descriptor, request, length, MSG_NOSIGNAL) == (ssize_t)length;
      if (!sender->waits) begin(sender, port, poll);
      sent += sender->waits;
    }
    int ready = epoll_wait(poll, events, senders, 1);
    for (int index = 0; index < ready; index++) {
      struct sender *sender = events[index].data.ptr;
      int status = take(sender);
      if (status > 0) {
        statuses[status < 600 ? status : 0]++, sender->waits = 0, sender->count = 0;
        // What is refused unread cannot be followed by another request.
        if (strcasestr(sender->bytes, "\r\nConnection: close")) begin(sender, port, poll);
      }
      if (status < 0) statuses[0] += sender->waits, begin(sender, port, poll);
    }
  }
  for (int index = 0; index < senders; index++)
    if (all[index].descriptor >= 0) close(all[index].descriptor);
  free(all);
  close(poll);
}
