#include "BareWebhooks.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static size_t take(char *bytes, size_t size, size_t count, void *context) {
  (void)bytes, (void)context;
  return size * count;
}

static int watch(CURL *easy, curl_socket_t socket, int what, void *context, void *known) {
  (void)easy, (void)known;
  int poll = *(int *)context;
  struct epoll_event event = {.data.fd = socket};
  if (what == CURL_POLL_REMOVE) return epoll_ctl(poll, EPOLL_CTL_DEL, socket, &event), 0;
  event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
  if (epoll_ctl(poll, EPOLL_CTL_MOD, socket, &event)) epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
  return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context) {
  (void)multi;
  *(long *)context = milliseconds;
  return 0;
}

long bare_send(const char *url, const char *body, int in_flight, long count) {
  int poll = epoll_create1(EPOLL_CLOEXEC), running = 0;
  long milliseconds = -1, started = 0, answered = 0, ended = 0;
  CURLM *multi = curl_multi_init();
  CURL **handles = calloc((size_t)in_flight, sizeof *handles);
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  headers = curl_slist_append(headers, "X-Webhook-Signature: sha256=0123456789abcdef0123456789abcdef0123456789abcdef");
  headers = curl_slist_append(headers, "Expect:");
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, &poll);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, &milliseconds);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)in_flight);
  for (int index = 0; index < in_flight && started < count; index++, started++) {
    CURL *easy = handles[index] = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_multi_add_handle(multi, easy);
  }
  struct epoll_event events[256];
  while (ended < count) {
    int ready = epoll_wait(poll, events, 256, milliseconds < 0 || milliseconds > 1000 ? 1000 : (int)milliseconds);
    for (int index = 0; index < ready; index++) {
      int how = (events[index].events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events[index].events & EPOLLOUT ? CURL_CSELECT_OUT : 0);
      curl_multi_socket_action(multi, events[index].data.fd, how, &running);
    }
    if (milliseconds == 0 || ready <= 0) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
      CURL *easy = message->easy_handle;
      long status = 0;
      if (message->data.result == CURLE_OK) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      answered += status == 200;
      ended++;
      curl_multi_remove_handle(multi, easy);
      if (started < count) started++, curl_multi_add_handle(multi, easy);
    }
  }
  for (int index = 0; index < in_flight; index++) curl_easy_cleanup(handles[index]);
  curl_multi_cleanup(multi);
  curl_slist_free_all(headers);
  free(handles);
  close(poll);
  return answered;
}
