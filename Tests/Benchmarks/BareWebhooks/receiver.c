#define _GNU_SOURCE
#include "BareWebhooks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { capacity = 8192 };

struct connection {
  int descriptor;
  size_t count;
  char bytes[capacity + 1];
};

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Answers every whole request that has come. Returns 0 where the connection is over.
static int serve(struct connection *connection) {
  ssize_t received = recv(connection->descriptor, connection->bytes + connection->count, capacity - connection->count, 0);
  if (received <= 0) return 0;
  connection->count += (size_t)received;
  for (;;) {
    connection->bytes[connection->count] = 0;
    char *end = strstr(connection->bytes, "\r\n\r\n");
    if (!end) return connection->count < capacity;
    char *length = strcasestr(connection->bytes, "\r\nContent-Length: ");
    size_t size = (size_t)(end + 4 - connection->bytes) + (length && length < end ? strtoul(length + 18, NULL, 10) : 0);
    if (connection->count < size) return size <= capacity;
    connection->count -= size;
    memmove(connection->bytes, connection->bytes + size, connection->count);
    if (send(connection->descriptor, answer, sizeof answer - 1, MSG_NOSIGNAL) != sizeof answer - 1) return 0;
  }
}

static void *run(void *context) {
  int listener = (int)(intptr_t)context, poll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, events, 256, -1);
    for (int index = 0; index < count; index++) {
      struct connection *connection = events[index].data.ptr;
      if (connection) {
        if (serve(connection)) continue;
        close(connection->descriptor);
        free(connection);
        continue;
      }
      int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
      if (descriptor < 0 || !(connection = malloc(sizeof *connection))) continue;
      setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      connection->descriptor = descriptor;
      connection->count = 0;
      event.data.ptr = connection;
      epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
    }
  }
}

uint16_t bare_receiver_start(void) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  pthread_t thread;
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096) ||
      getsockname(listener, (struct sockaddr *)&address, &length) ||
      pthread_create(&thread, NULL, run, (void *)(intptr_t)listener))
    return 0;
  pthread_detach(thread);
  return ntohs(address.sin_port);
}
