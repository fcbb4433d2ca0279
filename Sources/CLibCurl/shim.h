#pragma once
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

// curl_easy_setopt and curl_easy_getinfo are variadic (and macros that check types); Swift needs one function a type.
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

typedef size_t (*curl_shim_data_callback)(char *buffer, size_t size, size_t count, void *context);
typedef int (*curl_shim_seek_callback)(void *context, curl_off_t offset, int origin);

static inline CURLcode curl_shim_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode curl_shim_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode curl_shim_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode curl_shim_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

// libcurl takes a copy of the bytes.
static inline CURLcode curl_shim_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
  struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
  return curl_easy_setopt(easy, option, &blob);
}

static inline CURLcode curl_shim_set_data_callback(CURL *easy, CURLoption option, curl_shim_data_callback callback) {
  return curl_easy_setopt(easy, option, callback);
}

static inline CURLcode curl_shim_set_seek_callback(CURL *easy, curl_shim_seek_callback callback) {
  return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
}

// Called for each new socket. One that is no TCP socket has no such option.
static inline int curl_shim_prepare_socket(void *context, curl_socket_t socket, curlsocktype purpose) {
  unsigned int milliseconds = (unsigned int)(uintptr_t)context;
  (void)purpose;
  (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  return CURL_SOCKOPT_OK;
}

// A TCP connection ends when the peer has acknowledged nothing for so long, be it data or a probe.
static inline void curl_shim_set_peer_timeout(CURL *easy, unsigned int milliseconds) {
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, curl_shim_prepare_socket);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, (void *)(uintptr_t)milliseconds);
}

static inline CURLcode curl_shim_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode curl_shim_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode curl_shim_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

// The result of a CURLMSG_DONE message lies in a union.
static inline CURLcode curl_shim_message_result(const CURLMsg *message) { return message->data.result; }

static inline CURLcode curl_shim_resume(CURL *easy) { return curl_easy_pause(easy, CURLPAUSE_CONT); }

static inline CURLcode curl_shim_get_private(CURL *easy, void **value) {
  return curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)value);
}
