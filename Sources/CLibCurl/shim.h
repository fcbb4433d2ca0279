#pragma once
#include <curl/curl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
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

// libcurl takes a copy of the bytes.
static inline CURLcode curl_shim_set_body(CURL *easy, const void *bytes, size_t count) {
  CURLcode result = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count);
  return result != CURLE_OK ? result : curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, count > 0 ? bytes : "");
}

static inline CURLcode curl_shim_set_data_callback(CURL *easy, CURLoption option, curl_shim_data_callback callback) {
  return curl_easy_setopt(easy, option, callback);
}

static inline CURLcode curl_shim_set_seek_callback(CURL *easy, curl_shim_seek_callback callback) {
  return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
}

static inline CURLcode curl_shim_set_open_socket_callback(CURL *easy, curl_opensocket_callback callback) {
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode curl_shim_set_progress_callback(CURL *easy, curl_xferinfo_callback callback) {
  return curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, callback);
}

static inline CURLcode curl_shim_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode curl_shim_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

// Of a handle that has no options yet; null where the library was built without one.
static inline const char *curl_shim_default_authority_file(CURL *easy) {
  char *file = NULL;
  curl_easy_getinfo(easy, CURLINFO_CAINFO, &file);
  return file;
}

static inline CURLMcode curl_shim_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

static inline void curl_shim_multi_set_socket_callback(CURLM *multi, curl_socket_callback callback, void *context) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}

static inline void curl_shim_multi_set_timer_callback(CURLM *multi, curl_multi_timer_callback callback, void *context) {
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}

// The result of a CURLMSG_DONE message lies in a union.
static inline CURLcode curl_shim_message_result(const CURLMsg *message) { return message->data.result; }

static inline CURLcode curl_shim_resume(CURL *easy) { return curl_easy_pause(easy, CURLPAUSE_CONT); }

static inline CURLcode curl_shim_get_private(CURL *easy, void **value) {
  return curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)value);
}
